package manifest_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio/manifest"
	"github.com/asr-backend/asr-backend/transcript"

	"github.com/google/go-cmp/cmp"
)

const timed = `{"id": 1, "data": {"audio": "a.wav"}, "annotations": [{"id": 10, "result": [
  {"id": "x", "from_name": "text", "to_name": "audio", "type": "textarea", "original_length": 9.5, "value": {"start": 0.5, "end": 3, "text": ["as predicted"]},
   "meta": {"words": [["as", 0.4, 1, 0.9], ["predicted", 1.2, 3.25, 0.8]]}},
  {"id": "y", "from_name": "text", "to_name": "audio", "type": "textarea", "original_length": 9.5, "value": {"start": 4.25, "end": 6, "text": ["was  corrected"]},
   "meta": {"words": [["was", 4.3, 5, 0.9], ["predicted", 5, 6, 0.8]]}},
  {"id": "z", "from_name": "text", "to_name": "audio", "type": "textarea", "original_length": 9.5, "value": {"start": 7, "end": 8, "text": ["moved"]},
   "meta": {"words": [["moved", 2, 3, 0.9]]}},
  {"id": "u", "from_name": "text", "to_name": "audio", "type": "textarea", "original_length": 9.5, "value": {"start": 9, "end": 12, "text": ["beyond"]}}]}]}`

// texts returns what the segments have words for, with times in milliseconds.
func texts(segments []transcript.Segment) map[string][][3]any {
	out := map[string][][3]any{}
	for _, s := range segments {
		out[s.Text] = nil
		for _, w := range s.Words {
			out[s.Text] = append(out[s.Text], [3]any{w.Text, w.Start.Milliseconds(), w.End.Milliseconds()})
		}
	}
	return out
}

