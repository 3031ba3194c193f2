package jobs

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/asr-backend/asr-backend/priority"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

type hinted struct{ error }

func (hinted) Hint() string { return "try something else" }

// Whatever steps are tried in whatever order: only those of the diagram succeed, what they
// write can be stored and read, and a step that fails changes nothing that is stored.
func TestStepsKeepToTheDiagram(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		clock := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		r := record{Format: format, ID: "id", Write: "w", Job: Job{
			Key: "k", Project: "p", Kind: "asr", Created: clock, Updated: clock,
		}}
		const maxDeliver = 3
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			clock = clock.Add(time.Second)
			before := r
			step := rapid.SampledFrom([]string{"take", "heartbeat", "finish", "fail", "retry", "snooze", "release", "lose", "requeue", "raise", "hold", "cancel", "restart", "again", "wait"}).Draw(t, "step")
			var err error
			var next record
			allowed := before.State == Running
			switch step {
			case "take":
				allowed = before.State == Queued && !before.NotBefore.After(clock)
				next, err = r.take(clock, "owner", "lease")
			case "heartbeat":
				next, err = r.heartbeat(clock)
			case "finish":
				next, err = r.finish(clock, resultRef{Name: "id.lease"})
			case "fail":
				next, err = r.fail(clock, hinted{errors.New(rapid.String().Draw(t, "reason"))})
			case "retry":
				next, err = r.retry(clock, clock.Add(time.Hour), errors.New("refused"))
			case "snooze":
				next, err = r.snooze(clock, clock.Add(time.Hour))
			case "release":
				next, err = r.release(clock)
			case "lose":
				next, err = r.crash(clock, rapid.IntRange(0, 5).Draw(t, "windows"), maxDeliver, time.Second, "killed")
			case "requeue":
				allowed = (before.State == Discarded || before.State == Queued) && !before.Held.After(clock)
				next, err = r.requeue(clock)
			case "raise":
				allowed = !before.State.Ended()
				next, err = r.raise(clock, priority.Class(rapid.IntRange(0, priority.Classes-1).Draw(t, "class")), clock.Add(time.Minute))
			case "hold":
				allowed = before.State == Queued && !before.Held.After(clock)
				next, err = r.hold(clock, clock.Add(time.Minute))
			case "cancel":
				allowed = before.State != Done
				next, err = r.cancel(clock)
			case "restart", "again":
				allowed = (before.State == Queued || before.State == Discarded || before.State == Done && step == "again") && !before.Held.After(clock)
				next, err = r.restart(clock, RestartOptions{Class: priority.Batch, Done: step == "again"})
			case "wait":
				clock = clock.Add(2 * time.Hour)
				continue
			}
			if (err == nil) != allowed || err != nil && !errors.Is(err, ErrState) {
				t.Fatalf("%s of a %s job: error %v", step, before.State, err)
			}
			if err != nil {
				continue
			}
			data, err := next.encode()
			if err != nil {
				t.Fatalf("%s: encode: %v", step, err)
			}
			if r, err = decodeRecord(data); err != nil {
				t.Fatalf("%s: decode: %v", step, err)
			}
			if r.Crashes >= maxDeliver && r.State != Discarded || r.Class < before.Class || r.Attempts < before.Attempts && r.Attempts > 0 {
				t.Fatalf("%s: from %+v to %+v", step, before, r)
			}
			if step == "fail" && r.Hint != "try something else" {
				t.Fatalf("fail: got hint %q", r.Hint)
			}
		}
	})
}

func TestSuspectsRestLongerAndLonger(t *testing.T) {
	now := time.Now().UTC()
	r := record{Format: format, ID: "id", Write: "w", Job: Job{Key: "k", Project: "p", Kind: "asr", Created: now, Updated: now}}
	for i, want := range []time.Duration{0, 0, time.Second, 6 * time.Second, 36 * time.Second, 216 * time.Second, 216 * time.Second} {
		r, _ = r.take(now.Add(time.Hour), "o", "l")
		r, _ = r.crash(now, 0, 100, time.Second, "killed")
		if got := max(0, r.NotBefore.Sub(now)); r.State != Queued || got != want {
			t.Errorf("after %d crashes: %s, not before %v; want %v", i+1, r.State, got, want)
		}
	}
	r, _ = r.take(now.Add(time.Hour), "o", "l")
	if r, _ = r.crash(now, 1, 100, time.Second, "killed"); !r.NotBefore.IsZero() {
		t.Errorf("a job that got further rests until %v", r.NotBefore)
	}
}

func TestCrashesCountOnlyWithoutProgress(t *testing.T) {
	now := time.Now().UTC()
	r := record{Format: format, ID: "id", Write: "w", Job: Job{Key: "k", Project: "p", Kind: "asr", Created: now, Updated: now}}
	for i, c := range []struct {
		windows, crashes int
		state            State
	}{{0, 1, Queued}, {4, 0, Queued}, {4, 1, Queued}, {5, 0, Queued}, {5, 1, Queued}, {5, 2, Discarded}} {
		r, _ = r.take(now, "o", "l")
		r, _ = r.crash(now, c.windows, 2, time.Minute, "killed")
		if r.Crashes != c.crashes || r.State != c.state {
			t.Fatalf("crash %d with %d windows: got %d crashes, %s; want %d, %s", i, c.windows, r.Crashes, r.State, c.crashes, c.state)
		}
	}
	if r.Reason == "" || r.Hint == "" {
		t.Errorf("a job dead of crashes has reason %q, hint %q", r.Reason, r.Hint)
	}
}

