package results_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
	"github.com/asr-backend/asr-backend/labelstudio/results"
	"github.com/asr-backend/asr-backend/transcript"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// template returns a configuration of testdata/label-studio/templates and its text.
func template(t testing.TB, name string) (*labelconfig.Config, string) {
	t.Helper()
	text, err := os.ReadFile(oracle.Data(t, "label-studio", "templates", name+".xml"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := labelconfig.Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return c, string(text)
}

// plan returns the first plan of a template.
func plan(t testing.TB, name string) (*labelconfig.Plan, *labelconfig.Config) {
	t.Helper()
	c, _ := template(t, name)
	plans, why := c.Plans(labelconfig.Options{})
	if len(plans) == 0 {
		t.Fatal(why)
	}
	return plans[0], c
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// spoken is a transcript with everything in it: two channels, a sample-exact time, a
// segment without words, one without text, characters that have to be escaped or removed.
func spoken() *transcript.Transcript {
	return &transcript.Transcript{
		Duration: 11 * time.Second, ModelVersion: "fc-0123456789ab", Confidence: 0.87654321,
		Segments: []transcript.Segment{
			{Start: ms(300), End: ms(3100), Text: "And so, my fellow Americans,", Confidence: 0.93, Channel: transcript.Mixed,
				Words: []transcript.Word{
					{Start: ms(320), End: ms(500), Text: "And", Confidence: 0.9},
					{Start: ms(560), End: ms(700) + 62500, Text: "so,", Confidence: 0.95},
					{Start: ms(900), End: ms(1100), Text: "my", Confidence: 1},
					{Start: ms(1100), End: ms(1900), Text: "fellow", Confidence: 0.99999},
					{Start: ms(1900), End: ms(3060), Text: "Americans,", Confidence: 0.8},
				}},
			{Start: ms(3100), End: ms(3400), Channel: transcript.Mixed, Confidence: 0.1},
			{Start: ms(3500), End: ms(7700), Text: "ask <not> \"what\" & naïve\x00 \xff", Confidence: 0.5, Channel: 1},
			{Start: ms(8000), End: ms(12000), Text: "your country", Confidence: 0.61, Channel: 0,
				Words: []transcript.Word{{Start: ms(8000), End: ms(8100), Text: "your", Confidence: 0.2}, {Start: ms(8100), End: ms(12000), Text: "country", Confidence: 0.4}}},
		},
	}
}

// build gives what all plans of a configuration make of the transcript.
func build(t testing.TB, c *labelconfig.Config, data labelstudio.Data) (items []labelstudio.Item, patch labelstudio.Data, notes []string) {
	t.Helper()
	plans, _ := c.Plans(labelconfig.Options{})
	for _, p := range plans {
		out, err := results.Build(spoken(), p, data, results.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if out.Score != 0.876543 || out.Predict != (p.Regions != nil || p.Whole != nil) {
			t.Errorf("score %v, predict %v", out.Score, out.Predict)
		}
		items = append(items, out.Items...)
		notes = append(notes, out.Notes...)
		if out.Patch != nil {
			patch = patch.With(out.Patch)
		}
	}
	return items, patch, notes
}

// TestGoldenResults holds the results of every template to testdata/golden. The files are
// ours; TestSDKAcceptsGoldenResults says that they are right.
func TestGoldenResults(t *testing.T) {
	files, _ := filepath.Glob(oracle.Data(t, "label-studio", "templates", "*.xml"))
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".xml")
		t.Run(name, func(t *testing.T) {
			c, _ := template(t, name)
			data := labelstudio.Data{"kinds": json.RawMessage(`["Noise","Speech"]`)}
			items, patch, notes := build(t, c, data)
			if err := results.Validate(items, c); err != nil {
				t.Error(err)
			}
			if notes != nil {
				t.Errorf("notes about empty task data: %q", notes)
			}
			raw, err := json.Marshal(struct {
				Items []labelstudio.Item `json:"result"`
				Patch labelstudio.Data   `json:"data,omitempty"`
			}{items, patch})
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if err := json.Indent(&got, raw, "", " "); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", "golden", name+".json")
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("results (-want +got):\n%s", diff)
			}
		})
	}
}

// sdkErrors asks label-studio-sdk what is wrong with predictions: one list of errors for
// each pair of a configuration and a prediction.
func sdkErrors(t testing.TB, pairs [][2]any) [][]string {
	t.Helper()
	in, err := json.Marshal(pairs)
	if err != nil {
		t.Fatal(err)
	}
	raw := oracle.RunPython(t, in, `
import json, sys
from label_studio_sdk.label_interface import LabelInterface
configs, out = {}, []
for config, prediction in json.load(sys.stdin):
    if config not in configs:
        configs[config] = LabelInterface(config)
    out.append(configs[config].validate_prediction(prediction, return_errors=True))
print(json.dumps(out))
`)
	var out [][]string
	if err := json.Unmarshal(raw, &out); err != nil || len(out) != len(pairs) {
		t.Fatalf("%d answers for %d predictions: %v", len(out), len(pairs), err)
	}
	return out
}

func TestSDKAcceptsGoldenResults(t *testing.T) {
	var pairs [][2]any
	var names []string
	files, _ := filepath.Glob(filepath.Join("testdata", "golden", "*.json"))
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		_, config := template(t, name)
		var golden struct {
			Result json.RawMessage `json:"result"`
		}
		raw, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(raw, &golden)
		}
		if err != nil {
			t.Fatal(err)
		}
		if string(golden.Result) == "null" {
			continue // Nothing is predicted under this configuration.
		}
		names = append(names, name)
		pairs = append(pairs, [2]any{config, map[string]any{"score": 0.5, "model_version": "v", "result": golden.Result}})
	}
	if len(pairs) < 12 {
		t.Fatalf("only %d templates have results", len(pairs))
	}
	for i, errs := range sdkErrors(t, pairs) {
		if len(errs) > 0 {
			t.Errorf("%s: %s", names[i], strings.Join(errs, "; "))
		}
	}
}

