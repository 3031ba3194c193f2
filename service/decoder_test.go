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

	"github.com/google/go-cmp/cmp"
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
		// Settings of the whole service, of which a transducer has none.
		bonus := float32(1)
		o.Recognizer.Decoding = asr.Decoding{LM: oracle.Data(t, "beam", "words.arpa"), WordBonus: &bonus, Beam: 8}
	}
	inWorld(t, hybrid, func(w *world) {
		w.ready()
		said, versions := map[string]string{}, map[string]bool{}
		var decodings []string
		for _, decoder := range []string{"", "rnnt", "ctc"} {
			p := w.project("")
			if err := w.connect(p, fmt.Sprintf(`{"decoder":%q}`, decoder)); err != nil {
				t.Fatal(err)
			}
			ids := w.AddTasks(p, map[string]any{"audio": w.Upload(p, "clip.flac", clip)})
			w.EmitCreated(p, ids...)
			w.settled(10*time.Minute, ids...)
			versions[w.version(p)] = true
			decodings = append(decodings, w.one(fmt.Sprintf("?project=%d", p)).Decoding)
			stored := w.Predictions(ids[0])
			said[decoder] = strings.Join(texts(stored[len(stored)-1]), " ")
		}
		if len(versions) != 2 {
			t.Errorf("versions %v", versions)
		}
		const transducer = "greedy RNN-T, word times from CTC"
		want := []string{transducer, transducer, "beam search of width 8 with the language model words.arpa"}
		if diff := cmp.Diff(want, decodings); diff != "" {
			t.Errorf("decodings (-want +got):\n%s", diff)
		}
		const text = "But the first Bible actually dated which also was printed at Maintz by Peter Schoeffer in the year"
		for decoder, got := range said {
			if decoder != "ctc" && strings.Join(strings.Fields(got), " ") != text {
				t.Errorf("%s: %q, want %q", decoder, got, text)
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
	inWorld(t, hybrid, func(w *world) {
		p := w.project("")
		if err := w.connect(p, `{"decoder":"tdt"}`); err == nil || !strings.Contains(err.Error(), "its transducer is rnnt, not tdt; use decoder rnnt or auto") {
			t.Errorf("connecting says %v", err)
		}
	})
}
