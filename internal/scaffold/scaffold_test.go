package scaffold_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/internal/scaffold"

	"github.com/google/go-cmp/cmp"
)

// TestBackendCompilesAndAnswers builds a new backend away from this folder and without a
// network, and runs its own test, once with modules as they stand in its go.mod and once
// with leave to change that file, which must not be needed.
func TestBackendCompilesAndAnswers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "Loud & Clear")
	names, err := scaffold.Create(scaffold.Options{Kind: scaffold.Backend, Dir: dir, Source: oracle.Root(t)})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{".gitignore", "Makefile", "README.md", "go.mod", "go.sum", "main.go", "main_test.go", "model.go", "testdata/predict.json"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, contents(t, dir)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	mod := read(t, dir, "go.mod")
	for _, mode := range []string{"readonly", "mod"} {
		for _, args := range [][]string{{"vet", "./..."}, {"test", "./..."}} {
			cmd := exec.Command("go", args...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "GOFLAGS=-mod="+mode, "GOPROXY=off", "GOWORK=off")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("go %s with -mod=%s: %v\n%s", strings.Join(args, " "), mode, err, out)
			}
		}
	}
	if diff := cmp.Diff(mod, read(t, dir, "go.mod")); diff != "" {
		t.Errorf("the go command changed go.mod (-before +after):\n%s", diff)
	}
	for _, path := range []string{"README.md", "main.go"} {
		if text := read(t, dir, path); strings.Contains(text, "my-backend") || !strings.Contains(text, "loud---clear") {
			t.Errorf("%s does not call it loud---clear", path)
		}
	}
}

func TestBackendOfUnknownSourcesSaysWhereTheyBelong(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mine")
	if _, err := scaffold.Create(scaffold.Options{Kind: scaffold.Backend, Dir: dir}); err != nil {
		t.Fatal(err)
	}
	if mod := read(t, dir, "go.mod"); !strings.Contains(mod, "replace github.com/asr-backend/asr-backend => ../asr-backend") {
		t.Errorf("go.mod:\n%s", mod)
	}
}

func TestCapturedRequestIsTheOneOfTheRepository(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mine")
	if _, err := scaffold.Create(scaffold.Options{Kind: scaffold.Backend, Dir: dir}); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(oracle.Root(t), "labelstudio", "labelstudiotest", "captures", "05-predict-open-task.json"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), read(t, dir, "testdata/predict.json")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNothingIsOverwritten(t *testing.T) {
	for _, c := range []struct {
		name   string
		before map[string]string // path to content; a path with a slash at its end is a folder
		want   []string          // in the way; nil: it is made
	}{
		{"an empty folder", map[string]string{"mine/": ""}, nil},
		{"a folder with other files", map[string]string{"mine/notes.txt": "n", "mine/testdata/own.json": "o"}, nil},
		{"files of the same names", map[string]string{"mine/main.go": "package x", "mine/go.mod": "module x", "mine/notes.txt": "n"}, []string{"go.mod", "main.go"}},
		{"a folder of the name of a file", map[string]string{"mine/Makefile/x": ""}, []string{"Makefile"}},
		{"a file where a folder is needed", map[string]string{"mine/testdata": "t"}, []string{"testdata"}},
		{"a file of the folder's name", map[string]string{"mine": "m"}, []string{"mine"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			parent := t.TempDir()
			for path, content := range c.before {
				at := filepath.Join(parent, path)
				if err := os.MkdirAll(filepath.Dir(at), 0o777); err != nil {
					t.Fatal(err)
				}
				if strings.HasSuffix(path, "/") {
					if err := os.Mkdir(at, 0o777); err != nil {
						t.Fatal(err)
					}
				} else if err := os.WriteFile(at, []byte(content), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			before := contents(t, parent)
			names, err := scaffold.Create(scaffold.Options{Kind: scaffold.Backend, Dir: filepath.Join(parent, "mine")})
			if c.want == nil {
				if err != nil {
					t.Fatal(err)
				}
				for i := range names {
					names[i] = "mine/" + names[i]
				}
				want := append(names, before...)
				slices.Sort(want)
				if diff := cmp.Diff(want, contents(t, parent)); diff != "" {
					t.Errorf("files (-want +got):\n%s", diff)
				}
			} else {
				var way *scaffold.InTheWayError
				if !errors.As(err, &way) || !slices.Equal(way.Paths, c.want) {
					t.Errorf("got %v, want %v in the way", err, c.want)
				}
				if diff := cmp.Diff(before, contents(t, parent)); diff != "" {
					t.Errorf("files changed (-before +after):\n%s", diff)
				}
			}
			for path, content := range c.before {
				if !strings.HasSuffix(path, "/") && read(t, parent, path) != content {
					t.Errorf("%s was changed", path)
				}
			}
		})
	}
}

func TestNothingIsLeftOfAFolderThatCannotBeMade(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Log("root may write everywhere: only broken links are tried")
	}
	parent := t.TempDir()
	// The folder for testdata leads nowhere, which shows only when it is made.
	mine := filepath.Join(parent, "mine")
	if err := os.Mkdir(mine, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(parent, "nowhere"), filepath.Join(mine, "testdata")); err != nil {
		t.Fatal(err)
	}
	if _, err := scaffold.Create(scaffold.Options{Kind: scaffold.Backend, Dir: mine}); err == nil {
		t.Fatal("a folder behind a broken link was made")
	}
	if diff := cmp.Diff([]string{"mine/testdata"}, contents(t, parent)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if _, err := scaffold.Create(scaffold.Options{Kind: scaffold.Backend, Dir: filepath.Join(parent, "other"), Source: parent}); err == nil {
		t.Error("any folder passes for asr-backend's sources")
	}
	if _, err := scaffold.Create(scaffold.Options{Kind: "house", Dir: filepath.Join(parent, "other")}); err == nil {
		t.Error("a house was made")
	}
}

func TestSourcesAreFoundAboveTheProgram(t *testing.T) {
	root := oracle.Root(t)
	if got := scaffold.FindSource(t.TempDir(), filepath.Join(root, "internal", "scaffold")); got != root {
		t.Errorf("got %q, want %q", got, root)
	}
	if got := scaffold.FindSource(t.TempDir()); got != "" {
		t.Errorf("found %q", got)
	}
}

// contents lists what is below a folder but folders, sorted.
func contents(t *testing.T, dir string) []string {
	t.Helper()
	names := []string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			var name string
			name, err = filepath.Rel(dir, path)
			names = append(names, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

func read(t *testing.T, dir, path string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
