package manifest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
	"github.com/asr-backend/asr-backend/labelstudio/manifest"
	"github.com/asr-backend/asr-backend/transcript"

	"github.com/google/go-cmp/cmp"
)

const export = `[
 {"id": 1, "data": {"audio": "/data/upload/1/a.wav"}, "annotations": [
  {"id": 10, "was_cancelled": false, "updated_at": "2026-01-02T03:04:05Z", "result": [
   {"id": "x", "from_name": "labels", "to_name": "audio", "type": "labels", "original_length": 9.5, "value": {"start": 4.25, "end": 6, "channel": 0, "labels": ["Speech"]}},
   {"id": "x", "from_name": "text", "to_name": "audio", "type": "textarea", "original_length": 9.5, "value": {"start": 4.25, "end": 6, "channel": 0, "text": ["second"]}},
   {"id": "y", "from_name": "text", "to_name": "audio", "type": "textarea", "original_length": 9.5, "value": {"start": 0.5, "end": 3, "channel": 0, "text": ["first"]}},
   {"id": "z", "from_name": "text", "to_name": "audio", "type": "textarea", "original_length": 9.5, "value": {"start": 7, "end": 8, "channel": 0, "text": [""]}}]},
  {"id": 9, "updated_at": "2026-01-01T03:04:05Z", "result": [
   {"id": "x", "from_name": "text", "to_name": "audio", "type": "textarea", "value": {"start": 0, "end": 1, "text": ["older"]}}]},
  {"id": 11, "was_cancelled": true, "updated_at": "2026-01-03T03:04:05Z", "result": []}]},
 {"id": 2, "data": {"audio": "b.wav"}, "annotations": []},
 {"id": 3, "data": {"audio": "c.wav"}, "annotations": [{"id": 12, "result": [
   {"id": "w", "from_name": "whole", "to_name": "audio", "type": "textarea", "original_length": 12.25, "value": {"text": ["all of it"]}}]}]},
 {"id": 4, "data": {"audio": "d.wav"}, "annotations": [{"id": 13, "result": [
   {"id": "w", "from_name": "whole", "to_name": "audio", "type": "textarea", "value": {"text": ["length unknown"]}}]}]}
]`

const config = `<View>
 <Labels name="labels" toName="audio"><Label value="Speech"/></Labels>
 <Audio name="audio" value="$audio"/>
 <TextArea name="text" toName="audio" perRegion="true"/>
 <TextArea name="whole" toName="audio"/>
</View>`

// read reads an export, and counts what it left out.
func read(t *testing.T, text string, o manifest.Options) ([]manifest.Spoken, manifest.Tally) {
	t.Helper()
	reader, err := manifest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	var out []manifest.Spoken
	for task, err := range manifest.Tasks(strings.NewReader(text)) {
		if err != nil {
			t.Fatal(err)
		}
		spoken, err := reader.Read(&task)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, spoken...)
	}
	return out, reader.Tally()
}

func parsed(t *testing.T, xml string) *labelconfig.Config {
	t.Helper()
	c, err := labelconfig.Parse(xml)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func TestEveryRegionThatPeopleWroteIsASegment(t *testing.T) {
	segment := func(start, end float64, text string) transcript.Segment {
		return transcript.Segment{Start: seconds(start), End: seconds(end), Text: text, Channel: transcript.Mixed}
	}
	want := []manifest.Spoken{
		{Task: 1, Annotation: 10, Value: "/data/upload/1/a.wav", Transcript: &transcript.Transcript{Source: "/data/upload/1/a.wav", Duration: seconds(9.5),
			Segments: []transcript.Segment{segment(0.5, 3, "first"), segment(4.25, 6, "second")}}},
		{Task: 3, Annotation: 12, Value: "c.wav", Transcript: &transcript.Transcript{Source: "c.wav", Duration: seconds(12.25),
			Segments: []transcript.Segment{segment(0, 12.25, "all of it")}}},
		{Task: 4, Annotation: 13, Value: "d.wav", Transcript: &transcript.Transcript{Source: "d.wav"}},
	}
	left := []string{
		"left out: 1 task: not annotated", "left out: 1 annotation: skipped by the annotator", "left out: 1 annotation: the task has a later one",
		"left out: 1 region: no text", "left out: 1 text: of a whole recording whose length the export does not give",
	}
	for name, c := range map[string]*labelconfig.Config{"with the configuration": parsed(t, config), "by the form of the texts": nil} {
		got, tally := read(t, export, manifest.Options{Config: c})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
		if diff := cmp.Diff(left, tally.Lines()); diff != "" {
			t.Errorf("%s: left out (-want +got)\n%s", name, diff)
		}
	}
}

func TestChannelsCountWhereThePageShowsThemApart(t *testing.T) {
	apart := parsed(t, strings.Replace(config, `value="$audio"`, `value="$audio" splitchannels="true"`, 1))
	got, _ := read(t, strings.ReplaceAll(export, `"channel": 0`, `"channel": 1`), manifest.Options{Config: apart})
	for _, s := range got[0].Transcript.Segments {
		if s.Channel != 1 {
			t.Errorf("%q: got channel %d, want 1", s.Text, s.Channel)
		}
	}
}
