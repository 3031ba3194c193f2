package jobs

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/priority"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// summary is all of an index that does not depend on how it came about.
func summary(x *index) map[string]string {
	x.mu.Lock()
	defer x.mu.Unlock()
	s := make(map[string]string)
	places := []string{"none", "ready", "claim", "due", "blocked"}
	for key, e := range x.jobs {
		s[key] = fmt.Sprintf("%s rev %d %s %s", e.job.State, e.rev, e.job.Class, places[e.where])
	}
	for k, c := range x.counts {
		s[fmt.Sprint("count ", k)] = fmt.Sprint(c)
	}
	for kind, ls := range x.kinds {
		for c := range ls {
			if ls[c].n+ls[c].suspects.n > 0 {
				s[fmt.Sprint("ready ", kind, c)] = fmt.Sprint(ls[c].n, ls[c].suspects.n)
			}
		}
	}
	s["due"], s["blocked"], s["live"] = fmt.Sprint(x.due.Len()), fmt.Sprint(len(x.after)), fmt.Sprint(x.live)
	return s
}

type change struct {
	r    record
	rev  uint64
	gone bool
}

func (c change) apply(x *index, now time.Time) {
	if c.gone {
		x.drop(c.r.Key, c.rev, now)
	} else {
		x.apply(c.r, c.rev, now)
	}
}

// A process learns of changes from the watch in order, and of its own ahead of that; it picks
// jobs and puts them back in between. Whatever the interleaving, it ends up knowing what a
// process knows that got everything once, in order.
func TestTheIndexDoesNotDependOnTheOrderOfNews(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		var history []change
		stored := make(map[string]record)
		for i := range rapid.IntRange(1, 60).Draw(t, "changes") {
			key := fmt.Sprint("job", rapid.IntRange(0, 7).Draw(t, "key"))
			r, there := stored[key]
			var err error
			gone := false
			switch {
			case !there:
				r = record{Format: format, ID: fmt.Sprint("id", i), Write: "w", Job: Job{Key: key, Project: fmt.Sprint(i % 3), Kind: "k", Created: now, Updated: now}}
				if rapid.Bool().Draw(t, "later") {
					r.NotBefore = now.Add(time.Hour)
				}
				if p, ok := stored[fmt.Sprint("job", rapid.IntRange(0, 7).Draw(t, "after"))]; ok && p.Key != key {
					r.After, r.AfterID = p.Key, p.ID
				}
			case rapid.IntRange(0, 5).Draw(t, "remove") == 0:
				gone = true
			case r.State == Queued:
				r, err = r.take(now.Add(time.Hour), "o", "l")
			case r.State == Running && rapid.Bool().Draw(t, "well"):
				r, err = r.finish(now, resultRef{Name: r.ID + ".l", Size: 5})
			case r.State == Running:
				r, err = r.fail(now, errors.New("bad"))
			case r.State == Discarded:
				r, err = r.requeue(now)
			default:
				gone = true
			}
			if err != nil {
				t.Fatal(err)
			}
			history = append(history, change{r, uint64(i + 1), gone})
			if stored[key] = r; gone {
				delete(stored, key)
			}
		}

		mixed, plain := newIndex(5), newIndex(5)
		for i, c := range history {
			// Own writes come early, but a process reads a job before it writes it, and the
			// job that it waits for, and learns of removals by the watch alone.
			if ahead := i + rapid.IntRange(0, 3).Draw(t, "ahead"); ahead < len(history) && !history[ahead].gone {
				_, known := mixed.jobs[history[ahead].r.After]
				removed := history[ahead].r.After != "" && !known
				for _, m := range history[i:ahead] {
					removed = removed || m.gone && m.r.Key == history[ahead].r.Key
				}
				if !removed {
					history[ahead].apply(mixed, now)
				}
			}
			if rapid.Bool().Draw(t, "pick") {
				if key, ok, _, _ := mixed.pick("k", priority.Batch, now); ok {
					mixed.unpick(key, now)
				}
			}
			c.apply(mixed, now)
			c.apply(plain, now)
		}
		if d := cmp.Diff(summary(plain), summary(mixed)); d != "" {
			t.Fatalf("plain (-), interleaved (+):\n%s", d)
		}
	})
}

func readyJob(key, project string, c priority.Class) record {
	now := time.Unix(1000, 0).UTC()
	return record{Format: format, ID: "id-" + key, Write: "w", Job: Job{Key: key, Project: project, Kind: "k", Class: c, Created: now, Updated: now}}
}

func TestAJobIsPickedOnceUntilItIsPutBack(t *testing.T) {
	x, now := newIndex(5), time.Unix(2000, 0)
	x.apply(readyJob("a", "p", priority.Batch), 1, now)
	if key, ok, _, _ := x.pick("k", priority.Batch, now); !ok || key != "a" {
		t.Fatalf("first pick: got %q, %v", key, ok)
	}
	if key, ok, wake, _ := x.pick("k", priority.Batch, now); ok || wake == nil {
		t.Fatalf("second pick: got %q, %v", key, ok)
	}
	x.unpick("a", now)
	if key, ok, _, _ := x.pick("k", priority.Batch, now); !ok || key != "a" {
		t.Errorf("after it was put back: got %q, %v", key, ok)
	}
}

