package asr_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/timeline"

	"github.com/google/go-cmp/cmp"
)

// headRows is what NeMo's CTC head says of the clips of testdata/transducer/hybrid.
func headRows(t *testing.T) map[string]struct {
	CTC struct {
		Best []ctc.Piece
		Text string
	}
} {
	t.Helper()
	var file struct {
		Clips map[string]struct {
			CTC struct {
				Best []ctc.Piece
				Text string
			}
		}
	}
	raw, err := os.ReadFile(oracle.Data(t, "transducer", "hybrid", "expected.json"))
	if err == nil {
		err = json.Unmarshal(raw, &file)
	}
	if err != nil {
		t.Fatal(err)
	}
	return file.Clips
}

// A hybrid gives the pieces of NeMo's transducer, with the rows of NeMo's CTC head beside them,
// from one run of the encoder.
func TestAHybridGivesTheTextOfItsTransducerAndTheRowsOfItsHead(t *testing.T) {
	var runs int
	r := recognizer(t, bundle(t, "..", "transducer", "hybrid", "both"), asr.Options{Threads: 1, Observe: func(asr.Run) { runs++ }})
	if !r.Aligns() || !r.Transducer() {
		t.Fatal("it has no CTC head, or no transducer")
	}
	want, _ := nemoDecoded(t, "hybrid")
	heads := headRows(t)
	for clip, w := range want {
		got := recognizeClip(t, r, clip)
		if ids, frames := tokens(got); !slices.Equal(ids, w.IDs) || !slices.Equal(frames, w.Frames) {
			t.Errorf("%s: pieces %v in rows %v, want %v in %v", clip, ids, frames, w.IDs, w.Frames)
		}
		var best []ctc.Piece
		for _, row := range got.Rows {
			best = append(best, row.Best)
		}
		if !slices.Equal(best, heads[clip].CTC.Best) {
			t.Errorf("%s: the head says %v, want %v", clip, best, heads[clip].CTC.Best)
		}
		for i, e := range got.Evidence {
			token := got.Tokens[i]
			for row := max(token.First-ctc.EvidenceBefore, 0); row <= min(token.First+ctc.EvidenceAfter, timeline.Row(len(got.Rows)-1)); row++ {
				v, ok := e.LogProb(row - token.First)
				if best := got.Rows[row]; !ok || best.Best == token.Piece && !near(v, best.LogProb) || v > best.LogProb+0.001 {
					t.Errorf("%s: evidence of token %d in row %d is %v, %v; the row %+v", clip, i, row, v, ok, best)
				}
			}
		}
		if len(got.Evidence) != len(got.Tokens) {
			t.Errorf("%s: evidence of %d of %d tokens", clip, len(got.Evidence), len(got.Tokens))
		}
	}
	if runs != len(want) {
		t.Errorf("%d runs for %d clips", runs, len(want))
	}
}

func near(a, b float32) bool { return a-b < 0.001 && b-a < 0.001 }

// The CTC head of a hybrid is a CTC model: its text is NeMo's, and its rows are what the search and
// the alignment of given texts get while the transducer is what writes texts.
func TestTheHeadOfAHybridIsACTCModel(t *testing.T) {
	both := bundle(t, "..", "transducer", "hybrid", "both")
	alone, err := both.WithDecoder(asr.CTC)
	if err != nil {
		t.Fatal(err)
	}
	r, hybrid := recognizer(t, alone, asr.Options{}), recognizer(t, both, asr.Options{})
	if r.Transducer() || r.Identity().Digest == hybrid.Identity().Digest {
		t.Error("the transducer is used, or the models have one digest")
	}
	for clip, want := range headRows(t) {
		got := recognizeClip(t, r, clip)
		if text := got.Vocabulary.TokenText(got.TextTokens()); text != want.CTC.Text {
			t.Errorf("%s: %q, want %q", clip, text, want.CTC.Text)
		}
		logProbs := func(r *asr.Recognizer) (all []float32) {
			samples := clipSamples(t, clip)
			_, err := r.Recognize(t.Context(), &recording{n: timeline.Sample(len(samples)), sample: func(i timeline.Sample) float32 { return samples[i] }},
				asr.Request{LogProbs: func(_ int, _ timeline.Row, row []float32) error { all = append(all, row...); return nil }})
			if err != nil {
				t.Fatal(err)
			}
			return all
		}
		if a, b := logProbs(r), logProbs(hybrid); !slices.Equal(a, b) || len(a) != len(got.Rows)*got.Vocabulary.Width() {
			t.Errorf("%s: %d log-probabilities of the head alone, %d of the hybrid", clip, len(a), len(b))
		}
	}
}

