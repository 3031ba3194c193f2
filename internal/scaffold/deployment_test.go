package scaffold_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/internal/scaffold"

	"github.com/google/go-cmp/cmp"
)

// deployment makes one and returns its folder.
func deployment(t *testing.T, o scaffold.Options) string {
	t.Helper()
	o.Kind, o.Dir = scaffold.Deployment, filepath.Join(t.TempDir(), "asr")
	names, err := scaffold.Create(o)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{".env", ".gitignore", "README.md", "asr-backend.service", "docker-compose.cpu.yml", "docker-compose.yml"}, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	return o.Dir
}

// settings of a compose file are its lines without comments.
func settings(text string) string {
	text = regexp.MustCompile(`(?m)(^| )#.*$`).ReplaceAllString(text, "")
	return regexp.MustCompile(`(?m)^\s*\n|[ \t]+$`).ReplaceAllString(text, "")
}

// TestComposeFilesAreThoseOfTheRepository compares texts; deploy/check compares what
// Compose's own loader makes of them.
func TestComposeFilesAreThoseOfTheRepository(t *testing.T) {
	root := oracle.Root(t)
	dir := deployment(t, scaffold.Options{Source: root})
	want := settings(read(t, root, "docker-compose.yml"))
	got := settings(read(t, dir, "docker-compose.yml"))
	const context = "context: ${BUILD_CONTEXT:?the folder of asr-backend's sources must be set in .env}"
	if diff := cmp.Diff(want, strings.Replace(got, context, "context: .", 1)); diff != "" {
		t.Errorf("docker-compose.yml (-repository +created):\n%s", diff)
	}
	if diff := cmp.Diff(read(t, root, "docker-compose.cpu.yml"), read(t, dir, "docker-compose.cpu.yml")); diff != "" {
		t.Errorf("docker-compose.cpu.yml (-repository +created):\n%s", diff)
	}
	if env := read(t, dir, ".env"); !strings.Contains(env, "\nBUILD_CONTEXT="+root+"\n") {
		t.Errorf("the image would not be built from %s:\n%s", root, env)
	}
}

func TestEveryVariableStandsInTheEnvFileOnce(t *testing.T) {
	variables := []scaffold.Variable{
		{Names: []string{"LABEL_STUDIO_URL", "LABEL_STUDIO_HOST"}, Group: "Label Studio", Help: "Stands in the repository's file."},
		{Names: []string{"X_ONE"}, Group: "First", Help: strings.Repeat("word ", 50) + "end.", Default: "1"},
		{Names: []string{"X_OTHER"}, Help: "No group."},
		{Names: []string{"X_TWO", "TWO"}, Group: "First", Help: "Two."},
	}
	dir := deployment(t, scaffold.Options{Variables: variables})
	env := read(t, dir, ".env")
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^#?([A-Z][A-Z0-9_]*)=`).FindAllStringSubmatch(env, -1) {
		names = append(names, m[1])
	}
	for _, want := range []string{"LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY", "X_ONE", "X_TWO", "X_OTHER", "BUILD_CONTEXT"} {
		if n := len(slices.DeleteFunc(slices.Clone(names), func(s string) bool { return s != want })); n != 1 {
			t.Errorf("%s stands there %d times", want, n)
		}
	}
	for i, line := range strings.Split(env, "\n") {
		if line != "" && !strings.HasPrefix(line, "#") && !regexp.MustCompile(`^[A-Z][A-Z0-9_]*=`).MatchString(line) {
			t.Errorf("line %d is neither a comment nor a setting: %q", i+1, line)
		}
		if len(line) > 120 {
			t.Errorf("line %d is %d bytes long", i+1, len(line))
		}
	}
	for _, want := range []string{"\n#X_ONE=1\n", "\n#X_TWO=\n", "\nBUILD_CONTEXT=\n"} {
		if !strings.Contains(env, want) {
			t.Errorf("no line %q in:\n%s", want, env)
		}
	}
	info, err := os.Stat(filepath.Join(dir, ".env"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the file for a token has mode %v", info.Mode())
	}
}

// What is said in the files is about files that are there.
func TestNothingOfTheRepositoryIsPresumed(t *testing.T) {
	dir := deployment(t, scaffold.Options{})
	for _, name := range []string{".env", "docker-compose.yml", "README.md", "asr-backend.service"} {
		text := read(t, dir, name)
		for _, gone := range []string{"deploy/", "example.env"} {
			if strings.Contains(text, gone) {
				t.Errorf("%s speaks of %s", name, gone)
			}
		}
	}
	if unit := read(t, dir, "asr-backend.service"); !strings.Contains(read(t, dir, "README.md"), regexp.MustCompile(`EnvironmentFile=(.*)`).FindStringSubmatch(unit)[1]) {
		t.Error("README.md puts the settings elsewhere than the unit looks for them")
	}
}