func TestPickingWakesAtTheTimeOfAJobAndWhenOneComes(t *testing.T) {
	x, now := newIndex(5), time.Unix(2000, 0)
	r := readyJob("later", "p", priority.Batch)
	r.NotBefore = now.Add(time.Minute)
	x.apply(r, 1, now)
	_, ok, wake, next := x.pick("k", priority.Batch, now)
	if ok || !next.Equal(r.NotBefore) {
		t.Fatalf("before its time: picked %v, next %v", ok, next)
	}
	x.apply(readyJob("now", "p", priority.Batch), 2, now)
	select {
	case <-wake:
	default:
		t.Error("a new job does not wake who waits")
	}
	if key, _, _, _ := x.pick("k", priority.Batch, now); key != "now" {
		t.Errorf("got %q before its time", key)
	}
	if key, _, _, _ := x.pick("k", priority.Batch, now.Add(time.Minute)); key != "later" {
		t.Errorf("at its time: got %q", key)
	}
}

func TestAHigherClassGoesFirst(t *testing.T) {
	x, now := newIndex(5), time.Unix(2000, 0)
	for i, c := range []priority.Class{priority.Batch, priority.Interactive, priority.Opened} {
		x.apply(readyJob(c.String(), "p", c), uint64(i+1), now)
	}
	for _, want := range []priority.Class{priority.Interactive, priority.Opened} {
		if key, _, _, _ := x.pick("k", priority.Opened, now); key != want.String() {
			t.Errorf("got %q, want %v", key, want)
		}
	}
	if key, ok, _, _ := x.pick("k", priority.Opened, now); ok {
		t.Errorf("a worker for opened tasks got %q", key)
	}
}

func TestAClaimByAnotherProcessEndsTheTurnOfItsProject(t *testing.T) {
	x, now := newIndex(5), time.Unix(2000, 0)
	for i := range 4 {
		x.apply(readyJob(fmt.Sprint("a", i), "a", priority.Batch), uint64(i+1), now)
		x.apply(readyJob(fmt.Sprint("b", i), "b", priority.Batch), uint64(i+11), now)
	}
	r, _ := readyJob("a0", "a", priority.Background).take(now, "other", "l") // by another process
	x.apply(r, 100, now)
	for _, want := range []string{"b0", "a1", "b1"} {
		if key, _, _, _ := x.pick("k", priority.Batch, now); key != want {
			t.Errorf("got %q, want %q: project a has had its turn", key, want)
		}
	}
}

func TestListsMatchTheIndexWhateverCameAndWent(t *testing.T) {
	now := time.Unix(2000, 0)
	rapid.Check(t, func(t *rapid.T) {
		x, want := newIndex(5), make(map[string]Job)
		for rev := range rapid.IntRange(1, 80).Draw(t, "changes") {
			key := fmt.Sprint("job", rapid.IntRange(0, 9).Draw(t, "key"))
			if rapid.IntRange(0, 3).Draw(t, "remove") == 0 {
				x.drop(key, uint64(rev+1), now)
				delete(want, key)
				continue
			}
			r := readyJob(key, rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "project"), priority.Batch)
			r.Kind = rapid.SampledFrom([]string{"k", "l"}).Draw(t, "kind")
			x.apply(r, uint64(rev+1), now)
			r.Job.Revision = uint64(rev + 1)
			want[key] = r.Job
		}
		for _, f := range []Filter{{}, {Project: "a"}, {Kind: "k"}, {Project: "b", Kind: "l"}, {Project: "none"}} {
			matches := func(j Job) bool {
				return (f.Project == "" || f.Project == j.Project) && (f.Kind == "" || f.Kind == j.Kind)
			}
			n := 0
			for _, j := range want {
				if matches(j) {
					n++
				}
			}
			got := x.list(f)
			if len(got) != n {
				t.Fatalf("%+v: listed %d of %d jobs", f, len(got), n)
			}
			for i, e := range got {
				j := *e.job
				if d := cmp.Diff(want[j.Key], j); d != "" || !matches(j) || i > 0 && got[i-1].rev < e.rev {
					t.Fatalf("%+v, place %d: want (-), got (+):\n%s", f, i, d)
				}
			}
		}
		for key := range want {
			x.drop(key, 1000, now)
		}
		if len(x.groups) != 0 || len(x.counts) != 0 {
			t.Fatalf("left over: %v, %v", x.groups, x.counts)
		}
	})
}

