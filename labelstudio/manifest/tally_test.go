package manifest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
	"github.com/asr-backend/asr-backend/labelstudio/manifest"

	"github.com/google/go-cmp/cmp"
)

// task is one task with an annotation.
func task(result string) string { return annotated(`{"id": 1, "result": [` + result + `]}`) }

func annotated(annotations string) string {
	return `{"id": 1, "data": {"audio": "a.wav"}, "annotations": [` + annotations + `]}`
}

// region is a text of a region in a recording of ten seconds.
func region(start, end, text string) string {
	return fmt.Sprintf(`{"id": "%s-%s", "from_name": "text", "to_name": "audio", "type": "textarea", "original_length": 10, "value": {"start": %[1]s, "end": %[2]s, "channel": 0, "text": ["%s"]}}`, start, end, text)
}

func TestWhatIsLeftOutIsCounted(t *testing.T) {
	good := region("1", "2", "good")
	for _, c := range []struct {
		name, tasks string
		all         bool
		want        string   // segments
		left        []string // lines of the tally
	}{
		{"predictions only", `{"id": 1, "data": {"audio": "a.wav"}, "annotations": [], "predictions": [{"result": []}]}`, false, "",
			[]string{"left out: 1 task: predictions only, nothing that people wrote"}},
		{"predictions by number", `{"id": 1, "data": {"audio": "a.wav"}, "predictions": [7]}`, false, "",
			[]string{"left out: 1 task: predictions only, nothing that people wrote"}},
		{"nothing at all", `{"id": 1, "data": {"audio": "a.wav"}}`, false, "", []string{"left out: 1 task: not annotated"}},
		{"no recording", `{"id": 1, "data": {"text": "a"}, "annotations": [{"result": [` + good + `]}]}`, false, "",
			[]string{"left out: 1 task: its data names no recording"}},
		{"drafts", `{"id": 1, "data": {"audio": "a.wav"}, "annotations": [{"result": [` + good + `]}], "drafts": [{"result": []}, 8]}`, false, "1-2 good",
			[]string{"left out: 2 drafts: not submitted"}},
		{"skipped", annotated(`{"was_cancelled": true, "result": [` + good + `]}`), false, "", []string{"left out: 1 annotation: skipped by the annotator"}},
		{"rejected at last", annotated(`{"last_action": "rejected", "result": [` + good + `]}`), false, "", []string{"left out: 1 annotation: rejected by a reviewer"}},
		{"rejected by the later review", annotated(`{"reviews": [{"accepted": false, "created_at": "2026-02-02T00:00:00Z"}, {"accepted": true, "created_at": "2026-02-01T00:00:00Z"}], "result": [` + good + `]}`),
			false, "", []string{"left out: 1 annotation: rejected by a reviewer"}},
		{"accepted in the end", annotated(`{"reviews": [{"accepted": false}, {"accepted": true}], "result": [` + good + `]}`), false, "1-2 good", nil},
		{"reviews by number", annotated(`{"reviews": [3], "result": [` + good + `]}`), false, "1-2 good", nil},
		{"two annotators without dates", annotated(`{"result": [` + region("1", "2", "first person") + `]}, {"result": [` + region("1", "2", "second person") + `]}`), false,
			"1-2 second person", []string{"left out: 1 annotation: the task has a later one"}},
		{"two annotators, both wanted", annotated(`{"result": [` + region("1", "2", "first person") + `]}, {"result": [` + region("1", "2", "second person") + `]}`), true,
			"1-2 first person; 1-2 second person", nil},
		{"no texts", task(`{"id": "x", "from_name": "labels", "to_name": "audio", "type": "labels", "value": {"start": 1, "end": 2, "labels": ["Speech"]}}`), false, "",
			[]string{"left out: 1 annotation: no texts"}},
		{"reversed", task(good + "," + region("6", "5", "odd")), false, "1-2 good", []string{"left out: 1 region: the end is before the start"}},
		{"of no length", task(good + "," + region("5", "5", "odd")), false, "1-2 good", []string{"left out: 1 region: start and end are equal"}},
		{"beyond the end", task(good + "," + region("11", "12", "odd") + "," + region("10", "12", "odd")), false, "1-2 good", []string{"left out: 2 regions: outside the recording"}},
		{"before the beginning", task(good + "," + region("-2", "-1", "odd")), false, "1-2 good", []string{"left out: 1 region: outside the recording"}},
		{"over the end", task(region("9", "100", "long")), false, "9-10 long", []string{"shortened: 1 region: reached beyond the recording"}},
		{"over the beginning", task(region("-1", "2", "early")), false, "0-2 early", []string{"shortened: 1 region: reached beyond the recording"}},
		{"over the end by rounding", task(region("9", "10.004", "long")), false, "9-10 long", nil},
		{"without text", task(good + "," + region("3", "4", " ")), false, "1-2 good", []string{"left out: 1 region: no text"}},
		{"times in texts", task(good + "," + `{"id": "q", "from_name": "text", "to_name": "audio", "type": "textarea", "value": {"start": "0:03", "end": "0:04", "text": ["odd"]}}`), false, "1-2 good",
			[]string{"left out: 1 region: its times are not numbers of seconds"}},
		{"a year later", task(good + "," + region("1e300", "2e300", "odd")), false, "1-2 good", []string{"left out: 1 region: its times are not numbers of seconds"}},
		{"a whole text beside regions", task(good + `, {"id": "w", "from_name": "whole", "to_name": "audio", "type": "textarea", "value": {"text": ["whole"]}}`), false, "1-2 good",
			[]string{"left out: 1 text: of a whole recording, whose regions are in the manifest"}},
		{"a text about a picture", task(good + `, {"id": "w", "from_name": "caption", "to_name": "picture", "type": "textarea", "value": {"text": ["a cat"]}}`), false, "1-2 good",
			[]string{"left out: 1 text: no transcript of a recording"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for how, config := range map[string]*labelconfig.Config{"with the configuration": parsed(t, config), "by the form of the texts": nil} {
				spoken, tally := read(t, "["+c.tasks+"]", manifest.Options{Config: config, All: c.all})
				var got []string
				for _, s := range spoken {
					for _, seg := range s.Transcript.Segments {
						got = append(got, fmt.Sprintf("%g-%g %s", seg.Start.Seconds(), seg.End.Seconds(), seg.Text))
					}
				}
				if text := strings.Join(got, "; "); text != c.want {
					t.Errorf("%s: got %q, want %q", how, text, c.want)
				}
				if diff := cmp.Diff(c.left, tally.Lines()); diff != "" {
					t.Errorf("%s: left out (-want +got)\n%s", how, diff)
				}
			}
		})
	}
}

