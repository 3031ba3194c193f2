package check

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

func TestSecretsAndDataStayOutOfTheBuild(t *testing.T) {
	patterns, err := ignorefile.ReadAll(strings.NewReader(read(t, ".dockerignore")))
	if err != nil {
		t.Fatal(err)
	}
	m, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	ignored := func(path string) bool {
		t.Helper()
		yes, err := m.MatchesOrParentMatches(path)
		if err != nil {
			t.Fatal(err)
		}
		return yes
	}
	for _, path := range []string{".env", ".env.production", "deploy/asr.env", "service/.env", ".git/config", "key.pem", "tls/server.key",
		"testdata/audio/x.wav", "asr/testdata/x.npy", ".venv-test/bin/python", "bin/asr-backend", "deploy/check/doc.go"} {
		if !ignored(path) {
			t.Errorf("%s would be sent to the build", path)
		}
	}
	// Everything that the program is made of goes in: sources and what they embed.
	err = fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && path != "." && (strings.HasPrefix(name, ".") || name == "testdata" || path == "deploy" || path == "tools" || path == "bin") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		if ignored(path) {
			t.Errorf("%s would be missing in the build", path)
		}
		source, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			return err
		}
		for _, embed := range regexp.MustCompile(`(?m)^//go:embed (.+)$`).FindAllStringSubmatch(string(source), -1) {
			for _, pattern := range strings.Fields(embed[1]) {
				if ignored(filepath.Join(filepath.Dir(path), pattern)) {
					t.Errorf("%s embeds %s, which would be missing in the build", path, pattern)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A base without a version is another one tomorrow.
func TestBasesArePinnedAndCanBeGiven(t *testing.T) {
	dockerfile := read(t, "Dockerfile.cuda")
	pinned := regexp.MustCompile(`:\d+\.\d+(\.\d+)?-[a-z0-9.-]+(@sha256:[0-9a-f]{64})?$`)
	bases := map[string]bool{}
	for _, arg := range regexp.MustCompile(`(?m)^ARG (\w+_IMAGE)=(.+)$`).FindAllStringSubmatch(dockerfile, -1) {
		bases["${"+arg[1]+"}"] = true
		if !pinned.MatchString(arg[2]) {
			t.Errorf("%s: %s has no version", arg[1], arg[2])
		}
	}
	stages := map[string]bool{}
	for _, from := range regexp.MustCompile(`(?m)^FROM (\S+) AS (\S+)$`).FindAllStringSubmatch(dockerfile, -1) {
		if !bases[from[1]] && !stages[from[1]] {
			t.Errorf("stage %s is made from %s, which is neither an argument nor a stage", from[2], from[1])
		}
		stages[from[2]] = true
	}
	if !stages["cpu"] || !stages["cuda"] || !regexp.MustCompile(`(?s)AS cpu\n.*AS cuda\n`).MatchString(dockerfile) {
		t.Error("want the targets cpu and cuda, and cuda last, as it is the default")
	}
}

// What both images say of themselves stands twice in the Dockerfile, and must not differ.
func TestImagesDifferInTheirBaseLibraryAndDeviceOnly(t *testing.T) {
	dockerfile := read(t, "Dockerfile.cuda")
	_, final, _ := strings.Cut(dockerfile, "FROM ${CPU_IMAGE} AS cpu\n")
	cpu, cuda, _ := strings.Cut(final, "FROM cuda-base AS cuda\n")
	differs := regexp.MustCompile(`(?m)^#.*\n|^ *ASR_BACKEND_PROVIDER.*\n|^ *NVIDIA_.*\n|^ENV PATH=.*\n|^COPY --from=library-.*\n|^.*image\.description.*\n|^\n`)
	if a, b := differs.ReplaceAllString(cpu, ""), differs.ReplaceAllString(cuda, ""); a != b || a == "" {
		t.Errorf("the images differ in more:\n%s\n---\n%s", a, b)
	}
}
