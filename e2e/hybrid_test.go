package e2e

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/oracle"
)

// modelDeadline is how long a prediction of a large model may take.
const modelDeadline = 5 * time.Minute

// choosesDecoders serves a hybrid: the tiny one of the tests, or another model that
// ASR_BACKEND_HYBRID names, such as one of full size that models/export has made. A project gets what
// `transcribe` says, of the decoder that it chooses; an annotator's correction gets times from the CTC head.
func choosesDecoders(t *testing.T, h *house) {
	model := os.Getenv("ASR_BACKEND_HYBRID")
	if model == "" {
		model = oracle.Data(t, "transducer", "hybrid", "both")
	}
	b := h.serve(t, "hybrid", serving{token: h.personal, args: []string{"--model", model}})
	defer b.kill()
	clip := filepath.Join(oracle.Root(t), "testdata", "transducer", "clips", "LJ001-0024.flac")
	p := h.project(t, "hybrid", template(t, "asr-using-segments"))
	c := h.connect(t, p, b)
	h.upload(t, p, "clip.flac", clip)
	versions := map[string]bool{}
	for _, choice := range [][2]string{{"auto", "greedy RNN-T, word times from CTC"}, {"ctc", "greedy"}} {
		decoder, decoding := choice[0], choice[1]
		c = h.reconnect(t, c, p, b, object{"decoder": decoder})
		versions[c.Version] = true
		var rows []row
		eventually(t, "the prediction of decoder "+decoder, modelDeadline, func() bool {
			rows = h.tasks(t, p)[0].Predictions
			return len(rows) == 1 && rows[0].Version == c.Version
		})
		same(t, h.transcribe(t, clip, "--model", model, "--decoder", decoder), items(t, rows[0].Result))
		if d := b.status(t, p).Decoding; d != decoding {
			t.Errorf("/status says that decoder %s is %q, want %q", decoder, d, decoding)
		}
	}
	if len(versions) != 2 {
		t.Errorf("versions %v of two decoders", versions)
	}
}
