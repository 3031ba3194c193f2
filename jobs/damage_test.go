package jobs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/testlog"
)

// Damage of every kind that a disk, a file system check or a person does to a data directory.
// The server notices little of it: it cuts a file off at the damage and goes on. What must
// never be is that jobs or values are gone and nobody says so.
func TestDamageIsNeverSilent(t *testing.T) {
	const jobs = 120
	origin, ctx := t.TempDir(), t.Context()
	q := open(t, Options{Dir: origin})
	value := func(i int) string { return fmt.Sprintf("value %d %0300d", i, i) }
	for i := range jobs {
		s := spec(fmt.Sprint("job", i))
		s.Payload = []byte(value(i))
		enqueue(t, q, s)
		if i%4 == 0 {
			if err := take(t, q, "asr").Finish(ctx, []byte(value(i))); err != nil {
				t.Fatal(err)
			}
		}
		if err := q.Values("p").Set(ctx, fmt.Sprint(i), value(i)); err != nil {
			t.Fatal(err)
		}
	}
	states := make(map[string]State)
	for _, j := range q.List(Filter{}) {
		states[j.Key] = j.State
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}

	streams := filepath.Join("jetstream", "$G", "streams")
	jobsDir, valuesDir := filepath.Join(streams, "KV_asr-jobs"), filepath.Join(streams, "KV_asr-projects")
	resultsDir := filepath.Join(streams, "KV_asr-results")
	block := filepath.Join("msgs", "1.blk")
	type damage func(dir string) error
	change := func(path string, f func([]byte) []byte) damage {
		return func(dir string) error {
			data, err := os.ReadFile(filepath.Join(dir, path))
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, path), f(data), 0o600)
		}
	}
	flip := func(d []byte) []byte { d[len(d)/2] ^= 0xff; return d }
	half := func(d []byte) []byte { return d[:len(d)/2] }
	zero := func(d []byte) []byte { copy(d[len(d)/3:], make([]byte, 4096)); return d }
	junk := func(d []byte) []byte { return bytes.Repeat([]byte("junk"), len(d)/4) }
	gone := func(path string) damage {
		return func(dir string) error { return os.RemoveAll(filepath.Join(dir, path)) }
	}
	both := func(a, b damage) damage {
		return func(dir string) error { return errors.Join(a(dir), b(dir)) }
	}
	// A process that was killed leaves no index of its blocks.
	killed := func(of string, d damage) damage { return both(gone(filepath.Join(of, "msgs", "index.db")), d) }

	for name, d := range map[string]damage{
		"none":                            func(string) error { return nil },
		"none, after a kill":              killed(jobsDir, func(string) error { return nil }),
		"a bit of a job":                  change(filepath.Join(jobsDir, block), flip),
		"a bit of a job, after a kill":    killed(jobsDir, change(filepath.Join(jobsDir, block), flip)),
		"a page of jobs":                  change(filepath.Join(jobsDir, block), zero),
		"a page of jobs, after a kill":    killed(jobsDir, change(filepath.Join(jobsDir, block), zero)),
		"jobs cut in half":                change(filepath.Join(jobsDir, block), half),
		"jobs cut in half, after a kill":  killed(jobsDir, change(filepath.Join(jobsDir, block), half)),
		"jobs gone":                       gone(filepath.Join(jobsDir, block)),
		"jobs gone, after a kill":         killed(jobsDir, gone(filepath.Join(jobsDir, block))),
		"jobs are junk":                   change(filepath.Join(jobsDir, block), junk),
		"the index is junk":               change(filepath.Join(jobsDir, "msgs", "index.db"), junk),
		"the stream's description flips":  change(filepath.Join(jobsDir, "meta.inf"), flip),
		"the stream's description gone":   gone(filepath.Join(jobsDir, "meta.inf")),
		"the stream of jobs gone":         gone(jobsDir),
		"the stream of values gone":       gone(valuesDir),
		"values cut in half":              change(filepath.Join(valuesDir, block), half),
		"values cut, after a kill":        killed(valuesDir, change(filepath.Join(valuesDir, block), half)),
		"a bit of a value":                change(filepath.Join(valuesDir, block), flip),
		"a bit of a value, after a kill":  killed(valuesDir, change(filepath.Join(valuesDir, block), flip)),
		"the stream of results gone":      gone(resultsDir),
		"a bit of a result":               change(filepath.Join(resultsDir, block), flip),
		"a bit of a result, after a kill": killed(resultsDir, change(filepath.Join(resultsDir, block), flip)),
		"everything of the server gone":   gone("jetstream"),
		"the stamp is junk":               change(stampFile, junk),
		"the watermark is junk":           change(markFile, junk),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(origin)); err != nil {
				t.Fatal(err)
			}
			if err := d(dir); err != nil {
				t.Fatal(err)
			}
			q, err := Open(ctx, quick(Options{Dir: dir, Logger: testlog.New(t), loadStall: time.Second}))
			if err != nil {
				wantErr(t, err, ErrDamaged)
				if err.(*Error).Hint() == "" {
					t.Error("no hint")
				}
				t.Log(err)
				return
			}
			defer q.Close()
			// What is read is right, or the reading fails and says so.
			for i := range jobs {
				key := fmt.Sprint("job", i)
				j, err := q.Get(ctx, key)
				if err == nil && (j.State != states[key] || string(j.Payload) != value(i)) {
					t.Errorf("%s: got %s, payload %q", key, j.State, j.Payload)
				}
				if err == nil && j.State == Done {
					var got []byte
					if got, err = q.Result(ctx, key); err == nil && !bytes.HasPrefix(got, []byte("value")) {
						t.Errorf("%s: result %q", key, got)
					}
				}
				if err != nil {
					wantErr(t, err, ErrDamaged)
					wantErr(t, q.Health(), ErrDamaged)
				}
				v, ok, err := q.Values("p").Get(ctx, fmt.Sprint(i))
				if err == nil && (!ok || v != value(i)) {
					t.Errorf("value %d: got %q, %v", i, v, ok)
				}
				if err != nil {
					wantErr(t, err, ErrDamaged)
				}
			}
			if n := len(q.List(Filter{})); n != jobs {
				t.Errorf("%d jobs listed", n)
			}
		})
	}
}

