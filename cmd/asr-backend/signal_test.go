package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/oracle"
)

// A process that takes its time to stop, here for a child that keeps its standard error
// open, ends at once with a second signal.
func TestASecondSignalEndsTheProgram(t *testing.T) {
	oracle.NeedLibrary(t)
	dir := t.TempDir()
	ffmpeg, started, recording := filepath.Join(dir, "ffmpeg"), filepath.Join(dir, "started"), filepath.Join(dir, "talk.m4a")
	write(t, ffmpeg, "#!/bin/sh\nsleep 60 &\ntouch "+started+"\nexec sleep 60\n", 0o700)
	write(t, recording, "\x00\x00\x00\x18ftypM4A \x00\x00\x00\x00M4A mp42", 0o600)
	program := filepath.Join(dir, "asr-backend") // by this name the test binary is the program
	if err := os.Symlink(testBinary(t), program); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "transcribe", "--ffmpeg", ffmpeg, "--model", oracle.Data(t, "models", "toys", "tones"), recording)
	cmd.Env = append(os.Environ(), "ASR_BACKEND_ONNXRUNTIME="+oracle.Library(), "ASR_BACKEND_PROVIDER=cpu")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // the sleepers
	for _, err := os.Stat(started); err != nil; _, err = os.Stat(started) {
		if ctx.Err() != nil {
			t.Fatal("ffmpeg was not started")
		}
		time.Sleep(10 * time.Millisecond)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		select {
		case <-ended:
			if s := cmd.ProcessState.Sys().(syscall.WaitStatus); !s.Signaled() || s.Signal() != syscall.SIGINT {
				t.Errorf("got %v, want an end by the second signal", cmd.ProcessState)
			}
			return
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func testBinary(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}