func TestReasonsAreCutToValidText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := strings.Repeat(string(rapid.SliceOf(rapid.Byte()).Draw(t, "text")), rapid.IntRange(1, 50).Draw(t, "times"))
		n := rapid.IntRange(8, 200).Draw(t, "limit")
		got := cut(s, n)
		if len(got) > n || !utf8.ValidString(got) || len(s) <= n && utf8.ValidString(s) && got != s {
			t.Fatalf("cut(%q, %d): got %q", s, n, got)
		}
	})
}

// Anybody may write into the bucket; what would break the state machine does not get in.
func TestRecordsThatBreakTheRulesAreRefused(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	queued := record{Format: format, ID: "id", Write: "w", Job: Job{Key: "k", Project: "p", Kind: "asr", Created: now, Updated: now}}
	running, _ := queued.take(now, "o", "l")
	done, _ := running.finish(now, resultRef{Name: "id.r", Size: 3})
	dead, _ := running.fail(now, errors.New("no"))
	for name, c := range map[string]struct {
		from   record
		change func(*record)
	}{
		"no identity":                   {queued, func(r *record) { r.ID = "" }},
		"an identity of two tokens":     {queued, func(r *record) { r.ID = "a.>" }},
		"queued with a lease":           {queued, func(r *record) { r.Lease, r.Owner = "l", "o" }},
		"running without a lease":       {running, func(r *record) { r.Lease = "" }},
		"running without an owner":      {running, func(r *record) { r.Owner = "" }},
		"running but never taken":       {running, func(r *record) { r.Attempted = time.Time{} }},
		"done without a result":         {done, func(r *record) { r.Result = nil }},
		"done without an end":           {done, func(r *record) { r.Ended = time.Time{} }},
		"the result of another job":     {done, func(r *record) { r.Result = &resultRef{Name: "other.r"} }},
		"results of all jobs":           {done, func(r *record) { r.Result = &resultRef{Name: "id.>"} }},
		"a result of negative size":     {done, func(r *record) { r.Result = &resultRef{Name: "id.r", Size: -1} }},
		"dead without a reason":         {dead, func(r *record) { r.Reason = "" }},
		"dead and waiting for its time": {dead, func(r *record) { r.NotBefore = now }},
		"done and cancelled":            {done, func(r *record) { r.Cancelled = true }},
		"negative crashes":              {queued, func(r *record) { r.Crashes = -1 }},
		"waits for nobody in special":   {queued, func(r *record) { r.After = "x" }},
		"never created":                 {queued, func(r *record) { r.Created = time.Time{} }},
	} {
		r := c.from
		if err := r.check(); err != nil {
			t.Fatalf("%s, before the change: %v", name, err)
		}
		c.change(&r)
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decodeRecord(data); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := decodeRecord([]byte(`{"v":2,"key":["of a later version"]}`)); !errors.Is(err, ErrFormat) {
		t.Errorf("a later version: %v", err)
	}
}

func FuzzDecodeRecord(f *testing.F) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r := record{Format: format, ID: "id", Write: "w", Job: Job{Key: "k", Project: "p", Kind: "asr", Payload: []byte("x"), Created: now, Updated: now}}
	running, _ := r.take(now, "o", "l")
	done, _ := running.finish(now, resultRef{Name: "id.l", Size: 3})
	dead, _ := running.fail(now, errors.New("no"))
	for _, r := range []record{r, running, done, dead} {
		data, err := r.encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"v":2}`))
	f.Add([]byte(`{"v":1,"state":"done","result":{"name":"../x"}}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := decodeRecord(data)
		if err != nil {
			return
		}
		again, err := r.encode()
		if err != nil {
			t.Fatalf("a record that was read cannot be written: %v", err)
		}
		back, err := decodeRecord(again)
		if err != nil || !reflect.DeepEqual(normal(t, back), normal(t, r)) {
			t.Errorf("read, written and read again: %s", cmp.Diff(normal(t, r), normal(t, back)))
		}
	})
}

// normal is a record as plain JSON, for times that are equal may differ in memory.
func normal(t *testing.T, r record) (v any) {
	data, err := json.Marshal(r)
	if err == nil {
		err = json.Unmarshal(data, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// A job counts as failing from its first failure on, however long it waited before, until an
// attempt ends in another way or it is queued again after it was given up.
func TestAJobFailsSinceItsFirstFailure(t *testing.T) {
	clock := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r := record{Format: format, ID: "id", Write: "w", Job: Job{Key: "k", Project: "p", Kind: "asr", Created: clock, Updated: clock}}
	do := func(step func(r record) (record, error)) {
		t.Helper()
		clock = clock.Add(time.Hour)
		var err error
		if r, err = r.take(clock, "owner", "lease"); err == nil {
			r, err = step(r)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	retry := func(r record) (record, error) { return r.retry(clock, clock, errors.New("refused")) }
	do(retry)
	first := clock
	do(retry)
	if !r.Failing.Equal(first) {
		t.Errorf("failing since %v, want %v", r.Failing, first)
	}
	do(func(r record) (record, error) { return r.snooze(clock, clock) })
	if !r.Failing.IsZero() {
		t.Errorf("after a snooze it fails since %v", r.Failing)
	}
	do(retry)
	do(func(r record) (record, error) { return r.fail(clock, errors.New("given up")) })
	r, err := r.requeue(clock)
	if err != nil || !r.Failing.IsZero() {
		t.Errorf("queued again: failing since %v, %v", r.Failing, err)
	}
}
