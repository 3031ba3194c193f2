package align

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/mel"
	"github.com/asr-backend/asr-backend/timeline"
)

// The vocabulary of these tests: a word of one piece for each small letter, and a piece
// "'" with which a word goes on.
func letters(t interface{ Fatal(...any) }) *ctc.Vocabulary {
	pieces := []string{"<unk>"}
	for c := 'a'; c <= 'z'; c++ {
		pieces = append(pieces, "▁"+string(c))
	}
	v, err := ctc.NewVocabulary(append(pieces, "'"))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// recording is made from a line, a character a row: a letter or ' was recognized for sure, and
// an underline is silence. Two characters in brackets, as in (ab), are one row in which a
// was recognized and b almost.
func recording(t interface{ Fatal(...any) }, line string) *Emissions {
	v := letters(t)
	var rows [][]float32
	column := func(c byte) int {
		switch {
		case c == '_':
			return int(v.Blank())
		case c == '\'':
			return 27
		}
		return int(c-'a') + 1
	}
	line = strings.ReplaceAll(line, " ", "")
	for i := 0; i < len(line); i++ {
		row := make([]float32, v.Width())
		for k := range row {
			row[k] = -20
		}
		row[v.Blank()] = -14
		if line[i] == '(' {
			row[column(line[i+1])], row[column(line[i+2])] = -0.3, -1.4
			i += 3
		} else {
			row[column(line[i])] = -0.01
		}
		rows = append(rows, row)
	}
	return emissionsOf(v, rows)
}

// emissionsOf makes what was recognized from rows; frames are as loud as their row is not blank.
func emissionsOf(v *ctc.Vocabulary, rows [][]float32) *Emissions {
	h := &Emissions{Output: ctc.Output{Vocabulary: v, Samples: timeline.Row(len(rows)).Sample()}, LogProbs: func(i timeline.Row) []float32 { return rows[i] }}
	for _, row := range rows {
		r := ctc.Summarize(row, v.Blank(), nil)
		h.Rows = append(h.Rows, r)
		for range timeline.FramesPerRow {
			h.Levels = append(h.Levels, mel.Level(10+100*(1-math.Exp(float64(r.Blank)))))
		}
	}
	return h
}

// reference makes a Reference of words of letters: "a b'" is a word of one piece and one of two.
// Words with | in them have several variants.
func reference(text string) Reference {
	var s Reference
	for _, word := range strings.Fields(text) {
		w := RefWord{Text: word}
		for _, variant := range strings.Split(word, "|") {
			var r Variant
			for _, c := range variant {
				switch c {
				case '\'':
					r = append(r, 27)
				case '*':
					r = append(r, 29)
				default:
					r = append(r, ctc.Piece(c-'a')+1)
				}
			}
			w.Variants = append(w.Variants, r)
		}
		s = append(s, w)
	}
	return s
}

// show writes an alignment: each word with its rows, and each mismatch.
func show(a *Alignment) string {
	var b strings.Builder
	for _, w := range a.Words {
		fmt.Fprintf(&b, "%s:%d-%d", w.Text, w.First, w.Last)
		if w.Verdict != Match {
			fmt.Fprintf(&b, "?")
		}
		b.WriteByte(' ')
	}
	for _, s := range a.Mismatches {
		fmt.Fprintf(&b, "| %v %d-%d %q ", s.Verdict, s.From, s.To, s.Recognized)
	}
	return strings.TrimSpace(b.String())
}

func TestATextIsFound(t *testing.T) {
	for _, c := range []struct{ name, rows, text, want string }{
		{"as it was recognized", "__a__b'_c__", "a b' c", "a:2-2 b':5-6 c:8-8"},
		{"nothing in silence", "_____", "", ""},
		{"equal neighbours", "_a_a_", "a a", "a:1-1 a:3-3"},
		{"a word that was almost recognized", "__(ab)__c__", "b c", "b:2-2 c:5-5"},
		{"another word than recognized", "_a__b__c__d__e_", "a b x d e", `a:1-1 b:4-4 x:7-7? d:10-10 e:13-13 | substitution 2-3 "c"`},
		{"a word too many", "_a__b__d__e_", "a b x d e", `a:1-1 b:4-4 x:0-0? d:7-7 e:10-10 | deletion 2-3 ""`},
		{"a word too few", "_a__b__c__d__e_", "a b d e", `a:1-1 b:4-4 d:10-10 e:13-13 | insertion 2-2 "c"`},
		{"text for silence", "______", "a b c", `a:0-0? b:0-0? c:0-0? | deletion 0-3 ""`},
		{"no text for sound", "_a_b_", "", `| insertion 0-0 "a b"`},
		{"other text altogether", "_a_b_c_d_", "w x y z", `w:1-1? x:3-3? y:5-5? z:7-7? | substitution 0-4 "a b c d"`},
		{"more text than fits", "_ab_", "w x y z k", `w:0-0? x:0-0? y:0-0? z:0-0? k:0-0? | substitution 0-5 "a b"`},
		{"a wildcard for what cannot be written", "_a__q'__c_", "a * c", `a:1-1 *:4-5? c:8-8 | unspellable 1-2 "q'"`},
		{"a wildcard where nothing was recognized", "_a__c_", "a * c", `a:1-1 *:2-2? c:4-4 | unspellable 1-2 ""`},
		{"wildcards in silence are not found", "______", "* *", `*:0-0? *:5-5? | unspellable 0-2 ""`},
		{"more wildcards than rows", "_a_", "* * * * *", `*:1-1? *:0-0? *:0-0? *:0-0? *:2-2? | unspellable 0-5 "a"`},
		{"a word of which a part can be written", "_a__b__c__d_", "a *b* d", "a:1-1 *b*:2-7 d:10-10"},
		{"a word of which a part can be written, and was not said", "_a__b__d__e_", "a b *x* d e", `a:1-1 b:4-4 *x*:0-0? d:7-7 e:10-10 | deletion 2-3 ""`},
		{"the variant that was recognized", "_a__b'__c_", "a x|b' c", "a:1-1 x|b':4-5 c:8-8"},
		{"the variant among words that differ", "_a__b'__c_d_", "a k|b' z d", `a:1-1 k|b':4-5 z:8-8? d:10-10 | substitution 2-3 "c"`},
		{"the first of variants that fit equally", "_a__(bc)__d_", "a b|b d", "a:1-1 b|b:4-4 d:7-7"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := recording(t, c.rows).Align(t.Context(), reference(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if got := show(a); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// Mismatches lie where they were recognized, and words without a place where they should be.
func TestStretchesHaveTheirTimes(t *testing.T) {
	h := recording(t, "____a____b____ccc____")
	for _, c := range []struct {
		name, text string
		want       Span
	}{
		{"recognized but not written", "a b", rowSpan(14, 16)},
		{"written but not recognized", "a x' b c", Span{4 * 1280, 9 * 1280}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := h.Align(t.Context(), reference(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if len(a.Mismatches) != 1 {
				t.Fatal(show(a))
			}
			s := a.Mismatches[0]
			if s.Span.Start < c.want.Start || s.Span.End > c.want.End || s.Span.End <= s.Span.Start {
				t.Errorf("got %+v, want within %+v", s.Span, c.want)
			}
		})
	}
}

func TestAWordThatWasNotSaidHasNoLength(t *testing.T) {
	a, err := recording(t, "__a__b__").Align(t.Context(), reference("a x b"))
	if err != nil {
		t.Fatal(err)
	}
	x := a.Words[1]
	if x.Span.Start != x.Span.End || x.Span.Start < a.Words[0].Span.End || x.Span.End > a.Words[2].Span.Start || x.Confidence != 0 {
		t.Errorf("got %+v after %+v", x, a.Words[0])
	}
}

func TestConfidenceIsTheProbabilityOfTheText(t *testing.T) {
	a, err := recording(t, "__a__(bc)__").Align(t.Context(), reference("a c"))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{math.Exp(-0.01), math.Exp(-1.4)} {
		if got := float64(a.Words[i].Confidence); math.Abs(got-want) > 1e-6 {
			t.Errorf("word %d: got %v, want %v", i, got, want)
		}
	}
}

// A wildcard fits everything, so that its share of a word says nothing about the word.
func TestConfidenceIsThatOfWhatCanBeWritten(t *testing.T) {
	a, err := recording(t, "__a__q__(bc)__d_").Align(t.Context(), reference("a * c*d"))
	if err != nil {
		t.Fatal(err)
	}
	both := (math.Exp(-1.4) + math.Exp(-0.01)) / 2
	for i, want := range []float64{math.Exp(-0.01), 0, both} {
		if got := float64(a.Words[i].Confidence); math.Abs(got-want) > 1e-6 {
			t.Errorf("word %d: got %v, want %v", i, got, want)
		}
	}
}

func TestTheModelsConstantMovesScripts(t *testing.T) {
	h := recording(t, "___a_____b___c__")
	for f := range h.Levels {
		h.Levels[f] = 100 // nothing to snap to
	}
	before, err := h.Align(t.Context(), reference("a c"))
	if err != nil {
		t.Fatal(err)
	}
	h.Shift = -50e6
	after, err := h.Align(t.Context(), reference("a c"))
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range after.Words {
		if want := before.Words[i].Span.moved(-800); w.Span != want {
			t.Errorf("word %d: got %+v, want %+v", i, w.Span, want)
		}
	}
	if got, want := after.Mismatches[0].Span, before.Mismatches[0].Span.moved(-800); got != want {
		t.Errorf("mismatch: got %+v, want %+v", got, want)
	}
}

func TestAlignNeedsLogProbabilitiesAndATimeToStop(t *testing.T) {
	h := recording(t, "_a_")
	stopped, stop := context.WithCancelCause(t.Context())
	stop(errors.New("enough"))
	if _, err := h.Align(stopped, reference("a")); err == nil || err.Error() != "enough" {
		t.Errorf("got %v", err)
	}
	h.LogProbs = nil
	if _, err := h.Align(t.Context(), reference("a")); err == nil {
		t.Error("no error without log-probabilities")
	}
}

// A word does not last a pause: of one whose pieces are found on both sides of it, only
// those that stand together are the word, and it is reported.
func TestAWordIsNotTornByAPause(t *testing.T) {
	for pause, want := range map[int]Verdict{7: Match, 12: Substitution} {
		h := recording(t, "_a_b'_"+strings.Repeat("_", pause)+"'__c_")
		a, err := h.Align(t.Context(), reference("a b'' c"))
		if err != nil {
			t.Fatal(err)
		}
		w := a.Words[1]
		if w.Verdict != want || (w.Last == 4) != (want == Substitution) {
			t.Errorf("a pause of %d rows: %v at %d to %d, want %v", pause, w.Verdict, w.First, w.Last, want)
		}
		if reported := len(a.Mismatches) == 1; reported != (want == Substitution) {
			t.Errorf("a pause of %d rows: reported %+v", pause, a.Mismatches)
		}
	}
}

// A word between two others that the text lacks is reported if the model was sure of it, also
// where the best path passes it over as blank: at 8 nats that costs less than an exception.
func TestAShortWordThatTheTextLacksIsReported(t *testing.T) {
	for _, c := range []struct {
		rows  string
		blank float32 // of rows in which something was recognized
		want  string
	}{
		{"_a_x_b_", -14, "x"},
		{"_a_x_b_", -8, "x"},
		{"_a_x_b_", -5, ""},
		{"_a_x_y_b_", -5, "x y"}, // together they are enough
		{"x__a_b_", -8, "x"},
		{"_a_b_x", -8, "x"},
		{"_a_'_b_", -8, ""}, // a piece more of a word is none
		{"_a__b_", -8, ""},
	} {
		h := recording(t, c.rows)
		for i := range h.Rows {
			if h.Rows[i].Best != h.Vocabulary.Blank() {
				h.Rows[i].Blank = c.blank
				h.LogProbs(timeline.Row(i))[h.Vocabulary.Blank()] = c.blank
			}
		}
		a, err := h.Align(t.Context(), reference("a b"))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, s := range a.Mismatches {
			if s.Verdict != Insertion {
				t.Errorf("%s: %+v", c.rows, s)
			}
			got += s.Recognized
		}
		if got != c.want {
			t.Errorf("%s, blank %v: got %q, want %q", c.rows, c.blank, got, c.want)
		}
	}
}

// Words in whose place something else was recognized are there, and not in the silence around it.
func TestWordsThatDifferStandWhereSomethingWasRecognized(t *testing.T) {
	for name, rows := range map[string]string{
		"silence before": "_a" + strings.Repeat("_", 40) + "x__y___d_",
		"silence after":  "_a_x__y" + strings.Repeat("_", 40) + "d_",
	} {
		h := recording(t, rows)
		a, err := h.Align(t.Context(), reference("a bbe cfg d"))
		if err != nil {
			t.Fatal(err)
		}
		first, last := timeline.Row(strings.IndexByte(rows, 'x')), timeline.Row(strings.IndexByte(rows, 'y'))
		for _, w := range a.Words[1:3] {
			if w.Verdict != Substitution || w.First < first-forceMargin || w.Last > last+forceMargin {
				t.Errorf("%s: %+v, recognized in rows %d to %d", name, w, first, last)
			}
		}
	}
}