func TestRetentionTakesTheOldestAndLeavesWhatIsNeeded(t *testing.T) {
	x, now := newIndex(5), time.Unix(100_000, 0)
	ended := func(key string, age time.Duration, size int64, rev uint64) {
		r, _ := readyJob(key, "p", priority.Background).take(now, "o", "l")
		r, _ = r.finish(now.Add(-age), resultRef{Name: r.ID + ".l", Size: size})
		x.apply(r, rev, now)
	}
	ended("old", 10*time.Hour, 1, 1)
	ended("needed", 9*time.Hour, 1, 2)
	ended("young", time.Minute, 1, 3)
	ended("younger", time.Second, 100, 4)
	waits := readyJob("push", "p", priority.Batch)
	waits.After, waits.AfterID = "needed", "id-needed"
	x.apply(waits, 5, now)
	keys := func(o Options) (got []string) {
		for _, e := range x.expired(&o, now) {
			got = append(got, e.job.Key)
		}
		return got
	}
	for _, c := range []struct {
		name string
		o    Options
		want []string
	}{
		{"nothing is over", Options{KeepDone: 24 * time.Hour, KeepJobs: 9, KeepBytes: 999}, nil},
		{"too old", Options{KeepDone: time.Hour, KeepJobs: 9, KeepBytes: 999}, []string{"old"}},
		{"too many", Options{KeepDone: 24 * time.Hour, KeepJobs: 1, KeepBytes: 999}, []string{"old", "young"}},
		{"too large", Options{KeepDone: 24 * time.Hour, KeepJobs: 9, KeepBytes: 50}, []string{"old", "young", "younger"}},
		{"a little too large", Options{KeepDone: 24 * time.Hour, KeepJobs: 9, KeepBytes: 102}, []string{"old"}},
	} {
		if d := cmp.Diff(c.want, keys(c.o)); d != "" {
			t.Errorf("%s: want (-), got (+):\n%s", c.name, d)
		}
	}
}

func TestSuspectsRunOneAtATime(t *testing.T) {
	x, now := newIndex(5), time.Unix(2000, 0)
	rev := uint64(0)
	put := func(r record) {
		rev++
		x.apply(r, rev, now)
	}
	lost := func(key string, crashes int) record {
		r := readyJob(key, "p", priority.Batch)
		r.Crashes = crashes
		return r
	}
	put(lost("often", 4))
	put(lost("twice", 2))
	put(lost("once", 1))
	put(readyJob("never", "p", priority.Batch))
	pick := func() string {
		key, _, _, _ := x.pick("k", priority.Batch, now)
		return key
	}
	var got []string
	for range 4 {
		got = append(got, pick())
	}
	if d := cmp.Diff([]string{"twice", "never", "once", ""}, got); d != "" {
		t.Fatalf("want (-), got (+):\n%s", d)
	}
	running, _ := lost("twice", 2).take(now, "o", "l")
	put(running)
	if key := pick(); key != "" {
		t.Errorf("picked %q beside a running suspect", key)
	}
	_, _, wake, _ := x.pick("k", priority.Batch, now)
	done, _ := running.finish(now, resultRef{Name: running.ID + ".l"})
	put(done)
	select {
	case <-wake:
	default:
		t.Error("the end of a suspect wakes nobody")
	}
	if key := pick(); key != "often" {
		t.Errorf("after the suspect has ended: picked %q", key)
	}
}

func TestChangesFollowJobsAndThoseTheyWaitFor(t *testing.T) {
	q, now := &Queue{index: newIndex(5)}, time.Now()
	x, rev := q.index, uint64(0)
	put := func(r record) { rev++; x.apply(r, rev, now) }
	push := readyJob("push", "b", priority.Batch)
	push.After, push.AfterID = "recording", "id-recording"
	put(readyJob("recording", "a", priority.Batch))
	put(push)
	put(readyJob("other", "c", priority.Batch))
	last := map[string]uint64{}
	expect := func(what string, changed ...string) {
		t.Helper()
		for _, project := range []string{"a", "b", "c", "none"} {
			n := q.Changes(project)
			if (n != last[project]) != slices.Contains(changed, project) {
				t.Errorf("%s: project %s went from %d to %d", what, project, last[project], n)
			}
			last[project] = n
		}
	}
	expect("enqueued", "a", "b", "c")
	expect("nothing")
	running, err := readyJob("recording", "a", priority.Background).take(now, "o", "l")
	if err != nil {
		t.Fatal(err)
	}
	put(running)
	expect("the recording is taken, for which a job of b waits", "a", "b")
	x.apply(readyJob("other", "c", priority.Batch), 1, now)
	expect("an old revision")
	for job, after := range q.Pairs(Filter{Project: "b"}) {
		if job.Key != "push" || after == nil || after.State != Running {
			t.Errorf("%s waits for %+v", job.Key, after)
		}
	}
	rev++
	x.drop("recording", rev, now)
	expect("the recording is removed", "a", "b")
	for _, after := range q.Pairs(Filter{Project: "b"}) {
		if after != nil {
			t.Errorf("waits for %+v", after)
		}
	}
	rev++
	x.drop("other", rev, now)
	expect("a job is removed", "c")
}
