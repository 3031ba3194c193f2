package ort_test

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/oracle"
)

// hold names the variable that makes TestMain keep the library open until standard input
// ends.
const hold = "ORT_TEST_HOLD"

// Two processes keep an environment open side by side: this package's, and that of a C
// program that leaves telemetry on. Once the C program has looked up the maker's host, the
// other must not have looked up anything, nor written anything below HOME.
func TestNothingLeavesTheProcess(t *testing.T) {
	if testing.Short() {
		t.Skip("telemetry waits some ten seconds before it reports")
	}
	oracle.NeedLibrary(t)
	dir := t.TempDir()
	preload := compile(t, filepath.Join(dir, "record.so"), "testdata/record.c", "-shared", "-fPIC", "-ldl")
	header := strings.TrimSpace(output(t, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/yalue/onnxruntime_go"))
	plain := compile(t, filepath.Join(dir, "environment"), "testdata/environment.c", "-I"+header, "-ldl")

	ours := observe(t, preload, os.Args[0], "-test.run=^$")
	control := observe(t, preload, plain, oracle.Library())
	for deadline := time.Now().Add(2 * time.Minute); len(control.names(t)) == 0; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the control looked up nothing: either this library has no telemetry, or the observation does not work")
		}
	}
	control.end(t)
	ours.end(t)
	if len(control.files(t)) == 0 {
		t.Error("the control wrote nothing below HOME")
	}
	if names, files := ours.names(t), ours.files(t); len(names) > 0 || len(files) > 0 {
		t.Errorf("looked up %q, wrote %q", names, files)
	}
}

// observed is a running process that keeps a library open.
type observed struct {
	cmd          *exec.Cmd
	stdin        io.Closer
	record, home string
}

// observe starts a program with a HOME that does not exist and an environment that does
// not look like a CI system, in which telemetry is off by itself.
func observe(t *testing.T, preload, program string, args ...string) *observed {
	t.Helper()
	dir := t.TempDir()
	o := &observed{cmd: exec.Command(program, args...), record: filepath.Join(dir, "record"), home: filepath.Join(dir, "home")}
	o.cmd.Env = []string{"HOME=" + o.home, "PATH=" + os.Getenv("PATH"), "LD_PRELOAD=" + preload, "RECORD=" + o.record,
		"ASR_BACKEND_ONNXRUNTIME=" + oracle.Library(), hold + "=1"}
	o.cmd.Stderr = os.Stderr
	stdin, err := o.cmd.StdinPipe()
	if err == nil {
		o.stdin, err = stdin, o.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if o.cmd.ProcessState == nil {
			o.cmd.Process.Kill()
			o.cmd.Wait()
		}
	})
	return o
}

// end lets the process close the library and waits for it.
func (o *observed) end(t *testing.T) {
	t.Helper()
	if err := errors.Join(o.stdin.Close(), o.cmd.Wait()); err != nil {
		t.Fatalf("%s: %v", o.cmd.Path, err)
	}
}

// names returns what was looked up or connected to.
func (o *observed) names(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(o.record)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.Fields(string(text))
}

// files returns what lies at and below HOME.
func (o *observed) files(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(o.home, func(path string, _ os.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		files = append(files, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func compile(t *testing.T, target, source string, args ...string) string {
	t.Helper()
	output(t, "gcc", append([]string{"-O1", "-o", target, source}, args...)...)
	return target
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("%s: %v\n%s", name, err, exit.Stderr)
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return string(out)
}
