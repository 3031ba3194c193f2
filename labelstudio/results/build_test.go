package results_test

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
	"github.com/asr-backend/asr-backend/labelstudio/results"
	"github.com/asr-backend/asr-backend/transcript"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestAnyTranscriptGivesValidResults feeds transcripts with every oddity that a type
// allows into every template.
func TestAnyTranscriptGivesValidResults(t *testing.T) {
	names := []string{
		"automatic-speech-recognition", "asr-using-segments", "speech-transcription", "voice-activity-detection",
		"own-two-channels", "own-regions-and-whole", "own-no-labels", "own-choice-condition",
	}
	rapid.Check(t, func(rt *rapid.T) {
		odd := rapid.SampledFrom([]float64{0, 0.5, 1, -1, 2, math.NaN(), math.Inf(1)})
		at := rapid.Custom(func(rt *rapid.T) time.Duration {
			return time.Duration(rapid.Int64Range(-16000, 160000).Draw(rt, "sample")) * (time.Second / 16000)
		})
		tr := &transcript.Transcript{Duration: max(at.Draw(rt, "duration"), 0), Confidence: odd.Draw(rt, "confidence")}
		for range rapid.IntRange(0, 5).Draw(rt, "segments") {
			s := transcript.Segment{
				Start: at.Draw(rt, "start"), End: at.Draw(rt, "end"), Text: rapid.String().Draw(rt, "text"),
				Confidence: odd.Draw(rt, "confidence"), Channel: rapid.IntRange(-1, 3).Draw(rt, "channel"),
			}
			for range rapid.IntRange(0, 3).Draw(rt, "words") {
				s.Words = append(s.Words, transcript.Word{
					Start: at.Draw(rt, "start"), End: at.Draw(rt, "end"),
					Text: rapid.String().Draw(rt, "word"), Confidence: odd.Draw(rt, "confidence"),
				})
			}
			tr.Segments = append(tr.Segments, s)
		}
		p, c := plan(t, rapid.SampledFrom(names).Draw(rt, "template"))
		out, err := results.Build(tr, p, nil, results.Options{})
		if err != nil {
			rt.Fatal(err)
		}
		if err := results.Validate(out.Items, c); err != nil {
			rt.Fatal(err)
		}
		if err := results.ValidateScore(out.Score); err != nil {
			rt.Fatal(err)
		}
		if _, err := json.Marshal(out.Prediction("v")); err != nil {
			rt.Fatal(err)
		}
	})
}

