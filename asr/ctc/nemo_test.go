package ctc_test

import (
	"bufio"
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/internal/npy"
	"github.com/asr-backend/asr-backend/internal/oracle"
)

func TestTextIsWhatNeMoPrints(t *testing.T) {
	for _, name := range []string{"tiny", "several"} {
		t.Run(name, func(t *testing.T) {
			v := vocabulary(t, oracle.Data(t, "nemo", "tokenizers", name+".txt"))
			f, err := os.Open(oracle.Data(t, "nemo", "decode-"+name+".jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			lines, wrong := bufio.NewScanner(f), 0
			for lines.Scan() {
				var c struct {
					IDs  []ctc.Piece `json:"ids"`
					Text string      `json:"text"`
				}
				if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
					t.Fatal(err)
				}
				if got := v.Text(c.IDs); got != c.Text {
					if wrong++; wrong < 10 {
						t.Errorf("ids %v: got %q, want %q", c.IDs, got, c.Text)
					}
				}
				checkWords(t, v, c.IDs, c.Text)
			}
			if wrong > 0 {
				t.Errorf("%d texts differ", wrong)
			}
		})
	}
}

// checkWords holds Words to Text: the same words, made of tokens in order.
func checkWords(t *testing.T, v *ctc.Vocabulary, ids []ctc.Piece, text string) {
	t.Helper()
	tokens := make([]ctc.Token, len(ids))
	for i, id := range ids {
		tokens[i].Piece = id
	}
	words := v.Words(tokens)
	var texts []string
	last := -1
	for _, w := range words {
		texts = append(texts, w.Text)
		if w.First < last || w.Last < w.First || w.Last >= len(ids) {
			t.Fatalf("ids %v: word %q has tokens %d to %d after %d", ids, w.Text, w.First, w.Last, last)
		}
		last = w.Last
	}
	space := func(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f } // as Python's str.split
	if want := strings.FieldsFunc(text, space); !slices.Equal(texts, want) {
		t.Fatalf("ids %v: got words %q, want %q", ids, texts, want)
	}
}

// The tokenizer of the embedded model has one mark, the apostrophe, before which NeMo
// takes out a space.
func TestTextIsWhatSentencePiecePrintsForEveryPair(t *testing.T) {
	path := oracle.Data(t, "..", "models", "default", "tokenizer.model")
	v := vocabulary(t, oracle.Data(t, "..", "models", "default", "tokens.txt"))
	const script = `
import json, sys, sentencepiece
s = sentencepiece.SentencePieceProcessor(model_file=sys.argv[1])
n = s.get_piece_size()
p = [s.id_to_piece(i) for i in range(n)]
json.dump([s.decode_pieces([a, b]).replace(" '", "'") for a in p for b in p], sys.stdout)`
	var want []string
	if err := json.Unmarshal(oracle.RunPython(t, nil, script, path), &want); err != nil {
		t.Fatal(err)
	}
	n := v.Width() - 1
	if len(want) != n*n {
		t.Fatalf("sentencepiece has %d pairs, the vocabulary %d", len(want), n*n)
	}
	for i, w := range want {
		if got := v.Text([]ctc.Piece{ctc.Piece(i / n), ctc.Piece(i % n)}); got != w {
			t.Fatalf("pieces %q %q: got %q, want %q", v.Piece(ctc.Piece(i/n)), v.Piece(ctc.Piece(i%n)), got, w)
		}
	}
}

func TestConfidenceIsNeMos(t *testing.T) {
	a, err := npy.Read(oracle.Data(t, "nemo", "confidence.npy"))
	if err != nil {
		t.Fatal(err)
	}
	width := a.Shape[1] - 1
	m := ctc.NewMeasure(width)
	for i := range a.Shape[0] {
		row := a.Data[i*a.Shape[1] : (i+1)*a.Shape[1]]
		logProbs := (&npy.Array{Data: row[:width]}).Float32()
		if got, want := float64(m.Confidence(logProbs)), row[width]; math.Abs(got-want) > 1e-6 {
			t.Errorf("row %d: got %v, want %v", i, got, want)
		}
	}
}

func vocabulary(t testing.TB, path string) *ctc.Vocabulary {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	v, err := ctc.ReadVocabulary(f)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
