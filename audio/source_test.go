package audio_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/audio"
)

func fifo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skipf("no named pipes here: %v", err)
	}
	return path
}

func TestANamedPipeThatNobodyWritesToEndsWithTheContext(t *testing.T) {
	path := fifo(t)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(200*time.Millisecond, cancel)
	if _, err := audio.Open(ctx, path, builtIn); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestAWriterThatStallsEndsWithTheContext(t *testing.T) {
	wav := readFile(t, "formats-jfk", "jfk.wav")
	for _, c := range []struct {
		name string
		sent int
	}{{"before the head", 10}, {"within the sound", 200000}} {
		path := fifo(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			w, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				t.Error(err)
				return
			}
			defer w.Close()
			if _, err := w.Write(wav[:c.sent]); err != nil {
				t.Error(err)
			}
			time.AfterFunc(200*time.Millisecond, cancel)
			<-ctx.Done()
			time.Sleep(500 * time.Millisecond)
		}()
		s, err := audio.Open(ctx, path, builtIn)
		for err == nil {
			_, err = s.Next()
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want %v", c.name, err, context.Canceled)
		}
		if s != nil {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		cancel()
		<-done
	}
}

func TestANamedPipeIsReadToItsEnd(t *testing.T) {
	path := fifo(t)
	done := make(chan error, 1)
	go func() {
		time.Sleep(100 * time.Millisecond) // the reader comes first
		done <- os.WriteFile(path, readFile(t, "formats-jfk", "jfk.wav"), 0)
	}()
	got := mustOpen(t, path, builtIn)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if want := mustOpen(t, data(t, "formats-jfk", "jfk.wav"), builtIn); !slices.Equal(got.channels[0], want.channels[0]) {
		t.Error("the sound differs")
	}
}

// Standard input is a pipe that was opened by somebody else, without a thought of waiting.
func TestAPipeOfAnotherProgramEndsWithTheContext(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	stdin := os.NewFile(dup(t, r), "/dev/stdin")
	defer stdin.Close()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(200*time.Millisecond, cancel)
	if _, err := audio.OpenReader(ctx, stdin, "-", builtIn); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestWhatIsNoFileIsNamed(t *testing.T) {
	for path, want := range map[string]string{"/dev/zero": "is a device", "/dev/null": "is a device", "/dev/urandom": "is a device", t.TempDir(): "is a folder"} {
		_, err := audio.Open(t.Context(), path, builtIn)
		if err == nil || err.Error() != "open "+path+": "+want {
			t.Errorf("%s: got %v", path, err)
		}
	}
}

func TestDescriptorsByNameAreWhatTheyAre(t *testing.T) {
	f, err := os.Open(data(t, "formats-jfk", "jfk.wav"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	link := "/dev/fd/" + strconv.Itoa(int(f.Fd()))
	if _, err := os.Stat(link); err != nil {
		t.Skip("no /dev/fd here")
	}
	if got := mustOpen(t, link, builtIn); got.length != 176000 {
		t.Errorf("got %d samples", got.length)
	}
}

// The copy of a stream is bounded, and nothing of it stays behind.
func TestTheCopyOfAStreamIsBounded(t *testing.T) {
	o := options(t)
	t.Setenv("TMPDIR", t.TempDir())
	file := readFile(t, "formats-jfk", "jfk.m4a")
	o.SpoolLimit = int64(len(file)) - 1
	_, err := openStream(t, t.Context(), file, o)
	if e, ok := errors.AsType[*audio.Error](err); !ok || !strings.Contains(err.Error(), "allowed") || e.Hint == "" {
		t.Errorf("one byte too many: got %v", err)
	}
	o.SpoolLimit++
	if _, err := openStream(t, t.Context(), file, o); err != nil {
		t.Errorf("just enough: got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	endless := &endlessReader{head: bytes.NewReader(file), stop: cancel}
	o.SpoolLimit = 1 << 30
	if _, err := audio.OpenReader(ctx, endless, "endless", o); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %v, %v", left, err)
	}
	o.SpoolLimit = -1
	if _, err := openStream(t, t.Context(), file, o); err == nil {
		t.Error("a limit below zero: got no error")
	}
}

func openStream(t *testing.T, ctx context.Context, b []byte, o audio.Options) (recording, error) {
	t.Helper()
	s, err := audio.OpenReader(ctx, seekless{bytes.NewReader(b)}, "stream", o)
	return readAll(t, s, err)
}

// An endlessReader goes on with zeros after its head, and cancels after a few megabytes.
type endlessReader struct {
	head io.Reader
	stop func()
	n    int
}

func (r *endlessReader) Read(p []byte) (int, error) {
	if n, err := r.head.Read(p); err == nil {
		return n, nil
	}
	if r.n += len(p); r.n > 4<<20 {
		r.stop()
	}
	clear(p)
	return len(p), nil
}