func TestWordsOfAnAnnotationArePassedOnWhileTheyAreThoseOfItsText(t *testing.T) {
	for name, c := range map[string]manifest.Options{"with the configuration": {Config: parsed(t, config)}, "by the form of the texts": {}} {
		got, _ := read(t, "["+timed+"]", c)
		want := map[string][][3]any{"as predicted": {{"as", int64(500), int64(1000)}, {"predicted", int64(1200), int64(3000)}}, "was corrected": nil, "moved": nil, "beyond": nil}
		have := texts(got[0].Transcript.Segments)
		if c.Config == nil {
			have = map[string][][3]any{}
			for text, words := range texts(got[0].Transcript.Segments) {
				have[strings.Join(strings.Fields(text), " ")] = words
			}
		} else if words, ok := have["was  corrected"]; ok {
			delete(have, "was  corrected")
			have["was corrected"] = words
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

func TestCorrectionsGiveTheWordsThatAreMissing(t *testing.T) {
	words := func(list ...string) string { return "[" + strings.Join(list, ",") + "]" }
	was, corrected := `{"text":"was","start":4.2,"end":5,"confidence":0.5}`, `{"text":"corrected","start":5,"end":6,"confidence":0}`
	region := `{"start":4.25,"end":6,"text":"was  corrected","timed":true,"words":` + words(was, corrected) + `}`
	for name, c := range map[string]struct {
		lines   string
		missing int
		want    []string // words of the corrected region
	}{
		"of the region":                  {`{"annotation":10,"corrected":[` + region + `]}`, 2, []string{"was", "corrected"}},
		"among others":                   {`{"annotation":3}` + "\n\n" + `{"annotation":10,"corrected":[{"text":"x"},` + region + `]}`, 2, []string{"was", "corrected"}},
		"of another annotation":          {`{"annotation":11,"corrected":[` + region + `]}`, 3, nil},
		"of another recording":           {`{"annotation":10,"corrected":[` + strings.Replace(region, `"timed"`, `"plan":1,"timed"`, 1) + `]}`, 3, nil},
		"of where the region was before": {`{"annotation":10,"corrected":[` + strings.Replace(region, "4.25", "4.5", 1) + `]}`, 3, nil},
		"not looked for yet":             {`{"annotation":10,"corrected":[` + strings.Replace(region, `"timed":true,`, "", 1) + `]}`, 3, nil},
		"of another text":                {`{"annotation":10,"corrected":[` + strings.Replace(region, `"text":"corrected"`, `"text":"changed"`, 1) + `]}`, 3, nil},
		"none at all":                    {"", 3, nil},
	} {
		got, _ := read(t, "["+timed+"]", manifest.Options{Config: parsed(t, config)})
		w, err := manifest.ReadWords(strings.NewReader(c.lines))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		missing := w.Fill(&got[0])
		var have []string
		for _, s := range got[0].Transcript.Segments {
			if s.Start != seconds(4.25) {
				continue
			}
			for _, word := range s.Words {
				have = append(have, word.Text)
				if word.Start < s.Start || word.End > s.End {
					t.Errorf("%s: %+v reaches beyond its segment", name, word)
				}
			}
		}
		if missing != c.missing || !slices.Equal(have, c.want) {
			t.Errorf("%s: words %q, %d missing; want %q, %d", name, have, missing, c.want, c.missing)
		}
	}
}

// Regions cut to their recording, and texts of whole recordings, are found all the same.
func TestCorrectionsOfWhatWasCutAndOfWholeRecordings(t *testing.T) {
	got, _ := read(t, "["+timed+"]", manifest.Options{Config: parsed(t, config)})
	w, err := manifest.ReadWords(strings.NewReader(`{"annotation":10,"corrected":[{"start":9,"end":12,"text":"beyond","timed":true,"words":[{"text":"beyond","start":9.1,"end":11,"confidence":1}]}]}` + "\n" +
		`{"annotation":12,"corrected":[{"start":0,"end":0,"text":"all of it","timed":true,"words":[{"text":"all","start":1,"end":2},{"text":"of","start":2,"end":3},{"text":"it","start":3,"end":3}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if n := w.Fill(&got[0]); n != 2 {
		t.Errorf("%d missing, want 2", n)
	}
	if words := got[0].Transcript.Segments[3].Words; len(words) != 1 || words[0].End != seconds(9.5) {
		t.Errorf("got %+v", words)
	}
	whole, _ := read(t, export, manifest.Options{Config: parsed(t, config)})
	if n := w.Fill(&whole[1]); n != 0 || len(whole[1].Transcript.Segments[0].Words) != 3 {
		t.Errorf("%d missing in %+v", n, whole[1].Transcript)
	}
}

func TestLinesThatAreNoCorrectionsAreNamed(t *testing.T) {
	for lines, want := range map[string]string{
		`{"annotation":1}` + "\n" + `error: the store does not answer`: "line 2: the service could not read all corrections: the store does not answer",
		`<html>`:                         "line 1: not JSON at byte 1",
		"\n" + `{"task":1}`:              "line 2: no correction: it names no annotation",
		`{"annotation":1,"corrected":3}`: `line 1: "corrected": got a number, want a list`,
		`{"annotation":1`:                "line 1: the JSON ends too early",
	} {
		if _, err := manifest.ReadWords(strings.NewReader(lines)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", lines, err, want)
		}
	}
}

// Whatever a file of corrections says, segments keep the rules of their type.
func FuzzWords(f *testing.F) {
	f.Add([]byte(`{"annotation":10,"corrected":[{"start":4.25,"end":6,"text":"was corrected","timed":true,"words":[{"text":"was","start":1e300,"end":-5},{"text":"corrected","start":5,"end":4}]}]}`))
	f.Add([]byte("{\"annotation\":10}\nerror: x"))
	f.Fuzz(func(t *testing.T, lines []byte) {
		w, err := manifest.ReadWords(strings.NewReader(string(lines)))
		if err != nil {
			return
		}
		got, _ := read(t, "["+timed+"]", manifest.Options{})
		w.Fill(&got[0])
		for _, s := range got[0].Transcript.Segments {
			at := time.Duration(0)
			for _, word := range s.Words {
				if word.Start < max(s.Start, at) || word.End < word.Start || word.End > s.End {
					t.Fatalf("%+v in %v to %v", word, s.Start, s.End)
				}
			}
		}
	})
}
