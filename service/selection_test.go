package service_test

import (
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
)

// Label Studio uses the predictions of the service once there is one, unless somebody has chosen others.
func TestLabelStudioUsesWhatTheServiceStores(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		used := func(project int64) string {
			for _, p := range w.Projects() {
				if p.ID == project {
					return p.ModelVersion
				}
			}
			return "?"
		}
		patches := func() (n int) {
			for _, r := range w.Requests() {
				if strings.HasPrefix(r.String(), "PATCH /api/projects/") {
					n++
				}
			}
			return n
		}
		w.ready()
		p := w.connected("")
		if got := used(p); got != "" {
			t.Errorf("before there is a prediction, %q is used", got)
		}
		ids := w.record(p, 3)
		w.EmitCreated(p, ids...)
		w.settled(time.Minute, ids...)
		if got := used(p); got == "" || got != w.version(p) {
			t.Errorf("%q is used, not %q", got, w.version(p))
		}
		if n := patches(); n != 1 {
			t.Errorf("it was set %d times", n)
		}
		// A new version takes the place of an earlier one.
		before := used(p)
		if err := w.connect(p, `{"max_region":5}`); err != nil {
			t.Fatal(err)
		}
		w.until("another version is used", time.Hour, func() bool { return used(p) != before && used(p) == w.version(p) })

		chosen := w.connected("")
		w.ChangeProject(chosen, func(p *labelstudiotest.Project) { p.ModelVersion = "of a person" })
		off := w.project("")
		if err := w.connect(off, `{"select_version":false}`); err != nil {
			t.Fatal(err)
		}
		for _, p := range []int64{chosen, off} {
			ids := w.record(p, 1)
			w.EmitCreated(p, ids...)
			w.settled(time.Minute, ids...)
		}
		if a, b := used(chosen), used(off); a != "of a person" || b != "" {
			t.Errorf("%q and %q are used", a, b)
		}
	})
}
