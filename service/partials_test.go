package service_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/service"
)

// oneRow fails the test if a task has several predictions after any request to the API.
func (w *world) oneRow(ids ...int64) {
	w.Intercept(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(rw, r)
		for _, id := range ids {
			if n := len(w.Predictions(id)); n > 1 {
				w.t.Errorf("%s %s: the task has %d predictions", r.Method, r.URL, n)
			}
		}
	})
}

// What there is of a long recording is shown, and each time it is more, until it is all there: in
// one row, also across restarts.
func TestALongRecordingIsShownInPart(t *testing.T) {
	inWorld(t, func(w *world, _ *service.Options) { w.slow = 15 * time.Second }, func(w *world) {
		p := w.project("")
		w.until("connected", time.Minute, func() bool { return w.connect(p, `{"partial":2}`) == nil })
		w.ready()
		long, short := w.long(p, 1), w.record(p, 1)
		w.oneRow(append(long, short...)...)
		w.EmitCreated(p, append(long, short...)...)
		partial := func(least int) func() bool {
			return func() bool {
				rows := w.Predictions(long[0])
				return len(rows) == 1 && rows[0].Version == w.version(p)+"-partial" && len(texts(rows[0])) >= least
			}
		}
		w.until("shown in part", time.Hour, partial(10))
		first := w.Predictions(long[0])[0]
		w.stop()
		w.start()
		w.until("shown in a larger part", time.Hour, partial(len(texts(first))+1))
		second := w.Predictions(long[0])[0]
		// Whoever asks for predictions now gets none beside the part.
		if n := w.retrieve(p, long...); n != 0 {
			t.Errorf("%d predictions beside the partial one", n)
		}
		w.settled(time.Hour, append(long, short...)...)
		whole := w.Predictions(long[0])[0]
		if first.ID != second.ID || second.ID != whole.ID {
			t.Errorf("rows %d, %d and %d", first.ID, second.ID, whole.ID)
		}
		all := texts(whole)
		for _, part := range [][]string{texts(first), texts(second)} {
			// The last region may go on after the end of the part.
			if n := len(part) - 1; n < 1 || n >= len(all) || !slices.Equal(part[:n], all[:n]) {
				t.Errorf("%d regions are not the beginning of the %d of the whole", len(part), len(all))
			}
		}
		if n := w.log.Count("partial prediction stored"); n < 3 {
			t.Errorf("%d partial predictions", n)
		}
		for _, id := range short {
			if strings.Contains(w.Predictions(id)[0].Version, "partial") {
				t.Error("a short recording has a partial prediction")
			}
		}
	})
}

func TestWithoutTheSettingNothingIsShownInPart(t *testing.T) {
	inWorld(t, func(w *world, _ *service.Options) { w.slow = 5 * time.Second }, func(w *world) {
		p := w.connected("")
		long := w.long(p, 1)
		w.EmitCreated(p, long...)
		w.settled(time.Hour, long...)
		if n := w.log.Count("partial prediction stored"); n != 0 {
			t.Errorf("%d partial predictions", n)
		}
	})
}
