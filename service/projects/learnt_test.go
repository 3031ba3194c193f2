package projects_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/service/projects"
)

func TestWhatWasLearntIsPartOfTheVersion(t *testing.T) {
	dir := t.TempDir()
	r, _, stop := registry(t, dir, true)
	defer stop()
	resolve := func(extra string) string {
		t.Helper()
		return project(t, r, extra).Version
	}
	plain := resolve("")
	if err := r.SetLearnt(t.Context(), 1, "0123456789ab"); err != nil {
		t.Fatal(err)
	}
	learnt := resolve("")
	if learnt == plain {
		t.Error("the version is that of nothing learnt")
	}
	for extra, want := range map[string]string{`{"learn":"off"}`: plain, `{"learn":"on"}`: learnt, `{"learn":"0123456789ab"}`: learnt} {
		if got := resolve(extra); got != want {
			t.Errorf("%s gives %s, want %s", extra, got, want)
		}
	}
	if pinned := resolve(`{"learn":"ba9876543210"}`); pinned == plain || pinned == learnt {
		t.Errorf("another version gives %s", pinned)
	}
	// Another project has learnt nothing.
	other, err := r.Resolve(t.Context(), labelstudio.NewProject(2, segments, nil))
	if err != nil || other.Version != plain {
		t.Errorf("another project has %s, %v", other.Version, err)
	}
	stop()

	// Before the queue is open the version is known all the same.
	r, _, stop = registry(t, dir, false)
	defer stop()
	if got := resolve(""); got != learnt {
		t.Errorf("before the queue is open: %s, want %s", got, learnt)
	}
	stop()

	// A damaged file is made anew from the queue.
	if err := os.WriteFile(filepath.Join(dir, "learnt.json"), []byte(`{"1":"ffffffffffff"`), 0o600); err != nil {
		t.Fatal(err)
	}
	r, _, stop = registry(t, dir, true)
	defer stop()
	if got := resolve(""); got != learnt {
		t.Errorf("with a damaged file: %s, want %s", got, learnt)
	}
	stop()
	r, _, stop = registry(t, dir, false)
	defer stop()
	if got := resolve(""); got != learnt {
		t.Errorf("after the damaged file was made anew: %s, want %s", got, learnt)
	}
}

func TestAForgottenProjectHasLearntNothing(t *testing.T) {
	dir := t.TempDir()
	r, _, stop := registry(t, dir, true)
	defer stop()
	if err := r.SetLearnt(t.Context(), 3, "0123456789ab"); err != nil {
		t.Fatal(err)
	}
	if err := r.Forget(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	if v, err := r.Learnt(t.Context(), 3); v != "" || err != nil {
		t.Errorf("it has %q, %v", v, err)
	}
	stop()
	r, _, stop = registry(t, dir, false)
	defer stop()
	if v, err := r.Learnt(t.Context(), 3); v != "" || err != nil {
		t.Errorf("after a restart it has %q, %v", v, err)
	}
}

// A trained model is part of the version from the first moment of the process, beside what was learnt.
func TestATrainedModelIsKnownAtOnce(t *testing.T) {
	dir := t.TempDir()
	r, _, stop := registry(t, dir, true)
	defer stop()
	trained := projects.Trained{From: "tones", Model: "other"}
	if err := errors.Join(r.SetLearnt(t.Context(), 1, "0123456789ab"), r.SetTrained(t.Context(), 1, trained), r.SetTrained(t.Context(), 2, trained)); err != nil {
		t.Fatal(err)
	}
	if err := r.Forget(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	for _, open := range []bool{true, false} {
		if !open {
			stop()
			r, _, stop = registry(t, dir, false)
			defer stop()
		}
		got, err := r.Trained(t.Context(), 1)
		learnt, errLearnt := r.Learnt(t.Context(), 1)
		forgotten, errForgotten := r.Trained(t.Context(), 2)
		if err := errors.Join(err, errLearnt, errForgotten); err != nil || got != trained || learnt != "0123456789ab" || forgotten != (projects.Trained{}) {
			t.Errorf("queue open: %v: %+v, %s, and of a forgotten project %+v: %v", open, got, learnt, forgotten, err)
		}
	}
}
