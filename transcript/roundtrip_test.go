package transcript_test

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/asr-backend/asr-backend/transcript"
)

const sample = time.Second / 16000

// token draws a word, often one that means something to a format.
var token = rapid.OneOf(
	rapid.StringMatching(`[a-zäß',.?]{1,9}`),
	rapid.StringMatching(`[a-z<>&{}\\"/!;:#*-]{1,6}`),
	rapid.SampledFrom([]string{
		"-->", "<b>", "</i>", "<unk>", `{\an8}`, "&amp;", "&lt;", `"`, `""`, "1", "42", ";;", "<ALT>x", "NOTE", "STYLE", "WEBVTT",
		"00:00:01,000", "00:00:01.000", "<00:00:01.000>", "start", "mot\u00a0!", "שלום", "مرحبا", "한국어", "ไทย", "e\u0301", "👩‍🚀",
		"今日は。", "「東京」", "ー", "Channel", "Channel 1:", "\\", "!", "<exists>", "a\tb", "a\nb", "nul\x00", "\x1b[0m", "\ufeffbom",
	}),
)

// shape limits what transcripts draws to what a format can hold.
type shape struct {
	shortest int64 // samples in a segment or word
	disjoint bool  // segments of a channel do not overlap
	spoken   bool  // every segment has words, and its text is their text
}

// transcripts draws a transcript with up to three channels, or mixed.
func transcripts(s shape) *rapid.Generator[*transcript.Transcript] {
	return rapid.Custom(func(t *rapid.T) *transcript.Transcript {
		tr := &transcript.Transcript{
			Source: "a.wav", Language: rapid.SampledFrom([]string{"", "en", "pt-BR"}).Draw(t, "language"),
			Model: "m", ModelVersion: "v1", Confidence: rapid.Float64Range(0, 1).Draw(t, "confidence"),
			Diagnostics: transcript.Diagnostics{
				Warnings: rapid.SliceOfN(token, 0, 2).Draw(t, "warnings"), Windows: rapid.IntRange(0, 9).Draw(t, "windows"),
				SeamDisagreement:   rapid.Float64Range(0, 1).Draw(t, "seams"),
				UnrecognizedSpeech: sample * time.Duration(rapid.Int64Range(0, 1e6).Draw(t, "unrecognized")),
			},
		}
		channels := rapid.SampledFrom([][]int{{transcript.Mixed}, {0, 1}, {0, 1, 11}, {transcript.Mixed, 2}}).Draw(t, "channels")
		if s.spoken && channels[0] == transcript.Mixed {
			channels = channels[:1] // CTM, which has no name for it beside others
		}
		position := rapid.SampledFrom([]int64{0, 3599 * 16000, 36000 * 16000, 400000 * 16000}).Draw(t, "offset")
		var last int64
		for range rapid.IntRange(0, 6).Draw(t, "segments") {
			position += rapid.Int64Range(0, 9999).Draw(t, "gap")
			tokens := rapid.SliceOfN(token, 0, 12).Draw(t, "tokens")
			edges := []int64{position}
			for range 2 * len(tokens) {
				step := rapid.Int64Range(s.shortest, 9999).Draw(t, "step")
				edges = append(edges, edges[len(edges)-1]+step)
			}
			end := edges[len(edges)-1] + s.shortest
			seg := transcript.Segment{
				Start: sample * time.Duration(position), End: sample * time.Duration(end), Text: strings.Join(tokens, " "),
				Channel:    rapid.SampledFrom(channels).Draw(t, "channel"),
				Confidence: rapid.Float64Range(0, 1).Draw(t, "segment confidence"),
			}
			if s.spoken || rapid.Bool().Draw(t, "with words") {
				for i, text := range tokens {
					seg.Words = append(seg.Words, transcript.Word{
						Text: text, Start: sample * time.Duration(edges[2*i]), End: sample * time.Duration(edges[2*i+1]),
						Confidence: rapid.Float64Range(0, 1).Draw(t, "word confidence"),
					})
				}
			}
			tr.Segments = append(tr.Segments, seg)
			last = max(last, end)
			position = rapid.Int64Range(position, end).Draw(t, "next")
			if s.disjoint {
				position = end
			}
		}
		order(tr.Segments)
		tr.Duration = sample * time.Duration(last+rapid.Int64Range(0, 16000).Draw(t, "tail"))
		return tr
	})
}

// held returns what remains of tr when times are rounded to a step and segments without
// text are dropped, in the order in which a reader returns it.
func held(tr *transcript.Transcript, step time.Duration, keepEmpty bool) *transcript.Transcript {
	out := &transcript.Transcript{}
	said := map[int]bool{}
	for _, s := range tr.Segments {
		if s.Text = tidy(s.Text); s.Text != "" {
			said[s.Channel] = true
		} else if !keepEmpty {
			continue
		}
		s.Start, s.End = s.Start.Round(step), s.End.Round(step)
		out.Segments = append(out.Segments, transcript.Segment{Start: s.Start, End: s.End, Text: s.Text, Channel: s.Channel})
		out.Duration = max(out.Duration, s.End)
	}
	if len(said) < 2 {
		for i := range out.Segments {
			out.Segments[i].Channel = transcript.Mixed
		}
	}
	order(out.Segments)
	return out
}

func order(segments []transcript.Segment) {
	slices.SortStableFunc(segments, func(a, b transcript.Segment) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Channel, b.Channel))
	})
}

// tidy returns text without control characters and with single spaces.
func tidy(text string) string {
	text = strings.NewReplacer("\x00", "", "\x1b", "", "\ufeff", "", "\t", " ", "\n", " ").Replace(text)
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == ' ' }), " ")
}