func TestReadIsTheInverseOfBuild(t *testing.T) {
	p, _ := plan(t, "own-regions-and-whole")
	in := spoken()
	out, err := results.Build(in, p, nil, results.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := results.Read(out.Items, p)
	if !got.HasWhole || got.Whole != strings.TrimSpace("And so, my fellow Americans, ask <not> \"what\" & naïve \uFFFD your country") {
		t.Errorf("whole text %q", got.Whole)
	}
	if len(got.Regions) != 3 {
		t.Fatalf("%d regions, want 3: the segment without text gives none", len(got.Regions))
	}
	first := got.Regions[0]
	if first.Text != in.Segments[0].Text || first.Span.Start != in.Segments[0].Start || first.Span.End != in.Segments[0].End ||
		!slices.Equal(first.Labels, []string{"Speech"}) {
		t.Errorf("first region %+v", first)
	}
	want := slices.Clone(in.Segments[0].Words)
	if diff := cmp.Diff(want, first.Words); diff != "" {
		t.Errorf("words (-want +got):\n%s", diff)
	}
	if end := got.Regions[2].Span.End; end != in.Duration {
		t.Errorf("the last region ends at %v, after the recording's %v", end, in.Duration)
	}
}

func TestChannelsBelongToSplitPages(t *testing.T) {
	for name, want := range map[string][]int{"own-two-channels": {0, 1, 1, 0, 0}, "own-no-labels": {0, 0, 0}} {
		p, _ := plan(t, name)
		out, err := results.Build(spoken(), p, nil, results.Options{NoWords: true})
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for _, it := range out.Items {
			got = append(got, it.Value.Span.Channel)
			if strings.Contains(string(it.Meta), "words") {
				t.Errorf("words were left out, yet there is %s", it.Meta)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: channels (-want +got):\n%s", name, diff)
		}
	}
}

func TestChannelsHaveTheirLabels(t *testing.T) {
	const calls = `<View><Audio name="a" value="$a" splitchannels="true"/><TextArea name="t" toName="a" perRegion="true"/><Labels name="l" toName="a">` +
		`<Label value="Speech"/><Label value="Customer" predicted_values="channel 2"/></Labels></View>`
	c, err := labelconfig.Parse(calls)
	if err != nil {
		t.Fatal(err)
	}
	for option, want := range map[string]string{"": "[Speech Customer Speech]", "Speech": "[Speech Speech Speech]"} {
		plans, _ := c.Plans(labelconfig.Options{Label: option})
		out, err := results.Build(spoken(), plans[0], nil, results.Options{}) // on no channel, the second, the first
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, it := range out.Items {
			got = append(got, it.Value.Labels...)
		}
		if fmt.Sprint(got) != want {
			t.Errorf("with the option %q: %v, want %s", option, got, want)
		}
	}
}

func TestSilenceIsAnAnswer(t *testing.T) {
	for _, name := range []string{"automatic-speech-recognition", "asr-using-segments"} {
		p, _ := plan(t, name)
		out, err := results.Build(&transcript.Transcript{Duration: time.Minute, Confidence: 1}, p, nil, results.Options{})
		if err != nil || !out.Predict || len(out.Items) != 0 {
			t.Errorf("%s: predict %v, %d items, %v", name, out.Predict, len(out.Items), err)
		}
	}
}

func TestPatchKeepsWhatOthersWrote(t *testing.T) {
	p, _ := plan(t, "long-audio")
	const ours = `[{"start":0,"end":1,"text":"old","author":"ASR","model_version":"fc-old"}]`
	const theirs = `[{"start":0,"end":1,"text":"typed","author":"Ann"}]`
	for _, c := range []struct {
		name, data string
		options    results.Options
		want       []string // keys of the patch
		notes      int
	}{
		{"nothing there yet", `{"audio":"a","alignment":[],"pred_text":""}`, results.Options{}, []string{"alignment", "pred_text"}, 0},
		{"keys are missing", `{"audio":"a"}`, results.Options{}, []string{"alignment", "pred_text"}, 0},
		{"our own earlier answer", `{"alignment":` + ours + `,"pred_text":"old"}`, results.Options{}, []string{"alignment", "pred_text"}, 0},
		{"another program's paragraphs", `{"alignment":` + ours + `,"pred_text":"old"}`, results.Options{Ours: func(v string) bool { return v == "fc-1" }}, nil, 2},
		{"our own, of a version that was written", `{"alignment":` + ours + `,"pred_text":"old"}`, results.Options{Ours: func(v string) bool { return v == "fc-old" }}, []string{"alignment", "pred_text"}, 0},
		{"other people's paragraphs", `{"alignment":` + theirs + `,"pred_text":""}`, results.Options{}, []string{"pred_text"}, 1},
		{"other people's everything", `{"alignment":` + theirs + `,"pred_text":"typed"}`, results.Options{}, nil, 2},
		{"unless configured to", `{"alignment":` + theirs + `,"pred_text":"typed"}`, results.Options{Overwrite: true}, []string{"alignment", "pred_text"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var data labelstudio.Data
			if err := json.Unmarshal([]byte(c.data), &data); err != nil {
				t.Fatal(err)
			}
			out, err := results.Build(spoken(), p, data, c.options)
			if err != nil {
				t.Fatal(err)
			}
			var keys []string
			for key := range out.Patch {
				keys = append(keys, key)
			}
			slices.Sort(keys)
			if diff := cmp.Diff(c.want, keys); diff != "" || len(out.Notes) != c.notes {
				t.Errorf("%d notes, keys (-want +got):\n%s", len(out.Notes), diff)
			}
			if out.Predict || out.Items != nil {
				t.Error("texts that come from task data are predicted too, which doubles them")
			}
			// What was written once is not written again.
			again, err := results.Build(spoken(), p, data.With(out.Patch), c.options)
			if err != nil || again.Patch != nil {
				t.Errorf("the second time changes %v (%v)", again.Patch, err)
			}
		})
	}
}

// Regions and Paragraphs name who speaks on a channel.
func TestSpeakersAreNamed(t *testing.T) {
	tr := &transcript.Transcript{Duration: 10 * time.Second, Segments: []transcript.Segment{
		{Start: 0, End: time.Second, Text: "hello", Channel: 0},
		{Start: time.Second, End: 2 * time.Second, Text: "hi", Channel: 1},
		{Start: 2 * time.Second, End: 3 * time.Second, Text: "hm", Channel: 2},
		{Start: 3 * time.Second, End: 4 * time.Second, Text: "all", Channel: transcript.Mixed},
	}}
	for _, c := range []struct {
		labels   string
		speakers []string
		regions  []string
		authors  []string
	}{
		{`<Label value="Agent"/><Label value="Customer"/>`, nil,
			[]string{"Agent", "Customer", "", ""}, []string{"Agent", "Customer", "ASR, channel 3", "ASR"}},
		{`<Label value="Agent"/><Label value="Customer"/>`, []string{"Customer", "Agent", "Boss"},
			[]string{"Customer", "Agent", "", ""}, []string{"Customer", "Agent", "Boss", "ASR"}},
		{`<Label value="Speech"/>`, []string{"Ann", ""},
			[]string{"Speech", "Speech", "Speech", "Speech"}, []string{"Ann", "ASR, channel 2", "ASR, channel 3", "ASR"}},
	} {
		config, err := labelconfig.Parse(`<View><Labels name="l" toName="a">` + c.labels + `</Labels><Audio name="a" value="$audio" splitchannels="true"/>
			<TextArea name="t" toName="a" perRegion="true"/><Paragraphs name="p" value="$talk" audioUrl="$audio" layout="dialogue"/></View>`)
		if err != nil {
			t.Fatal(err)
		}
		plans, why := config.Plans(labelconfig.Options{Speakers: c.speakers})
		if len(plans) != 1 {
			t.Fatal(why)
		}
		out, err := results.Build(tr, plans[0], nil, results.Options{Speakers: c.speakers})
		if err != nil {
			t.Fatal(err)
		}
		regions := []string{"", "", "", ""}
		for _, item := range out.Items {
			if len(item.Value.Labels) > 0 {
				regions[int(item.Value.Span.Start.Seconds())] = item.Value.Labels[0]
			}
		}
		var rows []struct{ Author string }
		if err := json.Unmarshal(out.Patch["talk"], &rows); err != nil {
			t.Fatal(err)
		}
		var authors []string
		for _, r := range rows {
			authors = append(authors, r.Author)
		}
		if !slices.Equal(regions, c.regions) || !slices.Equal(authors, c.authors) {
			t.Errorf("%s with %q: %q and %q, want %q and %q", c.labels, c.speakers, regions, authors, c.regions, c.authors)
		}
	}
}

// Recordings are sorted by their scores, so different ones stay different.
func TestScoresHaveSignificantDigits(t *testing.T) {
	for given, want := range map[float64]string{
		0.99998765: "0.999988", 0.99998: "0.99998", 0.912345678: "0.912346", 0.1: "0.1", 0.0123456789: "0.0123457",
		0.0001234567: "0.000123457", 1.2345678e-7: "1.23457e-07", 1e-300: "0", 1: "1", 2: "1", -1: "0", math.NaN(): "0", math.Inf(1): "1",
	} {
		p, _ := plan(t, "asr-using-segments")
		s := transcript.Segment{Text: "yes", Start: 0, End: time.Second, Channel: -1, Confidence: given,
			Words: []transcript.Word{{Text: "yes", End: time.Second, Confidence: given}}}
		out, err := results.Build(&transcript.Transcript{Duration: time.Second, Confidence: given, Segments: []transcript.Segment{s}}, p, nil, results.Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := []string{string(labelstudio.AppendNumber(nil, out.Score))}
		for _, it := range out.Items {
			got = append(got, string(labelstudio.AppendNumber(nil, *it.Score)))
			if len(it.Meta) > 0 && !strings.Contains(string(it.Meta), ","+want+"]") {
				t.Errorf("%v: words %s", given, it.Meta)
			}
		}
		for _, g := range got {
			if g != want || len(got) < 3 {
				t.Errorf("%v is given as %q, want %s", given, got, want)
			}
		}
	}
}