// Whoever knows that something is lost can go on with the rest.
func TestALossCanBeAccepted(t *testing.T) {
	dir := t.TempDir()
	q := open(t, Options{Dir: dir})
	for i := range 20 {
		enqueue(t, q, spec(fmt.Sprint(i)))
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	if err := writeFile(dir, markFile, watermark{Jobs: 25, Seq: 25}); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), quick(Options{Dir: dir}))
	wantErr(t, err, ErrDamaged)
	if err := os.Remove(filepath.Join(dir, markFile)); err != nil {
		t.Fatal(err)
	}
	if n := len(open(t, Options{Dir: dir}).List(Filter{})); n != 20 {
		t.Errorf("%d jobs are left", n)
	}
}

func TestTheWatermarkKnowsRemovalFromLoss(t *testing.T) {
	before := watermark{Jobs: 10, Seq: 100, Values: 5, Changes: 50}
	for name, c := range map[string]struct {
		now  watermark
		lost bool
	}{
		"nothing happened":        {before, false},
		"three were removed":      {watermark{7, 103, 5, 50}, false},
		"three of two removals":   {watermark{7, 102, 5, 50}, true},
		"jobs came":               {watermark{20, 110, 5, 50}, false},
		"all were removed":        {watermark{0, 1000, 5, 50}, false},
		"latest changes are gone": {watermark{10, 99, 5, 50}, true},
		"values came":             {watermark{10, 100, 9, 70}, false},
		"a value is gone":         {watermark{10, 100, 4, 50}, true},
		"a value was deleted":     {watermark{10, 100, 4, 51}, false},
		"two of one deletion":     {watermark{10, 100, 3, 51}, true},
		"a value is an older one": {watermark{10, 100, 5, 49}, true},
		"everything is gone":      {watermark{}, true},
	} {
		if got := before.missing(c.now); (got != "") != c.lost {
			t.Errorf("%s: got %q", name, got)
		}
	}
	if got := (watermark{Seq: 40}).missing(watermark{}); got != "" {
		t.Errorf("a directory in which nothing was left: %q", got)
	}
}

// Delete used to leave the library's mark of a value; it is no value, and no damage.
func TestAValueThatWasMarkedAsGoneIsGone(t *testing.T) {
	q, ctx := open(t, Options{Dir: t.TempDir()}), t.Context()
	v := q.Values("project")
	for _, key := range []string{"gone", "kept"} {
		if err := v.Set(ctx, key, "x"); err != nil {
			t.Fatal(err)
		}
	}
	if err := q.projects.Purge(ctx, "project.gone"); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := v.Get(ctx, "gone"); ok || err != nil {
		t.Errorf("got %v, %v", ok, err)
	}
	if keys, err := v.Keys(ctx); err != nil || !slices.Equal(keys, []string{"kept"}) {
		t.Errorf("keys %q, %v", keys, err)
	}
	if err := v.Update(ctx, "gone", func(old string) (string, error) { return old + "y", nil }); err != nil {
		t.Error(err)
	}
	if got, _, err := v.Get(ctx, "gone"); got != "y" || err != nil {
		t.Errorf("set anew: %q, %v", got, err)
	}
}

// The process is killed after values were deleted and before the next watermark.
func TestADeletedValueIsNotTakenForALostOne(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	q := open(t, Options{Dir: dir, check: time.Hour}) // no watermark but the one below
	v := q.Values("project")
	for _, key := range []string{"a", "b", "c"} {
		if err := v.Set(ctx, key, "x"); err != nil {
			t.Fatal(err)
		}
	}
	w, err := q.watermark(ctx)
	if err == nil {
		err = writeFile(dir, markFile, w)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"c", "a"} {
		if err := v.Delete(ctx, key); err != nil {
			t.Fatal(err)
		}
	}
	killed := filepath.Join(t.TempDir(), "killed")
	if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	keys, err := open(t, Options{Dir: killed}).Values("project").Keys(ctx)
	if err != nil || !slices.Equal(keys, []string{"b"}) {
		t.Errorf("keys %q, %v", keys, err)
	}
}
