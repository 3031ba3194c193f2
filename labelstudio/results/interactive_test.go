package results_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
	"github.com/asr-backend/asr-backend/labelstudio/results"
	"github.com/asr-backend/asr-backend/transcript"

	"github.com/google/go-cmp/cmp"
)

const (
	labelItem = `{"id":%q,"from_name":"label","to_name":"audio","type":"labels","value":{"start":%v,"end":%v,"channel":0,"labels":[%q]}}`
	textItem  = `{"id":%q,"from_name":"transcription","to_name":"audio","type":"textarea","value":{"start":%v,"end":%v,"channel":0,"text":[%q]},"meta":%s}`
	feeling   = `{"id":%q,"from_name":"sentiment","to_name":"audio","type":"choices","value":{"start":%v,"end":%v,"channel":0,"choices":["Neutral"]}}`
	ours      = `{"words":[["hello",1.1,1.4,0.9],["world",1.5,1.9,0.8]],"span":[1,2]}`
	earlier   = `{"words":[["hello",1.1,1.4,0.9],["world",1.5,1.9,0.8]],"heard":[1,2]}` // of earlier versions
)

func context(t *testing.T, items ...string) *labelstudio.Context {
	t.Helper()
	c := new(labelstudio.Context)
	for _, item := range items {
		var it labelstudio.Item
		if err := json.Unmarshal([]byte(item), &it); err != nil {
			t.Fatalf("%v in %s", err, item)
		}
		c.Result = append(c.Result, it)
	}
	return c
}

func TestWantedRegions(t *testing.T) {
	p, _ := plan(t, "speech-transcription")
	f := fmt.Sprintf
	stored := &labelstudio.Task{Predictions: json.RawMessage(
		f(`[{"id":1,"model_version":"v","result":[`+textItem+`]}]`, "a", 1, 2, "hello world", "null"))}
	for _, c := range []struct {
		name  string
		task  *labelstudio.Task
		items []string
		want  []string
	}{
		{"one was just drawn", nil, []string{f(labelItem, "n", 3.3, 7.7, "Speech")}, []string{"n"}},
		{"drawn beside others that have their text", nil, []string{
			f(labelItem, "a", 1, 2, "Speech"), f(textItem, "a", 1, 2, "hello world", ours),
			f(labelItem, "n", 3.3, 7.7, "Speech")}, []string{"n"}},
		{"several were drawn, the latest comes first", nil, []string{
			f(labelItem, "n", 3, 4, "Speech"), f(labelItem, "m", 5, 6, "Speech")}, []string{"m", "n"}},
		{"its text was emptied", nil, []string{
			f(labelItem, "a", 1, 2, "Speech"), f(textItem, "a", 1, 2, " ", ours)}, []string{"a"}},
		{"a predicted one was moved", nil, []string{
			f(labelItem, "a", 1, 2.5, "Speech"), f(textItem, "a", 1, 2.5, "hello world", ours)}, []string{"a"}},
		{"one of an earlier version was moved", nil, []string{
			f(labelItem, "a", 1, 2.5, "Speech"), f(textItem, "a", 1, 2.5, "hello world", earlier)}, []string{"a"}},
		{"moved by less than anybody can", nil, []string{
			f(labelItem, "a", 1, 2.004, "Speech"), f(textItem, "a", 1, 2.004, "hello world", ours)}, nil},
		{"corrected and then moved", nil, []string{
			f(labelItem, "a", 1, 2.5, "Speech"), f(textItem, "a", 1, 2.5, "Hello, world!", ours)}, nil},
		{"moved, its meta lost, known from the prediction", stored, []string{
			f(labelItem, "a", 1, 2.5, "Speech"), f(textItem, "a", 1, 2.5, "hello world", "null")}, []string{"a"}},
		{"not moved, its meta lost", stored, []string{
			f(labelItem, "a", 1, 2, "Speech"), f(textItem, "a", 1, 2, "hello world", "null")}, nil},
		{"typed by a person, nothing known of it", nil, []string{
			f(labelItem, "a", 1, 2.5, "Speech"), f(textItem, "a", 1, 2.5, "typed", "null")}, nil},
		{"a label with which the text is not shown", nil, []string{f(labelItem, "n", 3, 4, "Noise")}, nil},
		{"no label yet", nil, []string{f(feeling, "n", 3, 4)}, []string{"n"}},
		{"no length", nil, []string{f(labelItem, "n", 3, 3, "Speech")}, nil},
		{"nothing left after a deletion", nil, nil, nil},
		{"items of the whole recording and of other objects", nil, []string{
			`{"id":"w","from_name":"transcription","to_name":"audio","type":"textarea","value":{"text":["x"]}}`,
			`{"id":"v","from_name":"label","to_name":"video","type":"labels","value":{"start":1,"end":2,"labels":["Speech"]}}`}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			task := c.task
			if task == nil {
				task = new(labelstudio.Task)
			}
			var got []string
			for _, w := range results.Wants(context(t, c.items...), task, p) {
				got = append(got, w.ID)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("wanted regions (-want +got):\n%s", diff)
			}
		})
	}
}

// TestWantsOfRealPage reads what a real page sent: it repeats every region of the label,
// with the meta that the prediction had.
func TestWantsOfRealPage(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("testdata", "page.json"))
	if err != nil {
		t.Fatal(err)
	}
	var c labelstudio.Context
	if err := json.Unmarshal(raw, &c); err != nil {
		t.Fatal(err)
	}
	p, _ := plan(t, "speech-transcription")
	got := results.Wants(&c, new(labelstudio.Task), p)
	if len(got) != 2 || got[0].ID != "fR2yq" || got[1].ID != "n8tyj" {
		t.Fatalf("wanted %+v", got)
	}
	if at := 10674900 * time.Microsecond; got[1].Span.Start.Round(time.Microsecond) != at {
		t.Errorf("starts at %v, want %v", got[1].Span.Start, at)
	}
}

