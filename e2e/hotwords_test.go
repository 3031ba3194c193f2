package e2e

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/oracle"
)

// expectsHotwords changes the hotwords of a project that has its prediction: the task gets a new one
// with them, and once nothing is expected any more the text is what it was.
func expectsHotwords(t *testing.T, h *house) {
	const said, mistaken = "block books", "black books"
	p := h.project(t, "hotwords", template(t, "asr-using-segments"))
	c := h.connect(t, p, h.main)
	h.upload(t, p, "reading.ogg", filepath.Join(oracle.Root(t), "samples", "reading.opus"))
	// look waits until the prediction of a version is the only one, and returns its text and how many
	// regions have alternatives.
	look := func(version string) (text string, alternatives int) {
		t.Helper()
		var rows []row
		eventually(t, "the prediction is of version "+version, time.Minute, func() bool {
			rows = h.tasks(t, p)[0].Predictions
			return len(rows) == 1 && rows[0].Version == version
		})
		got := items(t, rows[0].Result)
		for _, it := range got {
			var meta struct {
				Alternatives [][]any
			}
			if it.Type == "textarea" && json.Unmarshal(it.Meta, &meta) == nil && len(meta.Alternatives) > 0 {
				alternatives++
				if n := len(meta.Alternatives); n > 2 {
					t.Errorf("%q has %d alternatives", it.Value.Text, n)
				}
			}
		}
		return strings.Join(texts(got), " "), alternatives
	}
	first, _ := look(c.Version)
	if !strings.Contains(first, mistaken) || strings.Contains(first, said) {
		t.Fatalf("without hotwords: %q", first)
	}
	expected := object{"hotwords": []string{said}}
	withWords := h.reconnect(t, c, p, h.main, expected)
	if text, alternatives := look(withWords.Version); withWords.Version == c.Version || !strings.Contains(text, said) || alternatives != 0 {
		t.Errorf("with hotwords and version %s: %q, and alternatives of %d regions", withWords.Version, text, alternatives)
	}
	if d := h.main.status(t, p).Decoding; !strings.HasSuffix(d, ", 1 hotword") {
		t.Errorf("/status says that the text is found by %q", d)
	}
	expected["nbest"] = 3
	several := h.reconnect(t, c, p, h.main, expected)
	if text, alternatives := look(several.Version); several.Version == withWords.Version || !strings.Contains(text, said) || alternatives == 0 {
		t.Errorf("with alternatives and version %s: %q, and alternatives of %d regions", several.Version, text, alternatives)
	}
	again := h.reconnect(t, c, p, h.main, object{})
	if text, alternatives := look(again.Version); again.Version != c.Version || text != first || alternatives != 0 {
		t.Errorf("without hotwords again, in version %s: %q, and alternatives of %d regions", again.Version, text, alternatives)
	}
}
