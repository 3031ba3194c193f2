package transcribe

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/audio"
)

// rowsGeneration changes when the same model and settings give other rows or candidates than
// before: other samples, other features, other seams of windows, another choice of candidates. Rows
// that were kept are then not used any more. As the texts change with them, generation changes too.
const rowsGeneration = 1

// RowsVersion names all that the rows of a recording depend on: a version of the transcript that has the
// same one can be decoded from rows that were kept of another, see asr.Request.Load. The language
// model, the search, hotwords, alternatives and regions are not part of it. It is 16 hex digits, and
// empty for a transducer, of which nothing is kept that another decoding could use.
func (o Options) RowsVersion(id asr.Identity) string {
	if id.Transducer != "" {
		return ""
	}
	settings, err := json.Marshal(struct {
		Generation int
		Model      string
		Window     asr.Window
		TF32       bool
		Weights    string `json:",omitempty"`
		Channels   audio.Channels
		Track      int
	}{rowsGeneration, id.Digest, id.Window, id.TF32, id.Weights, o.Channels, o.Track})
	if err != nil {
		panic(err) // only plain values
	}
	sum := sha256.Sum256(settings)
	return hex.EncodeToString(sum[:8])
}

// RowsVersion returns Options.RowsVersion for the recognizer in use.
func (t *Transcriber) RowsVersion() string { return t.options.RowsVersion(t.recognizer.Identity()) }