func TestNothingIsWantedWithoutTextForRegions(t *testing.T) {
	c := context(t, fmt.Sprintf(labelItem, "n", 3, 4, "Speech"))
	for _, name := range []string{"automatic-speech-recognition", "voice-activity-detection"} {
		p, _ := plan(t, name)
		if got := results.Wants(c, new(labelstudio.Task), p); got != nil {
			t.Errorf("%s: %v", name, got)
		}
	}
	p, _ := plan(t, "speech-transcription")
	if got := results.Wants(nil, new(labelstudio.Task), p); got != nil {
		t.Errorf("without a context: %v", got)
	}
}

func TestAnswerKeepsTheRegion(t *testing.T) {
	p, c := plan(t, "speech-transcription")
	f := fmt.Sprintf
	wants := results.Wants(context(t,
		f(labelItem, "a", 1, 2.5, "Speech"), f(textItem, "a", 1, 2.5, "hello world", ours), f(feeling, "a", 1, 2.5)),
		new(labelstudio.Task), p)
	if len(wants) != 1 {
		t.Fatalf("%d regions wanted", len(wants))
	}
	at := func(start, end time.Duration, text string) transcript.Segment {
		return transcript.Segment{Start: start, End: end, Text: text, Confidence: 0.5, Channel: transcript.Mixed,
			Words: []transcript.Word{{Start: start, End: end, Text: text}}}
	}
	// The last segment crosses the region's edge in the middle of its second word.
	across := at(ms(2000), ms(3000), "there")
	across.Text = "there and after"
	across.Words = []transcript.Word{
		{Start: ms(2000), End: ms(2400), Text: "there"}, {Start: ms(2440), End: ms(2600), Text: "and"}, {Start: ms(2600), End: ms(3000), Text: "after"},
	}
	recognized := &transcript.Transcript{Duration: 11 * time.Second, Segments: []transcript.Segment{
		at(0, ms(1000), "before"), at(ms(1100), ms(2000), "hello"), across, at(ms(2500), ms(3000), "behind"),
	}}
	items := wants[0].Answer(recognized, p, results.Options{})
	if err := results.Validate(items, c); err != nil {
		t.Error(err)
	}
	got, err := json.Marshal(items)
	if err != nil {
		t.Fatal(err)
	}
	want := `[` +
		`{"id":"a","from_name":"label","to_name":"audio","type":"labels","value":{"start":1,"end":2.5,"channel":0,"labels":["Speech"]}},` +
		`{"id":"a","from_name":"sentiment","to_name":"audio","type":"choices","value":{"start":1,"end":2.5,"channel":0,"choices":["Neutral"]}},` +
		`{"id":"a","from_name":"transcription","to_name":"audio","type":"textarea","original_length":11,"score":0.5,` +
		`"value":{"start":1,"end":2.5,"channel":0,"text":["hello there"]},` +
		`"meta":{"words":[["hello",1.1,2,0],["there",2,2.4,0]],"span":[1,2.5]}}]`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// Asked again with its own answer, the page wants nothing more.
	if again := results.Wants(&labelstudio.Context{Result: items}, new(labelstudio.Task), p); again != nil {
		t.Errorf("the answer is asked for again: %v", again)
	}
	if items := wants[0].Answer(&transcript.Transcript{}, p, results.Options{}); items != nil {
		t.Errorf("silence gives %v", items)
	}
}

// The recording is as long as the page says; what was transcribed may be a part that ends earlier.
func TestADrawnRegionKnowsTheLengthOfItsRecording(t *testing.T) {
	p, _ := plan(t, "speech-transcription")
	drawn := strings.Replace(fmt.Sprintf(labelItem, "n", 3.3, 7.7, "Speech"), `"type"`, `"original_length":7200.5,"type"`, 1)
	wants := results.Wants(context(t, drawn), new(labelstudio.Task), p)
	if len(wants) != 1 {
		t.Fatalf("%d regions are wanted", len(wants))
	}
	part := &transcript.Transcript{Duration: 8 * time.Second, Segments: []transcript.Segment{{Start: 4 * time.Second, End: 5 * time.Second, Text: "yes", Channel: transcript.Mixed}}}
	for _, it := range wants[0].Answer(part, p, results.Options{}) {
		if it.OriginalLength != 7200500*time.Millisecond {
			t.Errorf("%s has the length %v", it.Type, it.OriginalLength)
		}
	}
}

func TestAnswerOnItsChannel(t *testing.T) {
	c, err := labelconfig.Parse(`<View><Audio name="audio" value="$a" splitchannels="true"/>
		<Labels name="label" toName="audio"><Label value="Speech"/></Labels>
		<TextArea name="transcription" toName="audio" perRegion="true"/></View>`)
	if err != nil {
		t.Fatal(err)
	}
	plans, _ := c.Plans(labelconfig.Options{})
	wants := results.Wants(context(t,
		`{"id":"n","from_name":"label","to_name":"audio","type":"labels","value":{"start":0,"end":9,"channel":1,"labels":["Speech"]}}`),
		new(labelstudio.Task), plans[0])
	if len(wants) != 1 {
		t.Fatalf("%d regions wanted", len(wants))
	}
	items := wants[0].Answer(&transcript.Transcript{Segments: []transcript.Segment{
		{End: time.Second, Text: "left", Channel: 0}, {End: time.Second, Text: "right", Channel: 1},
	}}, plans[0], results.Options{})
	if got := results.Read(items, plans[0]).Regions[0]; got.Text != "right" || got.Span.Channel != 1 {
		t.Errorf("region %+v", got)
	}
}
