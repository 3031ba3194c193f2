package jobs

import (
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/priority"
)

func TestJobsOfEqualContentAreFound(t *testing.T) {
	dir := t.TempDir()
	q := open(t, Options{Dir: dir})
	identified := func(key, kind, content string) Job {
		t.Helper()
		if _, _, err := q.Enqueue(t.Context(), Spec{Key: key, Project: "p", Kind: kind}); err != nil {
			t.Fatal(err)
		}
		l, err := q.Take(t.Context(), kind, priority.Background)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Identify(t.Context(), content); err != nil {
			t.Fatal(err)
		}
		if err := l.Finish(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		job, err := q.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		return job
	}
	a := identified("a", "k", "one")
	identified("b", "k", "one")
	identified("c", "other", "one")
	identified("d", "k", "two")
	none := identified("e", "k", "")
	alike := func(j Job) string {
		var keys []string
		for _, other := range q.Alike(j) {
			keys = append(keys, other.Key)
		}
		return strings.Join(keys, " ")
	}
	if got := alike(a); got != "b" {
		t.Errorf("like the first: %q", got)
	}
	if got := alike(none); got != "" {
		t.Errorf("like one of unknown content: %q", got)
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	q = open(t, Options{Dir: dir})
	if got := alike(a); got != "b" {
		t.Errorf("like the first, after a restart: %q", got)
	}
	if err := q.Remove(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	if got := alike(a); got != "" {
		t.Errorf("like the first, after the second was removed: %q", got)
	}
	if _, _, err := q.Enqueue(t.Context(), Spec{Key: "f", Project: "p", Kind: "k"}); err != nil {
		t.Fatal(err)
	}
	l, err := q.Take(t.Context(), "k", priority.Background)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	if err := l.Identify(t.Context(), strings.Repeat("x", MaxName+1)); err == nil {
		t.Error("a content of any length is stored")
	}
	if err := l.Identify(t.Context(), "one"); err != nil || alike(a) != "f" {
		t.Errorf("like the first: %q, %v", alike(a), err)
	}
	if err := l.Identify(t.Context(), "two"); err != nil || alike(a) != "" {
		t.Errorf("like the first, after the content has changed: %q, %v", alike(a), err)
	}
}
