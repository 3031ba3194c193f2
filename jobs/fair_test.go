package jobs

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/priority"

	"pgregory.net/rapid"
)

func entryOf(project string, n int) *entry {
	return &entry{at: -1, job: &Job{Key: fmt.Sprintf("%s-%d", project, n), Project: project, Created: time.Unix(int64(n), 0)}}
}

// While several projects have work all the while, the jobs they got differ by one at most.
func TestProjectsWithWorkGetEqualTurns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := roundRobin{before: older}
		projects := rapid.IntRange(2, 6).Draw(t, "projects")
		left, served := make([]int, projects), make([]int, projects)
		queued := 0
		add := func(p int) {
			left[p]++
			queued++
			r.add(entryOf(string(rune('a'+p)), queued))
		}
		// Noise before: projects have been busy and idle.
		for range rapid.IntRange(0, 20).Draw(t, "noise") {
			add(rapid.IntRange(0, projects-1).Draw(t, "project"))
			if rapid.Bool().Draw(t, "serve") {
				left[r.next().job.Project[0]-'a']--
			}
		}
		for p := range projects {
			for left[p] < 10 {
				add(p)
			}
		}
		for {
			p := int(r.next().job.Project[0] - 'a')
			served[p]++
			if left[p]--; left[p] == 0 {
				return // no longer all of them have work
			}
			for i := range projects {
				for j := range projects {
					if d := served[i] - served[j]; d > 1 {
						t.Fatalf("served %v: projects %d and %d are %d apart", served, i, j, d)
					}
				}
			}
			if rapid.IntRange(0, 3).Draw(t, "more") == 0 {
				add(rapid.IntRange(0, projects-1).Draw(t, "project"))
			}
		}
	})
}

func TestALateProjectDoesNotWaitForTheBacklogOfAnother(t *testing.T) {
	r := roundRobin{before: older}
	for i := range 1000 {
		r.add(entryOf("big", i))
	}
	for range 300 {
		r.next()
	}
	r.add(entryOf("small", 2000))
	for i := range 2 {
		if e := r.next(); e.job.Project == "small" {
			return
		} else if i == 1 {
			t.Errorf("the only job of the late project was not among the next two; got %s", e.job.Key)
		}
	}
}

func TestIdlenessEarnsNothing(t *testing.T) {
	r := roundRobin{before: older}
	r.add(entryOf("idle", 0))
	for i := range 100 {
		r.add(entryOf("busy", i))
	}
	for range 50 {
		r.next() // the idle project is served once, then sleeps
	}
	for i := range 50 {
		r.add(entryOf("idle", 1000+i))
	}
	inARow := 0
	for range 20 {
		if r.next().job.Project == "idle" {
			if inARow++; inARow > 2 {
				t.Fatal("a project that slept is served several times in a row")
			}
		} else {
			inARow = 0
		}
	}
}

func TestAProjectIsInOrderOfAgeAndEntriesCanLeave(t *testing.T) {
	r := roundRobin{before: older}
	var all []*entry
	for _, n := range []int{5, 3, 9, 1, 7} {
		e := entryOf("p", n)
		all = append(all, e)
		r.add(e)
	}
	r.remove(all[1]) // the one of time 3
	for _, want := range []string{"p-1", "p-5", "p-7", "p-9"} {
		if got := r.next().job.Key; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if r.next() != nil || r.n != 0 || len(r.of) != 0 || r.ring.Len() != 0 {
		t.Errorf("left over: %d jobs, %d projects", r.n, len(r.of))
	}
}

// However the projects stand in the ring, as many jobs are taken before one as it says.
func TestAheadIsWhatIsTakenBefore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := roundRobin{before: older}
		var all []*entry
		for i := range rapid.IntRange(1, 30).Draw(t, "jobs") {
			e := entryOf(string(rune('a'+rapid.IntRange(0, 4).Draw(t, "project"))), i)
			r.add(e)
			all = append(all, e)
			if rapid.IntRange(0, 4).Draw(t, "serve") == 0 {
				served := r.next()
				all = slices.DeleteFunc(all, func(e *entry) bool { return e == served })
			}
		}
		if len(all) == 0 {
			return
		}
		e := all[rapid.IntRange(0, len(all)-1).Draw(t, "one")]
		want := r.ahead(e)
		for n := 0; ; n++ {
			if r.next() == e {
				if n != want {
					t.Fatalf("%d jobs were taken before it, and %d are said to be ahead", n, want)
				}
				return
			}
		}
	})
}

func TestAheadCountsHigherClasses(t *testing.T) {
	x, now := newIndex(5), time.Now()
	put := func(key string, class priority.Class, state State) {
		x.apply(record{ID: key, Job: Job{Key: key, Project: "p", Kind: "k", Class: class, State: state, Created: now}}, uint64(len(x.jobs)+1), now)
	}
	put("imported", priority.Batch, Queued)
	put("opened", priority.Opened, Queued)
	put("runs", priority.Interactive, Running)
	put("new version", priority.Background, Queued)
	for key, want := range map[string]int{"imported": 1, "opened": 0, "runs": 0, "new version": 2, "unknown": 0} {
		if got := x.ahead(key, now); got != want {
			t.Errorf("%s: %d jobs are ahead, want %d", key, got, want)
		}
	}
}