// sameWithin is equality but for the rounding of confidences.
var sameWithin = gocmp.Options{cmpopts.EquateEmpty(), cmpopts.EquateApprox(0, 0.51e-4)}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	oneCue := transcript.WriteOptions{LineWidth: 1e6, CueLines: 1, CueDuration: time.Hour}
	ms := time.Millisecond
	for _, c := range []struct {
		format transcript.Format
		shape  shape
		o      transcript.WriteOptions
		want   func(*transcript.Transcript) *transcript.Transcript
	}{
		{transcript.JSON, shape{}, oneCue, func(tr *transcript.Transcript) *transcript.Transcript { return inJSON(tr) }},
		{transcript.SRT, shape{shortest: 16}, oneCue, func(tr *transcript.Transcript) *transcript.Transcript { return held(tr, ms, false) }},
		{transcript.VTT, shape{shortest: 16}, oneCue, func(tr *transcript.Transcript) *transcript.Transcript { return held(tr, ms, false) }},
		{transcript.TSV, shape{}, oneCue, func(tr *transcript.Transcript) *transcript.Transcript { return held(tr, ms, true) }},
		{transcript.Audacity, shape{}, oneCue, func(tr *transcript.Transcript) *transcript.Transcript { return held(tr, time.Microsecond, true) }},
		{transcript.Text, shape{}, oneCue, withoutTimes},
		{transcript.CTM, shape{spoken: true}, transcript.WriteOptions{}, inCTM},
		{transcript.TextGrid, shape{shortest: 16, disjoint: true}, transcript.WriteOptions{}, inTextGrid},
	} {
		t.Run(string(c.format), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				tr := transcripts(c.shape).Draw(rt, "transcript")
				var b strings.Builder
				if err := transcript.Write(&b, c.format, tr, c.o); err != nil {
					rt.Fatal(err)
				}
				got, err := transcript.Read(strings.NewReader(b.String()), c.format)
				if err != nil {
					rt.Fatalf("%v in\n%s", err, b.String())
				}
				if diff := gocmp.Diff(c.want(tr), got, sameWithin); diff != "" {
					rt.Fatalf("(-want +got):\n%s\nfile:\n%s", diff, b.String())
				}
			})
		})
	}
}

func inJSON(tr *transcript.Transcript) *transcript.Transcript {
	out := *tr
	ms := time.Millisecond
	out.Duration = tr.Duration.Round(ms)
	out.Diagnostics.UnrecognizedSpeech = tr.Diagnostics.UnrecognizedSpeech.Round(ms)
	out.Segments = slices.Clone(tr.Segments)
	for i := range out.Segments {
		s := &out.Segments[i]
		s.Start, s.End, s.Text = s.Start.Round(ms), s.End.Round(ms), strings.TrimSpace(s.Text)
		s.Words = slices.Clone(s.Words)
		for j := range s.Words {
			w := &s.Words[j]
			w.Start, w.End, w.Text = w.Start.Round(ms), w.End.Round(ms), strings.TrimSpace(w.Text)
		}
	}
	order(out.Segments)
	return &out
}

func withoutTimes(tr *transcript.Transcript) *transcript.Transcript {
	out := held(tr, time.Nanosecond, false) // rounding must not change the order of lines
	out.Duration = 0
	for i := range out.Segments {
		out.Segments[i].Start, out.Segments[i].End = 0, 0
	}
	order(out.Segments)
	return out
}

// inCTM puts the words of each channel into one segment.
func inCTM(tr *transcript.Transcript) *transcript.Transcript {
	out := &transcript.Transcript{}
	byChannel := map[int][]transcript.Word{}
	for _, s := range tr.Segments {
		for _, w := range s.Words {
			w.Text = strings.NewReplacer(" ", "_", "\u00a0", "_").Replace(tidy(w.Text))
			if w.Text == "" {
				continue
			}
			w.Start, w.End = w.Start.Round(time.Millisecond), w.End.Round(time.Millisecond)
			byChannel[s.Channel] = append(byChannel[s.Channel], w)
		}
	}
	for c, words := range byChannel {
		slices.SortStableFunc(words, func(a, b transcript.Word) int { return cmp.Compare(a.Start, b.Start) })
		s := transcript.Segment{Channel: c, Start: words[0].Start, Words: words}
		var texts []string
		for _, w := range words {
			s.End = max(s.End, w.End)
			texts = append(texts, w.Text)
		}
		s.Text = strings.Join(texts, " ")
		out.Segments = append(out.Segments, s)
		out.Duration = max(out.Duration, s.End)
	}
	if len(out.Segments) == 1 && out.Segments[0].Channel == 0 {
		out.Segments[0].Channel = transcript.Mixed // the format has no channels
	}
	if len(out.Segments) > 0 {
		out.Source = "a"
	}
	order(out.Segments)
	return out
}

// inTextGrid drops what has no text; times stay exact. A channel on its own has no name.
func inTextGrid(tr *transcript.Transcript) *transcript.Transcript {
	out := &transcript.Transcript{Duration: max(tr.Duration, time.Millisecond)}
	channels := map[int]bool{}
	for _, s := range tr.Segments {
		channels[s.Channel] = true
		var words []transcript.Word
		for _, w := range s.Words {
			if w.Text = tidy(w.Text); w.Text != "" {
				w.Confidence = 0
				words = append(words, w)
			}
		}
		if s.Text = tidy(s.Text); s.Text != "" {
			s.Confidence, s.Words = 0, words
			out.Segments = append(out.Segments, s)
		}
	}
	if len(channels) == 1 {
		for i := range out.Segments {
			out.Segments[i].Channel = transcript.Mixed
		}
	}
	return out
}
