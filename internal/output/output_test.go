package output_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/output"

	"golang.org/x/sys/unix"
)

func TestOutputsThatAreInputsAreRefused(t *testing.T) {
	dir := t.TempDir()
	in := file(t, filepath.Join(dir, "call.wav"), "sound")
	link, hard, linked := filepath.Join(dir, "link"), filepath.Join(dir, "hard"), filepath.Join(dir, "linked")
	must(t, os.Symlink("call.wav", link))
	must(t, os.Link(in, hard))
	must(t, os.Symlink(dir, linked))
	t.Chdir(dir)
	for name, path := range map[string]string{
		"the path": in, "relative": "call.wav", "dotted": "./x/../call.wav", "a symbolic link": link, "a hard link": hard,
		"through a linked folder": filepath.Join(linked, "call.wav"),
	} {
		w := output.New(os.Stdout)
		w.Protect(in)
		refused(t, name, w, path, "it is an input")
	}
	if got := read(t, in); got != "sound" {
		t.Errorf("the input was changed: %q", got)
	}
}

// The input may also be the link, or standard input.
func TestInputsAreKnownThroughLinksAndDescriptors(t *testing.T) {
	dir := t.TempDir()
	in := file(t, filepath.Join(dir, "call.wav"), "sound")
	link := filepath.Join(dir, "link")
	must(t, os.Symlink(in, link))
	w := output.New(os.Stdout)
	w.Protect(link)
	refused(t, "the input is a link", w, in, "it is an input of this command, "+link)

	f, err := os.Open(in)
	must(t, err)
	defer f.Close()
	w = output.New(os.Stdout)
	w.ProtectFile(f, "standard input")
	refused(t, "the input is open", w, in, "standard input")
}

// A shell that appends standard output to the recording would spoil it.
func TestStandardOutputThatIsAnInputIsRefused(t *testing.T) {
	in := file(t, filepath.Join(t.TempDir(), "call.wav"), "sound")
	f, err := os.OpenFile(in, os.O_WRONLY|os.O_APPEND, 0)
	must(t, err)
	defer f.Close()
	w := output.New(f)
	w.Protect(in)
	refused(t, "standard output", w, output.Stdout, "it is an input")
	refused(t, "its device", w, "/dev/fd/"+itoa(f), "it is an input")
}

func TestPlacesThatCannotHoldAResultAreRefused(t *testing.T) {
	dir := t.TempDir()
	file(t, filepath.Join(dir, "file"), "")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	must(t, err)
	defer unix.Close(fd)
	must(t, unix.Bind(fd, &unix.SockaddrUnix{Name: filepath.Join(dir, "socket")}))
	for path, why := range map[string]string{
		".": "it is a folder", "file/below": "not a directory", "socket": "it is a socket",
	} {
		refused(t, path, output.New(os.Stdout), filepath.Join(dir, path), why)
	}
	if os.Geteuid() == 0 {
		return // root may write everywhere
	}
	must(t, os.Chmod(filepath.Join(dir, "file"), 0o444))
	refused(t, "read-only", output.New(os.Stdout), filepath.Join(dir, "file"), "write-protected")
	must(t, os.Chmod(dir, 0o555))
	refused(t, "read-only folder", output.New(os.Stdout), filepath.Join(dir, "new"), "write-protected")
}

func TestTwoOutputsCannotBeOneFile(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Symlink("result", filepath.Join(dir, "link"))) // leads nowhere yet
	w := output.New(os.Stdout)
	_, err := w.Claim(filepath.Join(dir, "result"))
	must(t, err)
	refused(t, "through a link", w, filepath.Join(dir, "link"), "as well")
}

