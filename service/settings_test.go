package service_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/internal/tones"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
	"github.com/asr-backend/asr-backend/service"
)

func TestWhatIsTypedAtConnectionIsJudged(t *testing.T) {
	cases := []struct{ extra, want string }{
		{``, ""}, {`null`, ""}, {`""`, ""}, {`"  "`, ""}, {`{}`, ""}, {`"{}"`, ""},
		{`{"channels":"split"}`, ""}, {`"{\"channels\": \"mix\"}"`, ""}, {`{"channels":"1"}`, ""},
		{`{"max_region":12.5,"min_pause":0.5,"sentences":false,"label":"Speech","text":"transcription","words":false,"author":"A","overwrite":true,"model":"logits"}`, ""},
		{`{"channels":"left"}`, "extra params: "},
		{`{"language":"en"}`, `extra params: "language" is not known; known are model, decoder, channels,`},
		{`{"max_region":"12"}`, `extra params: "max_region": got a string, want a number`},
		{`{"max_region":0.5}`, "max_region: 0.5 seconds; want 1 to 600"},
		{`{"max_region":-1}`, "max_region: -1 seconds; want 1 to 600"},
		{`{"min_pause":61}`, "min_pause: 61 seconds; want 0.1 to 60"},
		{`{"model":"../tones"}`, `model: "../tones" is not the name of a model`},
		{`{"model":"/etc/passwd"}`, `is not the name of a model`},
		{`{"model":"absent"}`, "model absent: "},
		{`{"speakers":["Agent","Customer"]}`, ""},
		{`{"speakers":["Agent\n"]}`, "speakers: name 1: want one line of at most 100 characters"},
		{`{"speakers":"Agent"}`, `"speakers": got a string, want `},
		{`{"label":"Speach"}`, `extra params: label: there is no label "Speach"; there is "labels" (Speech`},
		{`{"text":"transcript"}`, `extra params: text: there is no TextArea "transcript"; there is "transcription"`},
		{`[1]`, `want a JSON object such as {"channels": "split"}`},
		{`12`, `want a JSON object such as {"channels": "split"}`},
		{`"split"`, `want a JSON object such as {"channels": "split"}`},
		{`"{} {}"`, "extra params: want one JSON object and nothing after it"},
	}
	inWorld(t, nil, func(w *world) {
		for _, c := range cases {
			p := w.project("")
			err := w.connect(p, c.extra)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "400 ")) {
				t.Errorf("%s: connecting gave %v, want %q", c.extra, err, c.want)
			}
			said := ""
			for _, s := range w.status().Projects {
				if s.ID == p && s.Problem != nil {
					said = s.Problem.What
				}
			}
			if !strings.Contains(said, c.want) || (said == "") != (c.want == "") {
				t.Errorf("%s: /status says %q, want %q", c.extra, said, c.want)
			}
		}
		// A mistake stays one until it is corrected, also when Label Studio does not repeat it.
		p := w.project("")
		if w.connect(p, `{"speaker":1}`) == nil {
			t.Error("connected with an unknown setting")
		}
		if w.connect(p, "null") == nil {
			t.Error("connected although nothing was corrected")
		}
		if err := w.connect(p, `{}`); err != nil {
			t.Errorf("corrected: %v", err)
		}
	})
}

func TestSettingsReachTheResult(t *testing.T) {
	config := `<View><Labels name="labels" toName="audio"><Label value="Noise"/><Label value="Talk"/></Labels><Audio name="audio" value="$audio"/>` +
		`<TextArea name="notes" toName="audio" perRegion="true"/><TextArea name="said" toName="audio" perRegion="true"/></View>`
	r := tones.Recording{Seconds: 20}
	for _, c := range []struct {
		extra string
		ok    func(r labelstudiotest.Prediction, all string) bool
	}{
		{`{}`, func(r labelstudiotest.Prediction, all string) bool {
			return len(texts(r)) == 5 && strings.Contains(all, `"words"`)
		}},
		{`{"words":false}`, func(_ labelstudiotest.Prediction, all string) bool { return !strings.Contains(all, `"words"`) }},
		{`{"max_region":1.5}`, func(r labelstudiotest.Prediction, _ string) bool { return len(texts(r)) > 5 }},
		{`{"min_pause":3}`, func(r labelstudiotest.Prediction, _ string) bool { return len(texts(r)) < 5 }},
		{`{"label":"Noise"}`, func(_ labelstudiotest.Prediction, all string) bool {
			return strings.Contains(all, `"labels":["Noise"]`)
		}},
		{`{"text":"notes"}`, func(_ labelstudiotest.Prediction, all string) bool {
			return strings.Contains(all, `"from_name":"notes"`)
		}},
		{`{"text":"said"}`, func(_ labelstudiotest.Prediction, all string) bool {
			return strings.Contains(all, `"from_name":"said"`)
		}},
	} {
		t.Run(c.extra, func(t *testing.T) {
			inWorld(t, nil, func(w *world) {
				p := w.project(config)
				if err := w.connect(p, c.extra); err != nil {
					t.Fatal(err)
				}
				id := w.AddTasks(p, map[string]any{"audio": w.Upload(p, "a.wav", r.WAV())})[0]
				w.EmitCreated(p, id)
				w.settled(time.Minute, id)
				got := w.Predictions(id)[0]
				all, err := json.Marshal(got)
				if err != nil || !c.ok(got, string(all)) {
					t.Errorf("%v: %s", err, all)
				}
			})
		})
	}
}

