package transcribe_test

import (
	"bytes"
	"encoding/json"
	"errors"
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
)

func paragraphs(texts ...string) *transcript.Transcript {
	t := &transcript.Transcript{}
	for _, text := range texts {
		t.Segments = append(t.Segments, transcript.Segment{Text: text, Channel: transcript.Mixed})
	}
	return t
}

// Before anything is decoded: there is no such recording.
func TestATextWithoutALetterOfTheModelIsRefused(t *testing.T) {
	tr := transcriber(t, transcribe.Options{})
	for text, want := range map[string]string{
		"مرحبا بالعالم كيف حالك اليوم": "it is in Arabic letters, and the model small-en (en) writes Latin ones; choose a model that was trained on the language of the text",
		"Доброе утро — 今日は":            "it is in Cyrillic, Han and Hiragana letters",
	} {
		_, err := tr.Align(t.Context(), transcribe.Source{Path: "nowhere.wav"}, paragraphs(text), "", transcribe.Request{})
		if !errors.Is(err, transcribe.ErrUnspellable) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %q in it", text, err, want)
		}
	}
	_, err := tr.Align(t.Context(), transcribe.Source{Path: "nowhere.wav"}, paragraphs("1984 50 %"), "de", transcribe.Request{})
	if !errors.Is(err, transcribe.ErrUnspellable) || !strings.Contains(err.Error(), "write them out in words") {
		t.Errorf("got error %v", err)
	}
	if _, err := tr.Align(t.Context(), transcribe.Source{Path: "nowhere.wav"}, paragraphs("1984 50 %"), "en", transcribe.Request{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got error %v, want that of the recording", err)
	}
}

// Words of another script among words that are said: these are found where they were, and
// those have no confidence and are named.
func TestWordsThatCannotBeSpelledAreNotFound(t *testing.T) {
	tr := transcriber(t, transcribe.Options{})
	recording := oracle.Data(t, "align", "festival", "ked.opus")
	var said []string
	for _, w := range wordTimes(t, oracle.Data(t, "align", "festival", "ked.tsv")) {
		said = append(said, w.Text)
	}
	right, err := tr.Align(t.Context(), transcribe.Source{Path: recording}, paragraphs(strings.Join(said, " ")), "en", transcribe.Request{})
	if err != nil {
		t.Fatal(err)
	}
	const foreign = "مرحبا"
	mixed := slices.Clone(said)
	for i := len(mixed) / 20 * 20; i > 0; i -= 20 {
		mixed = slices.Insert(mixed, i, foreign)
	}
	got, err := tr.Align(t.Context(), transcribe.Source{Path: recording}, paragraphs(strings.Join(mixed, " ")), "en", transcribe.Request{})
	if err != nil {
		t.Fatal(err)
	}
	n := len(mixed) - len(said)
	if got.Words != len(mixed) || got.Unspellable != n || got.Found < right.Found-1 || got.Found > right.Found {
		t.Errorf("%d words, %d found, %d that cannot be spelled; want %d, %d, %d", got.Words, got.Found, got.Unspellable, len(mixed), right.Found, n)
	}
	named := 0
	for _, f := range got.Mismatches {
		if f.Verdict == align.Unspellable && f.Text == foreign {
			named++
		}
	}
	if named != n {
		t.Errorf("%d of %d are named", named, n)
	}
	before := words(right.Transcript)
	for _, w := range words(got.Transcript) {
		if w.Text == foreign {
			if w.Confidence != 0 {
				t.Errorf("%s at %v has confidence %v", w.Text, w.Start, w.Confidence)
			}
			continue
		}
		if was := before[0]; w.Text != was.Text || (w.SpikeStart-was.SpikeStart).Abs() > 2*timeline.RowDuration {
			t.Errorf("%s moved from %v to %v", was.Text, was.SpikeStart, w.SpikeStart)
		}
		before = before[1:]
	}
	if warnings := strings.Join(got.Transcript.Diagnostics.Warnings, "\n"); !strings.Contains(warnings, `such as "مرحبا", cannot be spelled`) {
		t.Errorf("warnings: %s", warnings)
	}
	var report bytes.Buffer
	if err := got.WriteReport(&report, "text.txt"); err != nil {
		t.Fatal(err)
	}
	var read struct{ Unspellable int }
	if err := json.Unmarshal(report.Bytes(), &read); err != nil || read.Unspellable != n || !strings.Contains(report.String(), `"verdict": "unspellable"`) {
		t.Errorf("%v, report:\n%s", err, report.String())
	}
}

// On a tone nothing is found, and a cue of another script keeps the times that it had.
func TestACueThatCannotBeSpelledKeepsItsTimes(t *testing.T) {
	tr := transcriber(t, transcribe.Options{})
	path := filepath.Join(t.TempDir(), "tone.wav")
	run(t, oracle.FFmpeg(t), "-v", "error", "-f", "lavfi", "-i", "sine=frequency=440:duration=6:sample_rate=16000", path)
	text := paragraphs("good morning", "добрый день", "naïve Zürich")
	for i := range text.Segments {
		text.Segments[i].Start, text.Segments[i].End = time.Duration(2*i)*time.Second, time.Duration(2*i+1)*time.Second
	}
	text.Diagnostics.ReadWarnings = []string{"Line 7 is odd."}
	a, err := tr.Align(t.Context(), transcribe.Source{Path: path}, text, "en", transcribe.Request{})
	if err != nil {
		t.Fatal(err)
	}
	if a.Found != 0 || a.Unspellable != 2 || a.Words != 6 {
		t.Errorf("%d words, %d found, %d that cannot be spelled", a.Words, a.Found, a.Unspellable)
	}
	if s := a.Transcript.Segments[1]; s.Start != 2*time.Second || s.End != 3*time.Second || s.Confidence != 0 || s.Text != "добрый день" {
		t.Errorf("got %+v", s)
	}
	if w := a.Transcript.Diagnostics.Warnings; len(w) == 0 || w[0] != "Line 7 is odd." {
		t.Errorf("warnings: %q", w)
	}
	if a.Transcript.Confidence != 0 {
		t.Errorf("confidence %v of a tone", a.Transcript.Confidence)
	}

	// A region that a person drew and wrote has its words, as good as nothing else is known.
	h, err := tr.Recognize(t.Context(), transcribe.Source{Path: path}, transcribe.Request{KeepLogProbs: true})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	words, findings, err := h.Words(t.Context(), transcript.Mixed, 2*time.Second, 3*time.Second, "добрый день", "en")
	if err != nil || len(words) != 2 || len(findings) == 0 || findings[0].Verdict != align.Unspellable {
		t.Fatalf("%d words, findings %+v, error %v", len(words), findings, err)
	}
	for _, w := range words {
		if w.Confidence != 0 || w.Start < 2*time.Second || w.End > 3*time.Second {
			t.Errorf("got %+v", w)
		}
	}
}
