package jobs

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/internal/testlog"
	"github.com/asr-backend/asr-backend/priority"
)

// What lists show of a job is there after a restart, without a look at its result.
func TestNotesStayWithTheirJobs(t *testing.T) {
	o := quick(Options{Dir: t.TempDir(), Logger: testlog.New(t)})
	q, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a", "b", "c"} {
		if _, _, err := q.Enqueue(t.Context(), Spec{Key: key, Project: "p", Kind: "asr", Title: strings.Repeat("é", MaxTitle)}); err != nil {
			t.Fatal(err)
		}
	}
	for i, n := range []Note{{Title: "name.wav", Summary: []byte{0, 255}}, {Summary: []byte("short")}, {}} {
		l, err := q.TryTake(t.Context(), "asr", priority.Background)
		if err != nil {
			t.Fatal(err)
		}
		wantErr(t, l.FinishWith(t.Context(), nil, Note{Summary: make([]byte, MaxSummary+1)}), ErrTooLarge)
		if err := l.FinishWith(t.Context(), []byte{byte(i)}, n); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		a, _ := q.Peek("a")
		b, _ := q.Peek("b")
		c, _ := q.Find("c")
		if a.Title != "name.wav" || string(a.Summary) != "\x00\xff" || len(b.Title) > MaxTitle || !strings.HasPrefix(b.Title, "éé") || string(b.Summary) != "short" || c.Summary != nil || c.State != Done {
			t.Errorf("%+v\n%+v\n%+v", a, b, c)
		}
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
		if q, err = Open(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	if err := q.Close(); err != nil {
		t.Error(err)
	}
}

func TestWhoFollowsChangesMissesNone(t *testing.T) {
	q := &Queue{index: newIndex(5)}
	rev := uint64(0)
	apply := func(key, project, after string) {
		rev++
		r := readyJob(key, project, priority.Batch)
		r.ID, r.After, r.AfterID = "id"+key, after, ""
		if after != "" {
			r.AfterID = "id" + after
		}
		q.index.apply(r, rev, r.Created)
	}
	apply("recording", "1", "")
	apply("push", "1", "recording")
	apply("other push", "2", "recording")
	if _, _, all := q.ChangedSince("1", 0); all {
		t.Error("who has seen nothing knows what has changed")
	}
	_, one, _ := q.ChangedSince("1", 0)
	_, two, _ := q.ChangedSince("2", 0)
	if one == 0 || two == 0 || q.Changes("1") != one {
		t.Fatalf("changes %d and %d", one, two)
	}
	if keys, now, all := q.ChangedSince("1", one); len(keys) != 0 || now != one || !all {
		t.Errorf("nothing has changed: %q, %d, %v", keys, now, all)
	}
	apply("recording", "1", "")
	q.index.drop("push", 99, q.index.jobs["push"].seen)
	keys, now, all := q.ChangedSince("1", one)
	if !slices.Equal(keys, []string{"recording", "push"}) || now <= one || !all {
		t.Errorf("of project 1: %q, %d, %v", keys, now, all)
	}
	if keys, _, all := q.ChangedSince("2", two); !slices.Equal(keys, []string{"recording"}) || !all {
		t.Errorf("of project 2, one of whose jobs waits for it: %q, %v", keys, all)
	}
	for i := range keptChanges {
		apply(fmt.Sprint(i), "3", "")
	}
	apply("recording", "1", "")
	if _, _, all := q.ChangedSince("1", now); all {
		t.Error("changes that are not kept are known")
	}
}
