package jobs

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func entryOf(project string, n int, weight int64) *entry {
	return &entry{at: -1, job: &Job{
		Key: fmt.Sprintf("%s-%d", project, n), Project: project, Weight: weight,
		Created: time.Unix(int64(n), 0),
	}}
}

// The theorem of start-time fair queueing (Goyal, Vin, Cheng 1996, theorem 1) for equal
// shares: while two flows both have work, the service they got differs by at most the
// heaviest packet of the one plus the heaviest of the other.
func TestProjectsWithWorkGetEqualWeight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ls := lanes{before: older}
		projects := rapid.IntRange(2, 6).Draw(t, "projects")
		heaviest := make([]int64, projects)
		left := make([]int, projects)
		queued, served := 0, make([]int64, projects)
		add := func(p int) {
			w := rapid.Int64Range(1, 50).Draw(t, "weight")
			heaviest[p] = max(heaviest[p], w)
			left[p]++
			queued++
			ls.add(entryOf(string(rune('a'+p)), queued, w))
		}
		// Noise before: other lanes have been busy and idle.
		for range rapid.IntRange(0, 20).Draw(t, "noise") {
			add(rapid.IntRange(0, projects-1).Draw(t, "project"))
			if rapid.Bool().Draw(t, "serve") {
				left[ls.next().job.Project[0]-'a']--
			}
		}
		for p := range projects {
			for left[p] < 10 {
				add(p)
			}
		}
		for {
			e := ls.next()
			p := int(e.job.Project[0] - 'a')
			served[p] += e.job.weight()
			if left[p]--; left[p] == 0 {
				return // no longer all of them have work
			}
			for i := range projects {
				for j := range projects {
					if d := served[i] - served[j]; d > heaviest[i]+heaviest[j] {
						t.Fatalf("served %v with heaviest %v: projects %d and %d are %d apart", served, heaviest, i, j, d)
					}
				}
			}
		}
	})
}

func TestALateProjectDoesNotWaitForTheBacklogOfAnother(t *testing.T) {
	ls := lanes{before: older}
	for i := range 1000 {
		ls.add(entryOf("big", i, 1))
	}
	for range 300 {
		ls.next()
	}
	ls.add(entryOf("small", 2000, 1))
	for i := range 2 {
		if e := ls.next(); e.job.Project == "small" {
			return
		} else if i == 1 {
			t.Errorf("the only job of the late project was not among the next two; got %s", e.job.Key)
		}
	}
}

func TestIdlenessEarnsNothing(t *testing.T) {
	ls := lanes{before: older}
	ls.add(entryOf("idle", 0, 1))
	for i := range 100 {
		ls.add(entryOf("busy", i, 1))
	}
	for range 50 {
		ls.next() // the idle project is served once, then sleeps
	}
	for i := range 50 {
		ls.add(entryOf("idle", 1000+i, 1))
	}
	inARow := 0
	for range 20 {
		if ls.next().job.Project == "idle" {
			if inARow++; inARow > 2 {
				t.Fatal("a project that slept is served several times in a row")
			}
		} else {
			inARow = 0
		}
	}
}

func TestALaneIsInOrderOfAgeAndEntriesCanLeave(t *testing.T) {
	ls := lanes{before: older}
	var all []*entry
	for _, n := range []int{5, 3, 9, 1, 7} {
		e := entryOf("p", n, 1)
		all = append(all, e)
		ls.add(e)
	}
	ls.remove(all[1]) // the one of time 3
	for _, want := range []string{"p-1", "p-5", "p-7", "p-9"} {
		if got := ls.next().job.Key; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if ls.next() != nil || ls.n != 0 || len(ls.of) != 0 {
		t.Errorf("left over: %d jobs, %d lanes", ls.n, len(ls.of))
	}
}
