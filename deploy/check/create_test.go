package check

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
)

// TestCreatedDeploymentIsTheRepositorys loads what `asr-backend create --kind deployment`
// makes as Compose does, with its own .env, and compares it with the repository's. They
// differ in nothing but where the image is built from.
func TestCreatedDeploymentIsTheRepositorys(t *testing.T) {
	created, ours := filepath.Join(t.TempDir(), "asr"), t.TempDir()
	create := exec.Command("go", "run", "./cmd/asr-backend", "create", "--kind", "deployment", created)
	create.Dir = root
	if out, err := create.CombinedOutput(); err != nil {
		t.Fatalf("create: %v\n%s", err, out)
	}
	sources, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	env, err := os.ReadFile(filepath.Join(created, ".env"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(ours, ".env"), env, 0o600); err != nil {
		t.Fatal(err)
	}
	files := []string{"docker-compose.yml", "docker-compose.cpu.yml"}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(ours, f), []byte(read(t, f)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for n := range files {
		got, want := resolved(t, created, files[:n+1]), resolved(t, ours, files[:n+1])
		if context := "context: " + sources + "\n"; !strings.Contains(got, context) {
			t.Errorf("%v: no %q in\n%s", files[:n+1], context, got)
		}
		// BUILD_CONTEXT stands in both files .env, and names the sources.
		got = strings.NewReplacer(created, "HERE", sources, "HERE").Replace(got)
		if want = strings.NewReplacer(ours, "HERE", sources, "HERE").Replace(want); got != want {
			t.Errorf("%v: created\n%s\nthe repository's\n%s", files[:n+1], got, want)
		}
	}
}

// resolved is what Compose makes of the files of a folder, with every profile.
func resolved(t *testing.T, dir string, files []string) string {
	t.Helper()
	var paths []string
	for _, f := range files {
		paths = append(paths, filepath.Join(dir, f))
	}
	o, err := cli.NewProjectOptions(paths, cli.WithWorkingDirectory(dir), cli.WithEnvFiles(), cli.WithDotEnv, cli.WithProfiles([]string{"*"}))
	if err != nil {
		t.Fatal(err)
	}
	p, err := o.LoadProject(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	text, err := p.MarshalYAML()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