// TestValidateIsAsStrictAsSDK breaks good results in many ways: what Validate lets pass,
// the SDK must let pass too, and each way must be refused by Validate.
func TestValidateIsAsStrictAsSDK(t *testing.T) {
	c, config := template(t, "speech-transcription")
	good := func() []labelstudio.Item {
		items, _, _ := build(t, c, nil)
		sentiment := items[0]
		sentiment.FromName, sentiment.Type = "sentiment", "choices"
		sentiment.Value.Labels, sentiment.Value.Choices = nil, []string{"Neutral"}
		return append([]labelstudio.Item{items[0], sentiment}, items[1:]...)
	}
	if err := results.Validate(good(), c); err != nil {
		t.Fatal(err)
	}
	breaks := []struct {
		name string
		do   func(items []labelstudio.Item)
		// ours says that only the editor, not the SDK, minds.
		ours bool
	}{
		{"a control that does not exist", func(i []labelstudio.Item) { i[0].FromName = "labels" }, false},
		{"an object that does not exist", func(i []labelstudio.Item) { i[0].ToName = "video" }, false},
		{"the object as the control", func(i []labelstudio.Item) { i[0].FromName = "audio" }, false},
		{"no control", func(i []labelstudio.Item) { i[0].FromName = "" }, false},
		{"another type", func(i []labelstudio.Item) { i[0].Type = "choices" }, false},
		{"an unknown type", func(i []labelstudio.Item) { i[2].Type = "region" }, false},
		{"no value", func(i []labelstudio.Item) { i[0].Value = labelstudio.Value{} }, false},
		{"labels without times", func(i []labelstudio.Item) { i[0].Value.Span = nil }, false},
		{"labels without labels", func(i []labelstudio.Item) { i[0].Value.Labels = nil }, false},
		{"a label that does not exist", func(i []labelstudio.Item) { i[0].Value.Labels = []string{"speech"} }, false},
		{"a choice that does not exist", func(i []labelstudio.Item) { i[1].Value.Choices = []string{"Good"} }, false},
		{"choices under the key of labels", func(i []labelstudio.Item) { i[1].Value = i[0].Value }, false},
		{"a text that is no list", func(i []labelstudio.Item) {
			i[2].Value.Text, i[2].Value.Extra = nil, map[string]json.RawMessage{"text": json.RawMessage(`7`)}
		}, false},
		{"a score above one", func(i []labelstudio.Item) { i[0].Score = new(1.5) }, true},
		{"no id", func(i []labelstudio.Item) { i[0].ID = "" }, true},
		{"an id with a hash", func(i []labelstudio.Item) { i[0].ID = "a#b" }, true},
		{"an id used again for another stretch", func(i []labelstudio.Item) { i[3].ID = i[0].ID }, true},
		{"an item twice", func(i []labelstudio.Item) { i[1] = i[0] }, true},
		{"an item of a region without times", func(i []labelstudio.Item) { i[2].Value.Span = nil }, true},
		{"an end before the start", func(i []labelstudio.Item) {
			for k := range 3 {
				i[k].Value.Span = &labelstudio.Span{Start: 2, End: 1}
			}
		}, true},
		{"a negative channel", func(i []labelstudio.Item) {
			for k := range 3 {
				i[k].Value.Span = &labelstudio.Span{Start: 1, End: 2, Channel: -1}
			}
		}, true},
		{"a null character in the text", func(i []labelstudio.Item) { i[2].Value.Text = []string{"a\x00"} }, true},
		{"a null character in the meta", func(i []labelstudio.Item) { i[2].Meta = json.RawMessage(`{"w":"\u0000"}`) }, true},
		{"an unknown origin", func(i []labelstudio.Item) { i[0].Origin = "asr" }, true},
	}
	var pairs [][2]any
	for _, b := range breaks {
		items := good()
		b.do(items)
		if err := results.Validate(items, c); err == nil {
			t.Errorf("%s: passes", b.name)
		}
		pairs = append(pairs, [2]any{config, map[string]any{"result": items}})
	}
	for i, errs := range sdkErrors(t, pairs) {
		if (len(errs) == 0) != breaks[i].ours {
			t.Errorf("%s: the SDK says %q", breaks[i].name, errs)
		}
	}
}