// Links stay links, what they lead to is replaced or made.
func TestLinksAreWrittenThrough(t *testing.T) {
	dir := t.TempDir()
	old := file(t, filepath.Join(dir, "a", "old"), "old")
	must(t, os.Symlink("a", filepath.Join(dir, "folder")))
	for link, target := range map[string]string{"there": "folder/old", "dangling": "a/new", "absolute": filepath.Join(dir, "a", "third"), "twice": "dangling"} {
		must(t, os.Symlink(target, filepath.Join(dir, link)))
	}
	for link, target := range map[string]string{"there": old, "twice": filepath.Join(dir, "a", "new"), "absolute": filepath.Join(dir, "a", "third")} {
		path := filepath.Join(dir, link)
		write(t, t.Context(), path, link)
		if info, err := os.Lstat(path); err != nil || info.Mode()&os.ModeSymlink == 0 {
			t.Errorf("%s is no link any more", link)
		}
		if got := read(t, target); got != link {
			t.Errorf("%s: %s holds %q", link, target, got)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*", ".*.part")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestTheModeOfAReplacedFileStays(t *testing.T) {
	path := file(t, filepath.Join(t.TempDir(), "out"), "old")
	must(t, os.Chmod(path, 0o640))
	write(t, t.Context(), path, "new")
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o640 {
		t.Errorf("got mode %v (%v), want 0640", info.Mode(), err)
	}
}

// Headers with the length of what follows are written last.
func TestRegularFilesCanSeekAndOthersCannot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	target, err := output.New(os.Stdout).Claim(path)
	must(t, err)
	f, err := target.Create(t.Context())
	must(t, err)
	defer f.Close()
	for _, step := range []struct {
		text   string
		offset int64
		whence int
	}{{"....body", 0, io.SeekStart}, {"head", 0, io.SeekEnd}, {" end", 0, io.SeekCurrent}} {
		_, err = io.WriteString(f, step.text)
		must(t, err)
		_, err = f.Seek(step.offset, step.whence)
		must(t, err)
	}
	must(t, f.Commit())
	if got := read(t, path); got != "headbody end" {
		t.Errorf("got %q", got)
	}
	for _, name := range []string{"", "/dev/fd/" + itoa(os.Stdout)} {
		target, err := output.New(os.Stdout).Claim(name)
		must(t, err)
		f, err := target.Create(t.Context())
		must(t, err)
		defer f.Close()
		if _, err := f.Seek(0, io.SeekStart); err == nil {
			t.Errorf("%q: no error", name)
		}
	}
}

// Root gets a device of its own, since one that fails this test would replace the
// machine's.
func TestDevicesAreWrittenInPlace(t *testing.T) {
	null, link := "/dev/null", filepath.Join(t.TempDir(), "link")
	if os.Geteuid() == 0 {
		null = filepath.Join(t.TempDir(), "null")
		if err := unix.Mknod(null, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))); err != nil {
			t.Skipf("no device can be made here: %v", err)
		}
	}
	must(t, os.Symlink(null, link))
	for _, path := range []string{null, link} {
		write(t, t.Context(), path, "gone")
		if info, err := os.Stat(path); err != nil || info.Mode()&os.ModeCharDevice == 0 {
			t.Errorf("%s is no device any more (%v)", path, err)
		}
	}
}

func TestPipesAreWrittenInPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	must(t, unix.Mkfifo(path, 0o600))
	got := make(chan string)
	go func() {
		time.Sleep(20 * time.Millisecond) // the writer is there first
		b, err := os.ReadFile(path)
		if err != nil {
			b = []byte(err.Error())
		}
		got <- string(b)
	}()
	large := strings.Repeat("0123456789", 100_000)
	write(t, t.Context(), path, large)
	if s := <-got; s != large {
		t.Errorf("the reader got %d bytes, want %d", len(s), len(large))
	}
	if info, err := os.Lstat(path); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		t.Errorf("it is no pipe any more (%v)", err)
	}
}

func TestPipesThatNobodyReadsEndWithTheContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	must(t, unix.Mkfifo(path, 0o600))
	stopped := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(50*time.Millisecond, func() { cancel(stopped) })
	target, err := output.New(os.Stdout).Claim(path)
	must(t, err)
	if _, err := target.Create(ctx); !errors.Is(err, stopped) {
		t.Errorf("without a reader: got %v", err)
	}

	reader, err := os.OpenFile(path, os.O_RDWR, 0) // keeps it open and takes nothing
	must(t, err)
	defer reader.Close()
	ctx, cancel = context.WithCancelCause(t.Context())
	time.AfterFunc(50*time.Millisecond, func() { cancel(stopped) })
	err = target.Write(ctx, func(w io.Writer) error {
		_, err := w.Write(make([]byte, 1<<20))
		return err
	})
	if !errors.Is(err, stopped) {
		t.Errorf("with a reader that takes nothing: got %v", err)
	}
}

// What was written before into the file behind a descriptor stays.
func TestDescriptorsAreWrittenWhereTheyStand(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	_, err = f.WriteString("before ")
	must(t, err)
	write(t, t.Context(), "/dev/fd/"+itoa(f), "after")
	_, err = f.WriteString(" end")
	must(t, err)
	if got := read(t, path); got != "before after end" {
		t.Errorf("got %q", got)
	}
}

func refused(t *testing.T, name string, w *output.Writer, path, why string) {
	t.Helper()
	_, err := w.Claim(path)
	var refused *output.RefusedError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), why) {
		t.Errorf("%s: got %v, want a refusal with %q", name, err, why)
	}
}

func write(t *testing.T, ctx context.Context, path, text string) {
	t.Helper()
	target, err := output.New(os.Stdout).Claim(path)
	must(t, err)
	must(t, target.Write(ctx, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}))
}

func file(t *testing.T, path, text string) string {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return string(b)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func itoa(f *os.File) string { return strconv.Itoa(int(f.Fd())) }
