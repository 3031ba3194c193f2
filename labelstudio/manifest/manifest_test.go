package manifest_test

import (
	"strings"
	"testing"
	"time"

	"asr-backend/labelstudio/labelconfig"
	"asr-backend/labelstudio/manifest"
	"asr-backend/transcript"

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

func read(t *testing.T, text string, c *labelconfig.Config) []manifest.Spoken {
	t.Helper()
	var out []manifest.Spoken
	for task, err := range manifest.Tasks(strings.NewReader(text)) {
		if err != nil {
			t.Fatal(err)
		}
		spoken, err := manifest.Read(&task, c, labelconfig.Options{})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, spoken...)
	}
	return out
}

func TestEveryRegionThatPeopleWroteIsASegment(t *testing.T) {
	parsed, err := labelconfig.Parse(config)
	if err != nil {
		t.Fatal(err)
	}
	seconds := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	segment := func(start, end float64, text string) transcript.Segment {
		return transcript.Segment{Start: seconds(start), End: seconds(end), Text: text, Channel: transcript.Mixed}
	}
	want := []manifest.Spoken{
		{Task: 1, Annotation: 10, Value: "/data/upload/1/a.wav", Transcript: &transcript.Transcript{Source: "/data/upload/1/a.wav", Duration: seconds(9.5),
			Segments: []transcript.Segment{segment(0.5, 3, "first"), segment(4.25, 6, "second")}}},
		{Task: 3, Annotation: 12, Value: "c.wav", Transcript: &transcript.Transcript{Source: "c.wav", Duration: seconds(12.25),
			Segments: []transcript.Segment{segment(0, 12.25, "all of it")}}},
		{Task: 4, Annotation: 13, Value: "d.wav", Transcript: &transcript.Transcript{Source: "d.wav"}, Skipped: 1},
	}
	for name, c := range map[string]*labelconfig.Config{"with the configuration": parsed, "by the form of the texts": nil} {
		if diff := cmp.Diff(want, read(t, export, c)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

func TestChannelsCountWhereThePageShowsThemApart(t *testing.T) {
	parsed, err := labelconfig.Parse(strings.Replace(config, `value="$audio"`, `value="$audio" splitchannels="true"`, 1))
	if err != nil {
		t.Fatal(err)
	}
	got := read(t, strings.ReplaceAll(export, `"channel": 0`, `"channel": 1`), parsed)
	for _, s := range got[0].Transcript.Segments {
		if s.Channel != 1 {
			t.Errorf("%q: got channel %d, want 1", s.Text, s.Channel)
		}
	}
}

func TestWhatIsNoExportIsAnError(t *testing.T) {
	for name, text := range map[string]string{
		"nothing": "", "an object": `{"id": 1}`, "cut off": export[:len(export)-1], "cut inside": export[:200], "a number for a task": "[1,",
	} {
		var got error
		for _, err := range manifest.Tasks(strings.NewReader(text)) {
			got = err
		}
		if got == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzTasks(f *testing.F) {
	f.Add(export)
	f.Add(`[{"data":{"$undefined$":"x.wav"},"annotations":[{"result":[{"value":{"start":1e300}}]}]}]`)
	f.Fuzz(func(t *testing.T, text string) {
		for task, err := range manifest.Tasks(strings.NewReader(text)) {
			if err != nil {
				return
			}
			_, _ = manifest.Read(&task, nil, labelconfig.Options{})
		}
	})
}
