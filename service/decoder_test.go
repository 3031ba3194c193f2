package service_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/service"
)

// Projects choose the decoder of a hybrid: each has a version of its own, and the text of its decoder,
// with word times.
func TestProjectsChooseTheDecoder(t *testing.T) {
	clip, err := os.ReadFile(oracle.Data(t, "transducer", "clips", "LJ001-0024.flac"))
	if err != nil {
		t.Fatal(err)
	}
	hybrid := func(_ *world, o *service.Options) {
		o.OpenModel = func(_, variant string) (*asr.Bundle, error) {
			return asr.OpenBundle(oracle.Data(t, "transducer", "hybrid", "both"), variant)
		}
	}
	inWorld(t, hybrid, func(w *world) {
		w.ready()
		said, versions := map[string]string{}, map[string]bool{}
		for _, decoder := range []string{"", "rnnt", "ctc"} {
			p := w.project("")
			if err := w.connect(p, fmt.Sprintf(`{"decoder":%q}`, decoder)); err != nil {
				t.Fatal(err)
			}
			ids := w.AddTasks(p, map[string]any{"audio": w.Upload(p, "clip.flac", clip)})
			w.EmitCreated(p, ids...)
			w.settled(10*time.Minute, ids...)
			versions[w.version(p)] = true
			stored := w.Predictions(ids[0])
			said[decoder] = strings.Join(texts(stored[len(stored)-1]), " ")
		}
		if len(versions) != 2 {
			t.Errorf("versions %v", versions)
		}
		const want = "But the first Bible actually dated which also was printed at Maintz by Peter Schoeffer in the year"
		for decoder, text := range said {
			if strings.Join(strings.Fields(text), " ") != want {
				t.Errorf("%s: %q, want %q", decoder, text, want)
			}
		}
	})
	// A decoder that the model does not have is said where the project is.
	inWorld(t, nil, func(w *world) {
		w.ready()
		p := w.project("")
		if err := w.connect(p, `{"decoder":"tdt"}`); err == nil || !strings.Contains(err.Error(), "it is a CTC model and has no decoder tdt") {
			t.Errorf("connecting says %v", err)
		}
	})
}
