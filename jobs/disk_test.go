//go:build linux

package jobs

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/diskspace"
	"github.com/asr-backend/asr-backend/priority"
)

// mount makes a file system of its own of the given size. It needs root.
func mount(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a file system to fill cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		// A file of it may be in the hands of a child of another test between fork and exec.
		until(t, "the file system is free", func() bool {
			err := syscall.Unmount(dir, 0)
			if err != nil && !errors.Is(err, syscall.EBUSY) {
				t.Errorf("unmount: %v", err)
				return true
			}
			return err == nil
		})
	})
	return dir
}

func remount(t *testing.T, dir, data string, flags uintptr) {
	t.Helper()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT|flags, data); err != nil {
		t.Fatalf("remount: %v", err)
	}
}

// noise cannot be compressed.
func noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

// Something else fills the disk while jobs run. New work is refused in time, what runs can
// wait with its result, and all goes on when there is room.
func TestAFullDiskIsReportedAndRecovers(t *testing.T) {
	dir, ctx := mount(t, "24m"), t.Context()
	q := open(t, Options{Dir: dir, Reserve: 4 << 20})
	enqueue(t, q, spec("k"))
	enqueue(t, q, spec("next"))
	l := take(t, q, "asr")

	ballast := filepath.Join(dir, "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 1<<16))
	}
	f.Close()
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}

	_, _, err = q.Enqueue(ctx, spec("new"))
	wantErr(t, err, ErrNoSpace)
	if err.(*Error).Hint() == "" {
		t.Error("no hint")
	}
	wantErr(t, l.PutWindow(ctx, 0, nil), ErrNoSpace)
	if _, created, err := q.Enqueue(ctx, spec("next")); created || err != nil {
		t.Errorf("a job that is there: %v, %v", created, err)
	}
	until(t, "Health reports it", func() bool { return errors.Is(q.Health(), ErrNoSpace) })
	if s := q.Stats(); s.Free > 4<<20 || s.Free < 0 {
		t.Errorf("Stats: %d bytes free", s.Free)
	}
	if _, err := tryTake(ctx, q, "asr", priority.Background); !errors.Is(err, ErrNoSpace) {
		t.Errorf("tryTake: %v", err)
	}
	finished := make(chan error, 1)
	go func() { finished <- l.Finish(ctx, []byte("worth waiting")) }()
	select {
	case err := <-finished:
		t.Fatalf("Finish did not wait: %v", err)
	case <-time.After(3 * q.o.check):
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := <-finished; err != nil {
		t.Fatalf("Finish: %v", err)
	}
	until(t, "Health is well", func() bool { return q.Health() == nil })
	enqueue(t, q, spec("new"))
	if j := take(t, q, "asr").Job(); j.Key != "next" {
		t.Errorf("got %+v", j)
	}
}

// The disk fills under the server's own hands, which measures of free space cannot always
// prevent: here they lie. The server must be started anew before it writes again.
func TestAWriteThatFailsIsOvercome(t *testing.T) {
	dir, ctx := mount(t, "16m"), t.Context()
	var lie atomic.Bool
	lie.Store(true)
	q := open(t, Options{Dir: dir, free: func(dir string) (int64, error) {
		if lie.Load() {
			return 1 << 40, nil
		}
		return diskspace.Free(dir)
	}, attempt: 500 * time.Millisecond})
	free, err := diskspace.Free(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ballast"), make([]byte, free-1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	var stored []string
	for i := 0; err == nil; i++ {
		s := spec(fmt.Sprint(i))
		s.Payload = noise(100_000)
		if _, _, err = q.Enqueue(ctx, s); err == nil {
			stored = append(stored, s.Key)
		}
		if i > 100 {
			t.Fatal("the disk does not fill")
		}
	}
	if !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrNoSpace) {
		t.Errorf("the write that failed: %v", err)
	}
	until(t, "Health reports it", func() bool { return q.Health() != nil })
	lie.Store(false)
	remount(t, dir, "size=32m", 0)
	until(t, "Health is well", func() bool { return q.Health() == nil })
	for _, key := range stored {
		if j, err := q.Get(ctx, key); err != nil || len(j.Payload) != 100_000 {
			t.Errorf("job %s: %v", key, err)
		}
	}
	enqueue(t, q, spec("after"))
	for range len(stored) + 1 {
		if err := take(t, q, "asr").Finish(ctx, nil); err != nil {
			t.Fatal(err)
		}
	}
	// The watch lives again too: it sees what somebody else writes.
	r, rev, err := q.read(ctx, "after")
	if err != nil {
		t.Fatal(err)
	}
	r.Reason = "written behind the queue's back"
	data, err := r.encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := q.jobs.Update(ctx, "after", data, rev); err != nil {
		t.Fatal(err)
	}
	until(t, "the change is seen", func() bool { return q.index.get("after").job.Reason == r.Reason })
}

func TestAReadOnlyDirectoryIsReported(t *testing.T) {
	dir, ctx := mount(t, "64m"), t.Context()
	q := open(t, Options{Dir: dir})
	enqueue(t, q, spec("k"))
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	remount(t, dir, "size=64m", syscall.MS_RDONLY)
	_, err := Open(ctx, quick(Options{Dir: dir}))
	wantErr(t, err, ErrReadOnly)
	if !strings.Contains(err.Error(), dir) || err.(*Error).Hint() == "" {
		t.Errorf("no directory or no hint: %v", err)
	}
	remount(t, dir, "size=64m", 0)
	if state(t, open(t, Options{Dir: dir}), "k") != Queued {
		t.Error("the job is gone")
	}
}

func TestADiskWithoutRoomIsNotOpened(t *testing.T) {
	dir := mount(t, "1m")
	_, err := Open(t.Context(), quick(Options{Dir: dir, Reserve: 8 << 20}))
	wantErr(t, err, ErrNoSpace)
	if !bytes.Contains([]byte(err.(*Error).Hint()), []byte(dir)) {
		t.Errorf("hint: %q", err.(*Error).Hint())
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
