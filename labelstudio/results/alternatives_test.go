package results_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/results"
	"github.com/asr-backend/asr-backend/transcript"
)

// several is a transcript of two segments, the first with other texts that are probable.
func several() *transcript.Transcript {
	return &transcript.Transcript{Duration: 5 * time.Second, Segments: []transcript.Segment{
		{Start: ms(1000), End: ms(2000), Text: "block books", Confidence: 0.5, Channel: transcript.Mixed,
			Words:        []transcript.Word{{Start: ms(1000), End: ms(1500), Text: "block", Confidence: 0.25}, {Start: ms(1500), End: ms(2000), Text: "books", Confidence: 0.75}},
			Alternatives: []transcript.Alternative{{Text: "black \"books\"", Probability: 0.25}, {Text: "blocks\x00", Probability: 0.125}}},
		{Start: ms(3000), End: ms(4000), Text: "yes", Channel: transcript.Mixed},
	}}
}

// metas returns the meta of the items that have one, in order.
func metas(items []labelstudio.Item) string {
	var out []string
	for _, it := range items {
		if it.Meta != nil {
			out = append(out, string(it.Meta))
		}
	}
	return strings.Join(out, " ")
}

func TestARegionHasItsAlternatives(t *testing.T) {
	p, c := plan(t, "speech-transcription")
	const alternatives = `"alternatives":[["black \"books\"",0.25],["blocks",0.125]]`
	for _, words := range []bool{true, false} {
		want := `{"words":[["block",1,1.5,0.25],["books",1.5,2,0.75]],"span":[1,2],` + alternatives + `}`
		if !words {
			want = `{"span":[1,2],` + alternatives + `}`
		}
		want += ` {"span":[3,4]}`
		out, err := results.Build(several(), p, nil, results.Options{NoWords: !words})
		if err != nil {
			t.Fatal(err)
		}
		if got := metas(out.Items); got != want {
			t.Errorf("with words %v:\ngot  %s\nwant %s", words, got, want)
		}
		if err := results.Validate(out.Items, c); err != nil {
			t.Error(err)
		}
		// What else is in the meta is read as before.
		m := results.ParseMeta(json.RawMessage(strings.TrimSuffix(want, ` {"span":[3,4]}`)))
		if (len(m.Words) == 2) != words || m.Span == nil || m.Span.Start != time.Second {
			t.Errorf("read as %+v", m)
		}
	}
}

// The text of a whole recording is that of all segments, so it has none of their alternatives.
func TestAWholeTextHasNoAlternatives(t *testing.T) {
	p, _ := plan(t, "automatic-speech-recognition")
	out, err := results.Build(several(), p, nil, results.Options{NoWords: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := metas(out.Items); len(out.Items) != 1 || strings.Contains(got, "alternatives") {
		t.Errorf("%d items with meta %s", len(out.Items), got)
	}
}

// A drawn region has the alternatives of the segment that lies in it as a whole and alone.
func TestADrawnRegionHasTheAlternativesOfItsSegment(t *testing.T) {
	p, c := plan(t, "speech-transcription")
	for _, r := range []struct {
		start, end   float64
		text         string
		words, other bool
	}{
		{0.5, 2.5, "block books", true, true},
		{1, 2, "block books", true, true},
		{1.4, 2.5, "books", true, false},
		{0.5, 1.6, "block", true, false},
		{0.5, 4.5, "block books yes", true, false},
		{2.5, 4.5, "yes", false, false},
	} {
		for _, words := range []bool{true, false} {
			wants := results.Wants(context(t, fmt.Sprintf(labelItem, "n", r.start, r.end, "Speech")), new(labelstudio.Task), p)
			if len(wants) != 1 {
				t.Fatalf("%d regions are wanted", len(wants))
			}
			items := wants[0].Answer(several(), p, results.Options{NoWords: !words})
			if err := results.Validate(items, c); err != nil {
				t.Error(err)
			}
			got := metas(items)
			if strings.Contains(got, `"alternatives":[["black \"books\"",0.25],["blocks",0.125]]`) != r.other || strings.Contains(got, "alternatives") != r.other ||
				strings.Contains(got, "words") != (words && r.words) || !json.Valid([]byte(got)) {
				t.Errorf("%v to %v, with words %v: meta %s", r.start, r.end, words, got)
			}
			if text := results.Read(items, p).Regions[0].Text; text != r.text {
				t.Errorf("%v to %v: %q, want %q", r.start, r.end, text, r.text)
			}
		}
	}
}