func TestTextsAboutSeveralRecordingsNeedTheConfiguration(t *testing.T) {
	const two = `[{"id": 1, "data": {"left": "l.wav", "right": "r.wav"}, "annotations": [{"result": [
	 {"id": "x", "from_name": "tl", "to_name": "left", "type": "textarea", "original_length": 4, "value": {"start": 1, "end": 2, "text": ["on the left"]}},
	 {"id": "y", "from_name": "tr", "to_name": "right", "type": "textarea", "original_length": 9, "value": {"start": 1, "end": 8, "text": ["on the right"]}}]}]}]`
	spoken, tally := read(t, two, manifest.Options{})
	if len(spoken) != 0 || tally[manifest.Ambiguous] != 1 {
		t.Errorf("got %+v, %q", spoken, tally.Lines())
	}
	spoken, tally = read(t, two, manifest.Options{Config: parsed(t, `<View><Audio name="left" value="$left"/><Audio name="right" value="$right"/>
	 <TextArea name="tl" toName="left" perRegion="true"/><TextArea name="tr" toName="right" perRegion="true"/></View>`)})
	if len(spoken) != 2 || spoken[0].Value != "l.wav" || spoken[1].Value != "r.wav" || tally != (manifest.Tally{}) {
		t.Fatalf("got %+v, %q", spoken, tally.Lines())
	}
	for i, want := range []time.Duration{4 * time.Second, 9 * time.Second} {
		if got := spoken[i].Transcript.Duration; got != want {
			t.Errorf("recording %d has %v, want %v", i, got, want)
		}
	}
}

func TestOneOfTwoRecordingsIsMissing(t *testing.T) {
	const one = `[{"id": 1, "data": {"left": "l.wav"}, "annotations": [{"result": [
	 {"id": "x", "from_name": "tl", "to_name": "left", "type": "textarea", "value": {"start": 1, "end": 2, "text": ["on the left"]}},
	 {"id": "y", "from_name": "tr", "to_name": "right", "type": "textarea", "value": {"start": 1, "end": 8, "text": ["on the right"]}}]}]}]`
	spoken, tally := read(t, one, manifest.Options{Config: parsed(t, `<View><Audio name="left" value="$left"/><Audio name="right" value="$right"/>
	 <TextArea name="tl" toName="left" perRegion="true"/><TextArea name="tr" toName="right" perRegion="true"/></View>`)})
	if len(spoken) != 1 || tally != (manifest.Tally{manifest.NoRecording: 1}) {
		t.Errorf("got %+v, %q", spoken, tally.Lines())
	}
}

func TestRecordingsAtPathsIntoTheData(t *testing.T) {
	nested := strings.Replace(task(region("1", "2", "good")), `{"audio": "a.wav"}`, `{"about": "x", "rec": {"files": [{"sound": "/data/local-files/?d=n.wav"}]}}`, 1)
	for how, config := range map[string]*labelconfig.Config{
		"with the configuration": parsed(t, strings.Replace(config, "$audio", "$rec.files[0].sound", 1)), "by the form of the texts": nil,
	} {
		spoken, tally := read(t, "["+nested+"]", manifest.Options{Config: config})
		if len(spoken) != 1 || spoken[0].Value != "/data/local-files/?d=n.wav" || len(spoken[0].Transcript.Segments) != 1 {
			t.Errorf("%s: got %+v, %q", how, spoken, tally.Lines())
		}
	}
}

// A TextArea that begins with a text of the task's data is where people correct it.
func TestATextThatTheDataBeganIsTaken(t *testing.T) {
	shown := parsed(t, `<View><Audio name="audio" value="$audio"/><TextArea name="text" toName="audio" value="$pred_text"/></View>`)
	spoken, tally := read(t, "["+task(`{"id": "w", "from_name": "text", "to_name": "audio", "type": "textarea", "original_length": 10, "value": {"text": ["corrected"]}}`)+"]", manifest.Options{Config: shown})
	if len(spoken) != 1 || spoken[0].Transcript.Text() != "corrected" || tally != (manifest.Tally{}) {
		t.Errorf("got %+v, %q", spoken, tally.Lines())
	}
}

func TestAConfigurationWithoutTextsIsAnError(t *testing.T) {
	if _, err := manifest.New(manifest.Options{Config: parsed(t, `<View><Image name="i" value="$i"/></View>`)}); err == nil {
		t.Error("no error")
	}
}
