package cli_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/cli"

	"golang.org/x/sys/unix"
)

func TestPipesAreReadOnceSomebodyWrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := cli.OpenInput(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	written := make(chan error)
	go func() { written <- os.WriteFile(path, []byte("one two"), 0o600) }()
	if got, err := io.ReadAll(f); err != nil || string(got) != "one two" {
		t.Errorf("got %q (%v)", got, err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}

func TestPipesThatNobodyWritesToEndWithTheContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	stopped := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(50*time.Millisecond, func() { cancel(stopped) })
	f, err := cli.OpenInput(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.ReadAll(f); !errors.Is(err, stopped) {
		t.Errorf("got %v", err)
	}
}

func TestInputsThatCannotBeReadAreWrongUsage(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "nothing")} {
		if _, err := cli.OpenInput(t.Context(), path); cli.ExitCode(err) != cli.ExitUsage {
			t.Errorf("%s: got %v", path, err)
		}
	}
}