// A folder may have the graph of a CTC head and those of a transducer, each with an encoder.
func TestTheDecoderChoosesAmongGraphs(t *testing.T) {
	dir := t.TempDir()
	copyFiles(t, dir, map[string]string{
		"encoder-model.onnx":       oracle.Data(t, "transducer", "hybrid", "onnx-asr", "encoder-model.onnx"),
		"decoder_joint-model.onnx": oracle.Data(t, "transducer", "hybrid", "onnx-asr", "decoder_joint-model.onnx"),
		"vocab.txt":                oracle.Data(t, "transducer", "hybrid", "onnx-asr", "vocab.txt"),
		"config.json":              oracle.Data(t, "transducer", "hybrid", "onnx-asr", "config.json"),
		"model.onnx":               oracle.Data(t, "transducer", "hybrid", "both", "encoder-model.onnx"), // as its logprobs come second
	})
	b := open(t, dir)
	const clip = "LJ001-0013"
	want, _ := nemoDecoded(t, "hybrid")
	for decoder, text := range map[asr.Decoder]string{"": want[clip].Text, asr.Auto: want[clip].Text, asr.RNNT: want[clip].Text, asr.CTC: headRows(t)[clip].CTC.Text} {
		chosen, err := b.WithDecoder(decoder)
		if err != nil {
			t.Fatal(err)
		}
		if graph := filepath.Base(chosen.Graph); (graph == "model.onnx") != (decoder == asr.CTC) {
			t.Errorf("%s: graph %s", decoder, graph)
		}
		got := recognizeClip(t, recognizer(t, chosen, asr.Options{}), clip)
		if got := got.Vocabulary.TokenText(got.TextTokens()); got != text {
			t.Errorf("%s: %q, want %q", decoder, got, text)
		}
	}
}

func copyFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, from := range files {
		content, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A decoder that a model does not have is refused with a sentence.
func TestDecodersThatAModelDoesNotHave(t *testing.T) {
	oracle.NeedLibrary(t)
	for _, c := range []struct {
		path    []string
		decoder asr.Decoder
		want    string
	}{
		{[]string{"toys", "tones"}, asr.TDT, "it is a CTC model and has no decoder tdt"},
		{[]string{"toys", "tones"}, "beam", `decoder "beam"; want one of`},
		{[]string{"..", "transducer", "hybrid", "both"}, asr.TDT, "its transducer is rnnt, not tdt; use decoder rnnt"},
		{[]string{"..", "transducer", "tdt", "sherpa"}, asr.RNNT, "its transducer is tdt, not rnnt; use decoder tdt"},
		{[]string{"..", "transducer", "tdt", "sherpa"}, asr.CTC, "it is a transducer and has no CTC head; use another decoder than ctc"},
	} {
		b, err := bundle(t, c.path...).WithDecoder(c.decoder)
		if err == nil {
			var r *asr.Recognizer
			if r, err = asr.New(t.Context(), library, b, asr.Options{Provider: ort.CPU}); err == nil {
				_ = r.Close()
			}
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s of %v: got %v, want %q", c.decoder, c.path, err, c.want)
		}
	}
}

// tdtWith is the TDT model of testdata with a model.json.
func tdtWith(t *testing.T, card string) *asr.Bundle {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{}
	for _, name := range []string{"encoder.onnx", "decoder.onnx", "joiner.onnx", "tokens.txt"} {
		files[name] = oracle.Data(t, "transducer", "tdt", "sherpa", name)
	}
	copyFiles(t, dir, files)
	if err := os.WriteFile(filepath.Join(dir, "model.json"), []byte(card), 0o600); err != nil {
		t.Fatal(err)
	}
	return open(t, dir)
}

// What is written about a transducer has to agree with its graphs.
func TestFactsOfTransducersAreChecked(t *testing.T) {
	oracle.NeedLibrary(t)
	for card, want := range map[string]string{
		`{"decoder":"rnnt"}`:               "its facts say rnnt, but the joint has 5 durations",
		`{"durations":[0,1,2,3]}`:          "model.json has 4 durations",
		`{"durations":[0,1,2,-3,4]}`:       "a duration is negative",
		`{"max_symbols":-1}`:               "at most -1 pieces in a row",
		`{"decoder":"tdt"}`:                "",
		`{"durations":[0,1,2,3,4]}`:        "",
		`{"max_symbols":3,"word_shift":1}`: "",
	} {
		b := tdtWith(t, card)
		r, err := asr.New(t.Context(), library, b, asr.Options{Provider: ort.CPU})
		if err == nil {
			_ = r.Close()
		}
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", card, err, want)
		}
	}
}

// The durations of a model are those of its card: other ones give other tokens, and are another
// identity.
func TestDurationsOfTheCardCount(t *testing.T) {
	clip := "LJ001-0013"
	ids := map[asr.Identity]bool{}
	decoded := func(card string) []ctc.Token {
		b := tdtWith(t, card)
		r := recognizer(t, b, asr.Options{})
		id := r.Identity()
		id.Name = ""
		ids[id] = true
		return recognizeClip(t, r, clip).Tokens
	}
	usual := decoded(`{}`)
	if diff := cmp.Diff(usual, decoded(`{"durations":[0,1,2,3,4],"max_symbols":10}`)); diff != "" {
		t.Errorf("(-usual +said)\n%s", diff)
	}
	if cmp.Equal(usual, decoded(`{"durations":[0,2,4,6,8]}`)) {
		t.Error("the card's durations are not used")
	}
	if decoded(`{"max_symbols":1}`); len(ids) != 3 {
		t.Errorf("%d identities of 4 cards, of which two say the same: %v", len(ids), ids)
	}
}
