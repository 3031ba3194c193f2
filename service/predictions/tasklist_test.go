package predictions

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestListsShowFailuresThenWhatChangedLast(t *testing.T) {
	now := time.Now()
	var all []TaskStatus
	for i := range int64(100) {
		s := TaskStatus{ID: i, State: "pushed", Updated: now.Add(time.Duration(i) * time.Second)}
		if i%30 == 0 { // 0, 30, 60, 90
			s.State, s.Reason = "failed", "no audio"
		}
		all = append(all, s)
	}
	for _, order := range []string{"latest first", "oldest first", "at random"} {
		switch order {
		case "latest first":
			slices.Reverse(all)
		case "oldest first":
			slices.Reverse(all)
		default:
			rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		}
		for most, want := range map[int]string{0: "[]", 3: "[90 60 30]", 6: "[99 98 90 60 30 0]"} {
			l := NewTaskList(most)
			for _, s := range all {
				l.Add(s)
			}
			var ids []int64
			for _, s := range l.Tasks() {
				ids = append(ids, s.ID)
			}
			if fmt.Sprint(ids) != want || l.Omitted() != 100-most {
				t.Errorf("%s, %d listed: %v and %d more, want %s", order, most, ids, l.Omitted(), want)
			}
			if d := cmp.Diff(map[string]int{"pushed": 96, "failed": 4}, l.Counts); d != "" {
				t.Errorf("counts: %s", d)
			}
		}
	}
}

func TestAnOverviewFollowsTheJobs(t *testing.T) {
	f := newFixture(t)
	var o Overview
	state := func() string {
		l := o.Tasks(f.Jobs, 1, 10)
		l.Add(TaskStatus{ID: 9, State: "not accepted"}) // does not stay
		return fmt.Sprint(l.Counts)
	}
	if got := state(); got != "map[not accepted:1]" {
		t.Errorf("at first: %s", got)
	}
	if err := f.prepare(f.project("")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := state(); got != "map[not accepted:1 waiting:1]" {
			t.Errorf("prepared: %s", got)
		}
	}
	f.transcribe()
	if got := state(); got != "map[not accepted:1 to be pushed:1]" {
		t.Errorf("transcribed: %s", got)
	}
	if err := f.work(); err != nil {
		t.Fatal(err)
	}
	if got := state(); got != "map[not accepted:1 pushed:1]" {
		t.Errorf("pushed: %s", got)
	}
}
