//go:build unix

package audio_test

import (
	"os"
	"syscall"
	"testing"

	"github.com/asr-backend/asr-backend/audio"
)

// Standard input that is a file has a name by which ffmpeg would find its own.
func TestAFileWithTheNameOfADeviceIsTheOneMeant(t *testing.T) {
	o := options(t)
	f, err := os.Open(data(t, "formats-jfk", "jfk.m4a"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	stdin := os.NewFile(dup(t, f), "/dev/stdin")
	defer stdin.Close()
	s, err := audio.OpenReader(t.Context(), stdin, "-", o)
	got, err := readAll(t, s, err)
	if err != nil || got.length < 176000 {
		t.Errorf("got %d samples, %v", got.length, err)
	}
}

func dup(t *testing.T, f *os.File) uintptr {
	t.Helper()
	fd, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return uintptr(fd)
}