func TestValidateOfOtherControls(t *testing.T) {
	c, err := labelconfig.Parse(`<View><Audio name="a" value="$a"/><Rating name="r" toName="a" perRegion="true"/>
		<TextArea name="one" toName="a" maxSubmissions="1"/><TextArea name="each" toName="a" perRegion="true"/></View>`)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name, item string
		ok         bool
	}{
		{"a rating of a region", `{"id":"x","from_name":"r","to_name":"a","type":"rating","value":{"start":1,"end":2,"rating":4}}`, true},
		{"a relation", `{"type":"relation","from_id":"x","to_id":"y","direction":"right"}`, true},
		{"a text", `{"id":"x","from_name":"one","to_name":"a","type":"textarea","value":{"text":["x"]}}`, true},
		{"more texts than the control takes", `{"id":"x","from_name":"one","to_name":"a","type":"textarea","value":{"text":["x","y"]}}`, false},
		{"a text of the whole recording with times", `{"id":"x","from_name":"one","to_name":"a","type":"textarea","value":{"start":1,"end":2,"text":["x"]}}`, false},
		{"a text of a region without times", `{"id":"x","from_name":"each","to_name":"a","type":"textarea","value":{"text":["x"]}}`, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			var it labelstudio.Item
			if err := json.Unmarshal([]byte(x.item), &it); err != nil {
				t.Fatal(err)
			}
			if err := results.Validate([]labelstudio.Item{it}, c); (err == nil) != x.ok {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestValidateListsFewProblems(t *testing.T) {
	_, c := plan(t, "asr-using-segments")
	items := make([]labelstudio.Item, 5000)
	for i := range items {
		items[i].ID = fmt.Sprint("x", i)
	}
	if err := results.Validate(items, c); err == nil || len(err.Error()) > 1000 {
		t.Errorf("%d bytes of error", len(fmt.Sprint(err)))
	}
}
