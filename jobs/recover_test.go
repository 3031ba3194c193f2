package jobs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/internal/testlog"
)

// withWindows is the data directory of a process that stopped in the middle of a job.
func withWindows(t *testing.T) (dir string, windows map[int][]byte) {
	t.Helper()
	dir = t.TempDir()
	q := open(t, Options{Dir: dir})
	enqueue(t, q, spec("k"))
	if err := q.Values("p").Set(t.Context(), "v", "value"); err != nil {
		t.Fatal(err)
	}
	l := take(t, q, "asr")
	windows = make(map[int][]byte)
	for i := range 5 {
		windows[i] = bytes.Repeat([]byte{byte('a' + i)}, 3000)
		if err := l.PutWindow(t.Context(), i, windows[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, windows
}

func copied(t *testing.T, origin string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(origin)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func flipBit(t *testing.T, path string, bit int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[bit/8] ^= 1 << (bit % 8)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Whatever happens to the window results, the job is there and is done again: what is read is
// what was stored, or nothing.
func TestDamagedWindowResultsDoNotStopAStart(t *testing.T) {
	origin, windows := withWindows(t)
	folder := filepath.Join(serverDir, "$G", "streams", "KV_asr-windows")
	removed := "damaged window results are removed"
	type damage struct {
		do   func(dir string)
		says string // the warning, if there must be one
	}
	all := map[string]damage{
		"nothing":            {func(string) {}, ""},
		"the folder is gone": {func(dir string) { _ = os.RemoveAll(filepath.Join(dir, folder)) }, "window results are gone"},
		"the folder is empty": {func(dir string) {
			_ = os.RemoveAll(filepath.Join(dir, folder))
			_ = os.Mkdir(filepath.Join(dir, folder), 0o700)
		}, removed},
		"the content is gone":     {func(dir string) { _ = os.RemoveAll(filepath.Join(dir, folder, "msgs")) }, ""},
		"the description is gone": {func(dir string) { _ = os.Remove(filepath.Join(dir, folder, "meta.inf")) }, removed},
		"the content is a file": {func(dir string) {
			_ = os.RemoveAll(filepath.Join(dir, folder, "msgs"))
			_ = os.WriteFile(filepath.Join(dir, folder, "msgs"), nil, 0o600)
		}, ""},
		"removed, and half of that": {func(dir string) {
			_ = os.Remove(filepath.Join(dir, folder, "meta.sum"))
			_ = os.RemoveAll(filepath.Join(dir, folder, "msgs"))
		}, removed},
	}
	random := rand.New(rand.NewPCG(1, 2))
	err := filepath.WalkDir(filepath.Join(origin, folder), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(origin, path)
		info, err := d.Info()
		if err != nil {
			return err
		}
		for range 12 {
			bit := random.IntN(int(info.Size()) * 8)
			says := ""
			if strings.HasPrefix(d.Name(), "meta.") {
				says = removed
			}
			all[fmt.Sprintf("bit %d of %s", bit, d.Name())] = damage{func(dir string) { flipBit(t, filepath.Join(dir, name), bit) }, says}
		}
		all[d.Name()+" is cut"] = damage{func(dir string) { _ = os.Truncate(filepath.Join(dir, name), info.Size()/2) }, ""}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, d := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, log := copied(t, origin), new(testlog.Buffer)
			d.do(dir)
			q := open(t, Options{Dir: dir, Logger: bufferLog(log)})
			if d.says != "" && !strings.Contains(log.String(), d.says) {
				t.Errorf("no warning %q:\n%s", d.says, log)
			}
			l := take(t, q, "asr")
			got, err := l.Windows(t.Context())
			if err != nil {
				t.Errorf("windows: %v", err)
			}
			for i, w := range got {
				if !bytes.Equal(w, windows[i]) {
					t.Errorf("window %d is not what was stored", i)
				}
			}
			if name == "nothing" && len(got) != len(windows) {
				t.Errorf("%d windows", len(got))
			}
			if err := l.PutWindow(t.Context(), 1, []byte("again")); err != nil {
				t.Errorf("storing a window: %v", err)
			}
			if got, err := l.Windows(t.Context()); err != nil || string(got[1]) != "again" {
				t.Errorf("the window stored again: %q, %v", got[1], err)
			}
			if err := l.Finish(t.Context(), []byte("text")); err != nil {
				t.Error(err)
			}
			if v, _, err := q.Values("p").Get(t.Context(), "v"); v != "value" || err != nil {
				t.Errorf("value: %q, %v", v, err)
			}
			if err := q.Health(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Window results are dropped only if that is all there is to lose.
func TestDamageBesidesWindowResultsStillRefuses(t *testing.T) {
	dir, _ := withWindows(t)
	streams := filepath.Join(dir, serverDir, "$G", "streams")
	for _, s := range []string{"KV_asr-windows", "KV_asr-projects"} {
		flipBit(t, filepath.Join(streams, s, "meta.inf"), 100)
	}
	_, err := Open(t.Context(), quick(Options{Dir: dir}))
	wantErr(t, err, ErrDamaged)
	if !strings.Contains(err.Error(), "KV_asr-projects") {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(streams, "KV_asr-windows", "meta.inf")); err != nil {
		t.Errorf("the windows were dropped all the same: %v", err)
	}
}

// The store is restarted under a running queue, as after a full disk, and finds the window
// results damaged.
func TestWindowResultsThatARestartLosesAreMadeAgain(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	q := open(t, Options{Dir: dir})
	enqueue(t, q, spec("k"))
	l := take(t, q, "asr")
	q.embedded.stop()
	flipBit(t, filepath.Join(streamDir(dir, "KV_asr-windows"), "meta.inf"), 100)
	until(t, "the store is restarted", func() bool { return l.PutWindow(ctx, 0, []byte("window")) == nil })
	if w, err := l.Windows(ctx); err != nil || string(w[0]) != "window" {
		t.Errorf("windows: %v, %v", w, err)
	}
	if err := l.Finish(ctx, nil); err != nil {
		t.Error(err)
	}
}

// Each bit of the stamp: it is called damaged, never made for another prefix or by another
// version, and made again.
func TestADamagedStampIsMadeAgain(t *testing.T) {
	origin, _ := withWindows(t)
	sealed, err := os.ReadFile(filepath.Join(origin, stampFile))
	if err != nil {
		t.Fatal(err)
	}
	earlier := []byte(`{"v":1,"prefix":"asr"}` + "\n")
	for name, content := range map[string][]byte{"sealed": sealed, "of an earlier version": earlier} {
		for bit := range len(content) * 8 {
			data := bytes.Clone(content)
			data[bit/8] ^= 1 << (bit % 8)
			if err := os.WriteFile(filepath.Join(origin, stampFile), data, 0o600); err != nil {
				t.Fatal(err)
			}
			log := new(testlog.Buffer)
			s, ok, _, err := readStamp(origin, DefaultPrefix, bufferLog(log))
			if bytes.Equal(content, earlier) && s.Format > format {
				continue // without a checksum nothing says that it is not so
			}
			if !ok || err != nil || s != (stamp{Format: format, Prefix: DefaultPrefix}) {
				t.Errorf("%s, bit %d: %q gives %+v, %v, %v", name, bit, data, s, ok, err)
			}
			// JSON members are found in either case.
			if !bytes.EqualFold(data, earlier) && !strings.Contains(log.String(), "damaged") {
				t.Errorf("%s, bit %d: %q is read as %+v without a word", name, bit, data, s)
			}
		}
	}

	for name, content := range map[string]string{"a flipped bit": `{"v":1,"pRefix":"as2","crc32c":"00000000"}`, "nothing": "", "an earlier version": string(earlier)} {
		dir := copied(t, origin)
		if err := os.WriteFile(filepath.Join(dir, stampFile), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		q := open(t, Options{Dir: dir})
		if state(t, q, "k") != Queued {
			t.Errorf("%s: the job is %s", name, state(t, q, "k"))
		}
		got, err := os.ReadFile(filepath.Join(dir, stampFile))
		if err != nil || !bytes.Equal(got, sealed) {
			t.Errorf("%s: afterwards it is %q, %v", name, got, err)
		}
	}
}

// Without all its streams the stamp is not made again: they may be those of another prefix.
func TestADamagedStampOfAnotherPrefixRefuses(t *testing.T) {
	dir, _ := withWindows(t)
	if err := os.WriteFile(filepath.Join(dir, stampFile), []byte(`{"v":1`), 0o600); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)
	_, err := Open(t.Context(), quick(Options{Dir: dir, Prefix: "two"}))
	wantErr(t, err, ErrDamaged)
	if !strings.Contains(err.Error(), stampFile) || strings.Contains(err.Error(), "was made with the prefix") || errors.Is(err, ErrState) {
		t.Error(err)
	}
	if after := tree(t, dir); after != before {
		t.Errorf("the directory was changed:\n%s\n%s", before, after)
	}
}

// A digit of the watermark that flips says that jobs are missing, or hides that they are.
func TestADamagedWatermarkIsCalledDamaged(t *testing.T) {
	dir, _ := withWindows(t)
	path := filepath.Join(dir, markFile)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flipBit(t, path, 8*bytes.IndexByte(data, '1'))
	_, err = Open(t.Context(), quick(Options{Dir: dir}))
	wantErr(t, err, ErrDamaged)
	if !strings.Contains(err.Error(), markFile) || !strings.Contains(err.(*Error).Hint(), "delete "+markFile) {
		t.Errorf("%v (%s)", err, err.(*Error).Hint())
	}
}

// A transcript that was damaged on the disk is computed again, and the rest is as it was.
func TestADamagedResultIsComputedAgain(t *testing.T) {
	for name, size := range map[string]int{"small": 5000, "large": inlineResult + 5000} {
		t.Run(name, func(t *testing.T) {
			dir, ctx := t.TempDir(), t.Context()
			want := func(key string) []byte { return bytes.Repeat([]byte(key), size) }
			q := open(t, Options{Dir: dir})
			for _, key := range []string{"a", "b", "c"} {
				enqueue(t, q, spec(key))
				if err := take(t, q, "asr").Finish(ctx, want(key)); err != nil {
					t.Fatal(err)
				}
			}
			if err := q.Close(); err != nil {
				t.Fatal(err)
			}
			stream := "KV_asr-results"
			if size > inlineResult {
				stream = "OBJ_asr-blobs"
			}
			damageInB(t, filepath.Join(dir, serverDir, "$G", "streams", stream, "msgs", "1.blk"))

			q = open(t, Options{Dir: dir})
			_, err := q.Result(ctx, "b")
			wantErr(t, err, ErrDamaged)
			wantErr(t, q.Health(), ErrDamaged)
			_, err = q.Redo(ctx, "a")
			wantErr(t, err, ErrState)
			if _, err := q.Redo(ctx, "b"); err != nil {
				t.Fatal(err)
			}
			_, err = q.Redo(ctx, "b")
			wantErr(t, err, ErrState)
			l := take(t, q, "asr")
			if l.Job().Key != "b" {
				t.Fatalf("took %q", l.Job().Key)
			}
			if err := l.Finish(ctx, want("b")); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				for _, key := range []string{"a", "b", "c"} {
					if got, err := q.Result(ctx, key); err != nil || !bytes.Equal(got, want(key)) {
						t.Errorf("%s: %d bytes, %v", key, len(got), err)
					}
				}
				if err := q.Health(); err != nil {
					t.Error(err)
				}
				if err := q.Close(); err != nil {
					t.Fatal(err)
				}
				q = open(t, Options{Dir: dir}) // removes what the damaged result has left
			}
		})
	}
}

// damageInB flips a bit of what consists of the letter b.
func damageInB(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// The server compresses with S2, which keeps at least one literal of a run.
	at := bytes.Index(data, []byte("bbb"))
	if at < 0 {
		at = len(data) / 2
	}
	flipBit(t, path, 8*(at+1))
}

// A record that cannot be read is replaced when the job is enqueued again. That of a newer
// version is not.
func TestADamagedRecordIsEnqueuedAfresh(t *testing.T) {
	log := new(testlog.Buffer)
	q, ctx := open(t, Options{Dir: t.TempDir(), Logger: bufferLog(log)}), t.Context()
	for key, record := range map[string]string{"damaged": `{"v":1,"key":`, "newer": `{"v":99}`} {
		if _, err := q.jobs.Put(ctx, key, []byte(record)); err != nil {
			t.Fatal(err)
		}
		until(t, "it is noticed", func() bool { return q.Health() != nil })
	}
	_, _, err := q.Enqueue(ctx, spec("newer"))
	wantErr(t, err, ErrFormat)
	enqueue(t, q, spec("damaged"))
	if err := take(t, q, "asr").Finish(ctx, []byte("text")); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "enqueued afresh") {
		t.Error("no warning")
	}
	if err := q.Remove(ctx, "newer"); err != nil {
		t.Fatal(err)
	}
	until(t, "the store is healthy", func() bool { return q.Health() == nil })
}
