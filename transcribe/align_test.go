package transcribe_test

import (
	"encoding/csv"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/align"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/transcribe"
	"github.com/asr-backend/asr-backend/transcript"
	"github.com/asr-backend/asr-backend/wer"
)

// clip is a recording of testdata/speech with what is said in it.
type clip struct {
	samples []float32
	text    string
}

// clips returns those of the given sets that have at least four words.
func clips(t *testing.T, sets ...string) []clip {
	t.Helper()
	f, err := os.Open(oracle.Data(t, "speech", "index.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes = '\t', true
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []clip
	for _, row := range rows[1:] {
		if slices.Contains(sets, row[0]) && len(strings.Fields(row[2])) >= 4 {
			out = append(out, clip{decode(t, oracle.Data(t, "speech", row[0], row[1])), row[2]})
		}
	}
	return out
}

// chapter is a long recording made of clips, and its text, a paragraph a clip.
type chapter struct {
	*transcribe.Recognition
	spans      []span // where each paragraph is said
	paragraphs []string
}

// read makes a chapter and recognizes it.
func read(t *testing.T, length time.Duration, sets ...string) *chapter {
	t.Helper()
	all := clips(t, sets...)
	var samples [][]float32
	for _, c := range all {
		samples = append(samples, c.samples)
	}
	path := filepath.Join(t.TempDir(), "chapter.wav")
	c := &chapter{spans: join(t, path, samples, timeline.SampleAt(length))}
	for _, s := range c.spans {
		c.paragraphs = append(c.paragraphs, all[s.clip].text)
	}
	var err error
	if c.Recognition, err = transcriber(t, transcribe.Options{}).Recognize(t.Context(), transcribe.Source{Path: path}, transcribe.Request{KeepLogProbs: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// placed is a word of a paragraph.
type placed struct {
	transcript.Word
	paragraph int
}

// find aligns paragraphs with the chapter.
func (c *chapter) find(t *testing.T, paragraphs []string) (*transcribe.Aligned, []placed) {
	t.Helper()
	text := &transcript.Transcript{}
	for _, p := range paragraphs {
		text.Segments = append(text.Segments, transcript.Segment{Text: p, Channel: transcript.Mixed})
	}
	a, err := c.Align(t.Context(), text, "en")
	if err != nil {
		t.Fatal(err)
	}
	var out []placed
	var all []transcript.Word
	for _, s := range a.Transcript.Segments {
		if s.Words == nil { // what was not said
			for _, w := range strings.Fields(s.Text) {
				all = append(all, transcript.Word{Text: w, Start: s.Start, End: s.Start})
			}
		}
		all = append(all, s.Words...)
	}
	for i, p := range paragraphs {
		n := len(strings.Fields(p))
		if len(all) < n {
			t.Fatalf("words are missing at the end: paragraph %d of %d", i, len(paragraphs))
		}
		for _, w := range all[:n] {
			out = append(out, placed{w, i})
		}
		all = all[n:]
	}
	return a, out
}

// A book chapter of an hour with its text: every word lies inside its clip. With faults in
// the text, just these are reported, and all other words stay where they were.
func TestAnHourIsFoundWordByWord(t *testing.T) {
	length := time.Hour
	if testing.Short() {
		length = 5 * time.Minute
	}
	c := read(t, length, "ljspeech", "librispeech")
	right, words := c.find(t, c.paragraphs)
	t.Logf("of %d words %d were found", right.Words, right.Found)
	c.contains(t, words)
	f := c.fault(words)
	faulty, found := c.find(t, f.paragraphs)
	c.reports(t, f, right, faulty)
	c.stays(t, f, words, found, faulty.Mismatches)
}

// Where the model recognizes every word, the right text has no doubts and the faulty one those of
// its faults, to the word. Only edges that a word shares with a fault move, and hardly.
func TestMismatchesAreExactWhereTheModelIsRight(t *testing.T) {
	length := time.Hour
	if testing.Short() {
		length = 5 * time.Minute
	}
	c := read(t, length, "ljspeech")
	right, words := c.find(t, c.paragraphs)
	for _, x := range right.Mismatches {
		t.Errorf("%v: the text is right here", &x)
	}
	c.contains(t, words)
	f := c.fault(words)
	faulty, found := c.find(t, f.paragraphs)
	if len(faulty.Mismatches) != len(f.changed)+2 {
		t.Errorf("%d places are reported, want %d", len(faulty.Mismatches), len(f.changed)+2)
	}
	for _, x := range faulty.Mismatches {
		removed := c.spans[f.removed]
		start, end := removed.start.Duration(), removed.end.Duration()
		switch {
		case x.Verdict == align.Substitution && x.Text == f.changed[x.Segment]:
		case x.Verdict == align.Deletion && x.Segment == f.added && x.Text == f.paragraphs[f.added]:
		case x.Verdict == align.Insertion && x.Start >= start-clipSlack && x.End <= end+clipSlack && x.End-x.Start > (end-start)*9/10:
		default:
			t.Errorf("%v (%v to %v) is no fault; a paragraph was removed from %v to %v", &x, x.Start, x.End, start, end)
		}
	}
	c.staysExactly(t, f, words, found)
}

// contains holds words to the clips in which they were said.
func (c *chapter) contains(t *testing.T, words []placed) {
	t.Helper()
	for _, w := range words {
		s := c.spans[w.paragraph]
		if w.Start < s.start.Duration()-clipSlack || w.End > s.end.Duration()+clipSlack {
			t.Errorf("%q is at %v to %v, its clip at %v to %v", w.Text, w.Start, w.End, s.start.Duration(), s.end.Duration())
		}
	}
}

// staysExactly holds the words of a faulty text to where they are in the right one. An edge
// beside a fault may move by the slack.
func (c *chapter) staysExactly(t *testing.T, f faults, words, found []placed) {
	t.Helper()
	slack := func(beside int) time.Duration {
		w := found[min(max(beside, 0), len(found)-1)]
		if w.paragraph == f.added || f.changed[w.paragraph] == w.Text {
			return clipSlack
		}
		return 0
	}
	for i, was := range f.unfaulted(words, found) {
		w := found[i]
		if f.changed[w.paragraph] != w.Text && (w.Text != was.Text || (w.Start-was.Start).Abs() > slack(i-1) || (w.End-was.End).Abs() > slack(i+1)) {
			t.Errorf("%q moved from %v to %v: %q at %v to %v", was.Text, was.Start, was.End, w.Text, w.Start, w.End)
		}
	}
}

// unfaulted goes through the words of the text with faults, but for the paragraph that was
// added: the index of each, and the word of the right text.
func (f faults) unfaulted(right, faulty []placed) iter.Seq2[int, placed] {
	return func(yield func(int, placed) bool) {
		at := 0
		for i, w := range faulty {
			if w.paragraph == f.added {
				continue
			}
			for right[at].paragraph == f.removed {
				at++
			}
			if !yield(i, right[at]) {
				return
			}
			at++
		}
	}
}

// clipSlack is how far a word may reach beyond its clip.
const clipSlack = 50 * time.Millisecond

// faults are a text with faults.
type faults struct {
	paragraphs []string
	removed    int            // paragraph of the chapter that the text lacks
	added      int            // paragraph of the text that was not said
	changed    map[int]string // paragraphs with a word that was not said so
}

// fault changes ten words between others that the model recognizes, since a wrong
// word cannot be separated from right ones that are misrecognized. It removes a paragraph after them, also
// between such words, and adds one after that. Words are those of the right text.
func (c *chapter) fault(words []placed) faults {
	n := len(c.paragraphs)
	last := n - 1
	for !recognized(words, last, 0) {
		last--
	}
	f := faults{slices.Clone(c.paragraphs), last - 2, last - 1, map[int]string{}}
	// Of two that are alike nobody can say which is missing.
	alike := func(i int) bool { p := c.paragraphs; return p[i] == p[i-1] || p[i] == p[i+1] }
	for alike(f.removed) || !c.transcribed(words, f.removed-1, -1) || !c.transcribed(words, f.removed+1, 0) || !c.transcribed(words, f.removed+1, 1) {
		f.removed--
	}
	for i, word := range []string{"umbrella", "telescope", "marmalade", "seventeen", "kangaroo", "grandfather", "bicycle", "volcano", "porcupine", "orchestra"} {
		at := (i + 1) * n / 14
		middle := func() int { return len(strings.Fields(f.paragraphs[at])) / 2 }
		for !recognized(words, at, middle()-1) || !recognized(words, at, middle()+1) {
			at++
		}
		said := strings.Fields(f.paragraphs[at])
		said[middle()] = word
		f.changed[at], f.paragraphs[at] = word, strings.Join(said, " ")
	}
	f.paragraphs = slices.Delete(f.paragraphs, f.removed, f.removed+1)
	f.paragraphs = slices.Insert(f.paragraphs, f.added, "weather reports promised rain for the whole of the week "+
		"and every farmer in the valley looked at the sky with some concern while the children hoped for snow")
	return f
}

// recognized reports whether a word of a paragraph was recognized.
func recognized(words []placed, paragraph, word int) bool {
	first := slices.IndexFunc(words, func(w placed) bool { return w.paragraph == paragraph })
	return words[first+word].Confidence >= 0.5
}

// transcribed reports whether a word of a paragraph, from the end if it is negative, stands in the transcript
// where it was said.
func (c *chapter) transcribed(words []placed, paragraph, word int) bool {
	said := slices.DeleteFunc(slices.Clone(words), func(w placed) bool { return w.paragraph != paragraph })
	w := said[(word+len(said))%len(said)]
	for _, s := range c.Transcript().Segments {
		for _, x := range s.Words {
			if (x.Start-w.Start).Abs() < 200*time.Millisecond && slices.Equal(wer.Normalize(x.Text), wer.Normalize(w.Text)) {
				return true
			}
		}
	}
	return false
}

// reports holds the mismatches to the faults.
func (c *chapter) reports(t *testing.T, f faults, right, faulty *transcribe.Aligned) {
	t.Helper()
	reported := map[int]bool{}
	for _, x := range faulty.Mismatches {
		if slices.ContainsFunc(right.Mismatches, func(y transcribe.Mismatch) bool { return y.Start == x.Start && y.Text == x.Text }) {
			continue // the model's doubts about the right text
		}
		reported[x.Segment] = true
		switch word := f.changed[x.Segment]; {
		case word != "":
			// The word, and what was doubted before.
			if x.Verdict == align.Insertion || !slices.Contains(strings.Fields(x.Text), word) || doubtless(x, right) > 1 {
				t.Errorf("%s: got %v, want %q", f.paragraphs[x.Segment], &x, word)
			}
		case x.Segment == f.added:
			if x.Verdict == align.Insertion || x.Text != f.paragraphs[f.added] {
				t.Errorf("got %v, want the added paragraph", &x)
			}
		case x.Segment == f.removed || x.Segment == f.removed-1:
			// What the model recognized of it: not all, as it is a small one.
			s := c.spans[f.removed]
			start, end := s.start.Duration(), s.end.Duration()
			if x.Verdict != align.Insertion || x.Start < start-clipSlack || x.End > end+clipSlack || x.End-x.Start < (end-start)/3 {
				t.Errorf("got %v (%v to %v), want the removed paragraph, %v to %v", &x, x.Start, x.End, start, end)
			}
		default:
			t.Errorf("%v: the text is right here", &x)
		}
	}
	if len(reported) != len(f.changed)+2 {
		t.Errorf("%d faults were reported, want %d", len(reported), len(f.changed)+2)
	}
}

// doubtless counts the words of a finding that were not doubted in the right text.
func doubtless(x transcribe.Mismatch, right *transcribe.Aligned) int {
	n := len(strings.Fields(x.Text))
	for _, y := range right.Mismatches {
		if strings.HasSuffix(x.Text, y.Text) && y.Segment == x.Segment {
			n -= len(strings.Fields(y.Text))
		}
	}
	return n
}

// stays holds the words of a text with faults to where they are in the right text. Only the
// words that are reported have moved, and a little those beside them, to edges that they share
// with others.
func (c *chapter) stays(t *testing.T, f faults, right, faulty []placed, mismatches []transcribe.Mismatch) {
	t.Helper()
	reported := make([]bool, len(faulty))
	for _, x := range mismatches {
		first := slices.IndexFunc(faulty, func(w placed) bool { return w.paragraph == x.Segment })
		text := strings.Fields(x.Text)
		for i := first; i+len(text) <= len(faulty) && faulty[i].paragraph == x.Segment; i++ {
			same := func(k int) bool { return faulty[i+k].Text == text[k] }
			if n := len(text); n > 0 && same(0) && same(n-1) {
				for k := range text {
					reported[i+k] = reported[i+k] || f.changed[x.Segment] != "" || x.Segment == f.added
				}
			}
		}
	}
	for i, was := range f.unfaulted(right, faulty) {
		w := faulty[i]
		near := func(from, to int) bool { return slices.Contains(reported[max(from, 0):min(to+1, len(reported))], true) }
		moved := func(a, b time.Duration, near bool) bool {
			return a != b && !(near && (a-b).Abs() <= 100*time.Millisecond)
		}
		if !reported[i] && (w.Text != was.Text || moved(w.Start, was.Start, near(i-2, i+1)) || moved(w.End, was.End, near(i-1, i+2))) {
			t.Errorf("%q moved from %v to %v: %q at %v to %v", was.Text, was.Start, was.End, w.Text, w.Start, w.End)
		}
	}
}