// Label Studio asks again when a version changes, so it has to change when, and only
// when, the answer would.
func TestVersionsChangeWhenAndOnlyWhenAnswersWould(t *testing.T) {
	plain := strings.ReplaceAll(segments, `"`, `'`)
	inWorld(t, nil, func(w *world) {
		version := func(config, extra string) string {
			t.Helper()
			p := w.project(config)
			if err := w.connect(p, extra); err != nil {
				t.Fatalf("%s, %s: %v", config, extra, err)
			}
			return w.version(p)
		}
		base := version(segments, "")
		same := map[string][2]string{
			"another project":                {segments, ""},
			"no settings":                    {segments, `{}`},
			"settings that are the defaults": {segments, `{"model":"tones","overwrite":false}`},
			"other quotes and spaces":        {plain + "\n<!-- a comment -->", ""},
			"a label that speech never gets": {strings.Replace(segments, `<Label value="Noise"/>`, `<Label value="Music"/>`, 1), ""},
			"the look of the page":           {strings.Replace(segments, `<View>`, `<View><Header value="Listen"/>`, 1), ""},
			"another control beside it":      {strings.Replace(segments, `</View>`, `<Rating name="quality" toName="audio"/></View>`, 1), ""},
		}
		for name, c := range same {
			if v := version(c[0], c[1]); v != base {
				t.Errorf("%s changed the version from %s to %s", name, base, v)
			}
		}
		seen := map[string]string{base: "the base"}
		other := map[string][2]string{
			"another model":           {segments, `{"model":"logits"}`},
			"longer regions":          {segments, `{"max_region":40}`},
			"longer pauses":           {segments, `{"min_pause":2}`},
			"no sentences":            {segments, `{"sentences":false}`},
			"no words":                {segments, `{"words":false}`},
			"another label by option": {segments, `{"label":"Noise"}`},
			"channels":                {segments, `{"channels":"1"}`},
			"the author":              {segments, `{"author":"Machine"}`},
			"overwriting":             {segments, `{"overwrite":true}`},
			"the label's name":        {strings.Replace(segments, `"Speech"`, `"Voice"`, 1), ""},
			"the text's name":         {strings.Replace(segments, `"transcription"`, `"text"`, 1), ""},
			"the audio's name":        {strings.NewReplacer(`name="audio"`, `name="call"`, `toName="audio"`, `toName="call"`).Replace(segments), ""},
			"the audio's key":         {strings.Replace(segments, `$audio`, `$call`, 1), ""},
			"channels on the page":    {strings.Replace(segments, `value="$audio"`, `value="$audio" splitchannels="true"`, 1), ""},
			"the whole text":          {strings.Replace(segments, `perRegion="true" required="true"`, ``, 1), ""},
			"no text at all":          {`<View><Labels name="labels" toName="audio"><Label value="Speech"/></Labels><Audio name="audio" value="$audio"/></View>`, ""},
			"nothing to serve":        {`<View><Text name="t" value="$t"/></View>`, ""},
		}
		for name, c := range other {
			v := version(c[0], c[1])
			if was, ok := seen[v]; ok {
				t.Errorf("%s has the version of %s", name, was)
			}
			seen[v] = name
		}
		// After a restart versions are what they were.
		w.stop()
		w.start()
		if v := version(segments, ""); v != base {
			t.Errorf("a restart changed the version from %s to %s", base, v)
		}
	})
}

func TestVersionsOfTheStockTemplatesDiffer(t *testing.T) {
	files, err := filepath.Glob(oracle.Data(t, "label-studio", "templates", "*.xml"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	inWorld(t, nil, func(w *world) {
		for _, file := range files {
			config, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p := w.project(string(config))
			if err := w.connect(p, ""); err != nil {
				t.Errorf("%s: %v", filepath.Base(file), err)
			}
			s := w.status().Projects
			at := slices.IndexFunc(s, func(s service.ProjectStatus) bool { return s.ID == p })
			if at < 0 || len(s[at].Serves)+len(s[at].Notes) == 0 && s[at].Problem == nil {
				t.Errorf("%s: /status says neither what is served nor why nothing is", filepath.Base(file))
			}
		}
	})
}

func TestEverySettingIsDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(oracle.Root(t), "doc", "extra-params.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range service.SettingNames() {
		if !strings.Contains(string(page), fmt.Sprintf("| `%s` |", name)) {
			t.Errorf("doc/extra-params.md has no row for %q", name)
		}
	}
}
