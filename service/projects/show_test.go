package projects_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"

	"github.com/nats-io/nats-server/v2/server/ats"
)

// A page with many projects must not read all of them again each time, but what a request
// has just said shows at once.
func TestAPageShowsWhatWasSaidHereAtOnceAndElsewhereInAMinute(t *testing.T) {
	dir := t.TempDir()
	ats.Register() // its clock must not be part of the bubble
	defer ats.Unregister()
	synctest.Test(t, func(t *testing.T) {
		r, q, stop := registry(t, dir, true)
		defer stop()
		if _, err := r.Configure(t.Context(), 3, segments); err != nil {
			t.Fatal(err)
		}
		model := func() string {
			p, err := r.Show(t.Context(), 3)
			if err != nil || len(p.Plans) != 1 {
				t.Fatalf("%+v, %v", p, err)
			}
			return p.Settings.Model
		}
		if got := model(); got != "one" {
			t.Errorf("at first: %s", got)
		}
		if err := r.Set(t.Context(), 3, labelstudio.KeyExtraParams, `{"model":"two"}`); err != nil {
			t.Fatal(err)
		}
		if got := model(); got != "two" {
			t.Errorf("set here: %s", got)
		}
		time.Sleep(10 * time.Second) // Run stores it
		open, err := q.Get()
		if err == nil {
			err = open.Values("3").Set(t.Context(), labelstudio.KeyExtraParams, `{"model":"one"}`)
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := model(); got != "two" {
			t.Errorf("just set elsewhere: %s", got)
		}
		time.Sleep(time.Minute)
		if got := model(); got != "one" {
			t.Errorf("set elsewhere a minute ago: %s", got)
		}
	})
}
