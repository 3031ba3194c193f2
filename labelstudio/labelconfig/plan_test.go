package labelconfig_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"

	"github.com/google/go-cmp/cmp"
)

// template returns a configuration of testdata/label-studio/templates.
func template(t testing.TB, name string) *labelconfig.Config {
	t.Helper()
	text, err := os.ReadFile(oracle.Data(t, "label-studio", "templates", name+".xml"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := labelconfig.Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// served describes what a configuration gets, one line for each plan.
func served(t testing.TB, c *labelconfig.Config, o labelconfig.Options) string {
	t.Helper()
	plans, why := c.Plans(o)
	if (len(plans) == 0) == (why == "") {
		t.Errorf("%d plans and the reason %q: want exactly one of them", len(plans), why)
	}
	lines := []string{}
	for _, p := range plans {
		lines = append(lines, p.String())
		lines = append(lines, p.Notes...)
	}
	if why != "" {
		lines = append(lines, why)
	}
	return strings.Join(lines, "\n")
}

func TestPlansOfTemplates(t *testing.T) {
	want := map[string]string{
		"automatic-speech-recognition": `"audio": the whole text in "transcription"`,
		"asr-using-segments":           `"audio": regions labelled "Speech" with text in "transcription"`,
		"speech-transcription":         `"audio": regions labelled "Speech" with text in "transcription"`,
		"conversational-analysis":      `"audio": paragraphs in the task's "text"`,
		"contextual-scrolling":         `"audio": paragraphs in the task's "text"`,
		"speaker-segmentation": `"audio": regions without a label
Regions get no label: none of "label" (Speaker one, Speaker two) says speech.`,
		"intent-classification": `"audio": regions labelled "Segment"`,
		"sound-event-detection": `None of the labels of "label" (Event A, Event B) says speech: name one Speech, ` +
			`add predicted_values="speech" to it, or set "label" in the extra params.`,
		"signal-quality-detection": `Nothing on Audio "audio" takes a transcript. Add <TextArea name="transcription" ` +
			`toName="audio"/> for the whole text, or the same with perRegion="true" and a Labels tag for regions.`,
		"voice-activity-detection": `"audio": regions labelled "possible-speech"`,
		"asr-hypotheses": `Nothing on Audio "audio" takes a transcript. Add <TextArea name="transcription" ` +
			`toName="audio"/> for the whole text, or the same with perRegion="true" and a Labels tag for regions.`,
		"long-audio":            `"audio": paragraphs in the task's "alignment"; the whole text in the task's "pred_text"`,
		"own-alias-labels":      `"audio": regions labelled "sp" with text in "text of the region"`,
		"own-names-with-spaces": `"the recording": regions labelled "Clear speech" with text in "what is said"`,
		"own-two-recordings": `"left": regions labelled "Speech" with text in "said left"
"right": regions labelled "Speech" with text in "said right"`,
		"own-two-channels": `"audio": regions labelled "Agent", "Customer" with text in "transcription", by channel`,
		"own-regions-and-whole": `"audio": regions labelled "Speech" with text in "transcript"; the whole text in "summary"
TextArea "comment" gets no text; "transcript" does.`,
		"own-no-labels":        `"audio": regions with text in "transcription"`,
		"own-dynamic-labels":   `"audio": regions labelled from the task's data with text in "transcription"`,
		"own-choice-condition": `"audio": regions labelled "Segment" and chosen "clear" with text in "transcription"`,
	}
	files, err := filepath.Glob(oracle.Data(t, "label-studio", "templates", "*.xml"))
	if err != nil || len(files) != len(want) {
		t.Fatalf("%d templates, want %d (%v)", len(files), len(want), err)
	}
	for name, want := range want {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(want, served(t, template(t, name), labelconfig.Options{})); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDocListsTemplates keeps doc/label-studio-config.md true: each template's plan stands
// in its table.
func TestDocListsTemplates(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join(oracle.Root(t), "doc", "label-studio-config.md"))
	if err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(oracle.Data(t, "label-studio", "templates", "*.xml"))
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".xml")
		plans, why := template(t, name).Plans(labelconfig.Options{})
		cell := strings.ReplaceAll(why, "<", "&lt;")
		if why == "" {
			var lines []string
			for _, p := range plans {
				lines = append(lines, p.String())
			}
			cell = strings.Join(lines, "<br>")
		}
		row := "| `" + name + "` | " + cell + " |"
		if !strings.Contains(string(doc), row) {
			t.Errorf("the page lacks the row\n%s", row)
		}
	}
}

func TestOptionsDecideLabelAndText(t *testing.T) {
	for _, c := range []struct {
		name, template string
		options        labelconfig.Options
		want           string
	}{
		{"a label that nothing speaks for", "sound-event-detection", labelconfig.Options{Label: "Event B"},
			`"audio": regions labelled "Event B"`},
		{"a label by its alias", "own-alias-labels", labelconfig.Options{Label: "x"},
			`"audio": regions labelled "x" with text in "text of the region"`},
		{"a label by what people see", "own-alias-labels", labelconfig.Options{Label: "Something else"},
			`"audio": regions labelled "x" with text in "text of the region"`},
		{"another TextArea", "own-regions-and-whole", labelconfig.Options{Text: "comment"},
			`"audio": regions labelled "Speech" with text in "comment"; the whole text in "summary"` +
				"\n" + `TextArea "transcript" gets no text; "comment" does.`},
		{"a label that does not exist is passed over", "asr-using-segments", labelconfig.Options{Label: "Nope"},
			`"audio": regions labelled "Speech" with text in "transcription"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, served(t, template(t, c.template), c.options)); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

// labelled wraps Label elements into a configuration with a text for each region.
func labelled(labels, text string) string {
	return `<View><Audio name="a" value="$a"/><Labels name="l" toName="a">` + labels +
		`</Labels><TextArea name="t" toName="a" perRegion="true" ` + text + `/></View>`
}

func TestLabelForSpeech(t *testing.T) {
	for _, c := range []struct{ name, labels, text, want string }{
		{"the exact word wins over one that contains it", `<Label value="Speech overlap"/><Label value="speech"/>`, "", "speech"},
		{"a word of noise spoils the label", `<Label value="Non-speech"/><Label value="Clean speech"/>`, "", "Clean speech"},
		{"a hint wins over all words", `<Label value="Speech"/><Label value="B" predicted_values="x, Speech"/>`, "", "B"},
		{"the only label left beside noise", `<Label value="Call"/><Label value="Background music"/>`, "", "Call"},
		{"two speakers are not distinguished", `<Label value="Agent"/><Label value="Customer"/>`, "", ""},
		{"one speaker beside noise is not distinguished either", `<Label value="Agent"/><Label value="Noise"/>`, "", ""},
		{"noise alone is not speech", `<Label value="Noise"/>`, "", ""},
		{"words are compared from their beginning", `<Label value="Caring string"/><Label value="Ringtone"/>`, "", "Caring string"},
		{"other languages", `<Label value="Шум"/><Label value="Речь"/>`, "", "Речь"},
		{"scripts without spaces", `<Label value="背景噪音"/><Label value="人声语音"/>`, "", "人声语音"},
		{"the text's condition names the label", `<Label value="Speech"/><Label value="B"/>`, `whenTagName="l" whenLabelValue="B"`, "B"},
		{"the condition names it without the tag", `<Label value="Speech"/><Label value="B"/>`, `whenLabelValue="B"`, "B"},
		{"the condition lists speakers, one is needed", `<Label value="Agent"/><Label value="Customer"/>`, `whenLabelValue="Customer,Agent"`, "Agent"},
		{"the condition speaks of what people see", `<Label value="Said" alias="s"/><Label value="Sung" alias="x"/>`, `whenLabelValue="Sung"`, "x"},
		{"a condition on another control limits nothing", `<Label value="Speech"/><Label value="B"/>`, `whenTagName="other" whenLabelValue="B"`, "Speech"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config, err := labelconfig.Parse(labelled(c.labels, c.text))
			if err != nil {
				t.Fatal(err)
			}
			plans, why := config.Plans(labelconfig.Options{})
			if len(plans) != 1 {
				t.Fatalf("%d plans: %s", len(plans), why)
			}
			if got := plans[0].Regions.Label(nil); got != c.want {
				t.Errorf("label %q, want %q", got, c.want)
			}
		})
	}
}

func TestDynamicLabelComesFromTask(t *testing.T) {
	plans, _ := template(t, "own-dynamic-labels").Plans(labelconfig.Options{})
	for _, c := range []struct{ name, kinds, want string }{
		{"a list of texts", `["Noise","Speech"]`, "Speech"},
		{"objects with an alias", `[{"value":"Noise"},{"value":"Somebody's voice","alias":"v","size":3}]`, "v"},
		{"nothing that says speech", `["A","B"]`, ""},
		{"not a list", `"Speech"`, ""},
		{"a list of other things", `[1,null,[2]]`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := map[string]json.RawMessage{"kinds": json.RawMessage(c.kinds)}
			if got := plans[0].Regions.Label(data); got != c.want {
				t.Errorf("label %q, want %q", got, c.want)
			}
		})
	}
}

func TestRecordingOfTask(t *testing.T) {
	plan := func(xml string) *labelconfig.Plan {
		c, err := labelconfig.Parse(xml)
		if err != nil {
			t.Fatal(err)
		}
		plans, why := c.Plans(labelconfig.Options{})
		if len(plans) == 0 {
			t.Fatal(why)
		}
		return plans[0]
	}
	own := plan(`<View><AudioPlus name="a" value="$url"/><TextArea name="t" toName="a"/></View>`)
	fixed := plan(`<View><Audio name="a" value="/static/a.wav"/><TextArea name="t" toName="a"/></View>`)
	nested := plan(`<View><Audio name="a" value="$rec.audio"/><TextArea name="t" toName="a"/></View>`)
	around := plan(`<View><Audio name="a" value="https://h/$dir/$file/x"/><TextArea name="t" toName="a"/></View>`)
	spoken := plan(`<View><Paragraphs name="p" value="$rows" audioUrl="$sound"/></View>`)
	for _, c := range []struct {
		name string
		plan *labelconfig.Plan
		data string
		want string
	}{
		{"the object's key", own, `{"audio":"x","url":"u.wav"}`, "u.wav"},
		{"uploaded before there was a configuration", own, `{"$undefined$":"u.wav"}`, "u.wav"},
		{"a literal in the configuration", fixed, `{}`, "/static/a.wav"},
		{"paragraphs that play their own audio", spoken, `{"sound":"s.wav"}`, "s.wav"},
		{"paragraphs do not follow a path to their audio", plan(`<View><Paragraphs name="p" value="$rows" audioUrl="$rec.audio"/></View>`), `{"rec":{"audio":"s.wav"}}`, ""},
		{"paragraphs with a key that looks like a path", plan(`<View><Paragraphs name="p" value="$rows" audioUrl="$rec.audio"/></View>`), `{"rec.audio":"s.wav"}`, "s.wav"},
		{"no such key", own, `{"audio":"x"}`, ""},
		{"an empty value", own, `{"url":""}`, ""},
		{"a value of another type", own, `{"url":["u.wav"]}`, ""},
		{"a path", nested, `{"rec":{"audio":"n.wav"}}`, "n.wav"},
		{"a path that is uploaded before there was a configuration", nested, `{"$undefined$":"u.wav"}`, "u.wav"},
		{"text around a key", around, `{"dir":7,"file":"f"}`, "https://h/7/f/x"},
		{"text around a key that is missing", around, `{"dir":7}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var data map[string]json.RawMessage
			if err := json.Unmarshal([]byte(c.data), &data); err != nil {
				t.Fatal(err)
			}
			got, ok := c.plan.Recording(data)
			if got != c.want || ok != (c.want != "") {
				t.Errorf("got %q, %v; want %q", got, ok, c.want)
			}
		})
	}
}

func TestPlansOfOddConfigurations(t *testing.T) {
	for _, c := range []struct{ name, xml, want string }{
		{"an empty configuration", `<View></View>`, "The project has no labelling configuration yet."},
		{"no audio at all", `<View><Text name="t" value="$t"/><TextArea name="x" toName="t"/></View>`,
			`The labelling configuration shows no audio. Add <Audio name="audio" value="$audio" decoder="none"/>.`},
		{"names made by a Repeater", `<View><Repeater on="$r"><Audio name="a{{idx}}" value="$r[{{idx}}].u"/></Repeater></View>`,
			`The labelling configuration shows no audio. Add <Audio name="audio" value="$audio" decoder="none"/>.`},
		{"a TextArea with a text of its own", `<View><Audio name="a" value="$a"/><TextArea name="x" toName="a" value="so far"/><TextArea name="y" toName="a"/></View>`,
			"\"a\": the whole text in \"y\"\nTextArea \"x\" has a text of its own and is left alone."},
		{"a TextArea with text around a key", `<View><Audio name="a" value="$a"/><TextArea name="x" toName="a" value="by $who"/><TextArea name="y" toName="a"/></View>`,
			"\"a\": the whole text in \"y\"\nTextArea \"x\" has a text of its own and is left alone."},
		{"a TextArea with a path", `<View><Audio name="a" value="$rec.a"/><TextArea name="x" toName="a" value="$rec.text"/></View>`,
			"\"a\": the whole text in the task's \"rec.text\""},
		{"Paragraphs with text around a key", `<View><Audio name="a" value="$a"/><TextArea name="y" toName="a"/><Paragraphs name="p" value="x$rows" audioUrl="$a"/></View>`,
			`"a": the whole text in "y"`},
		{"a text that waits for labels there are none of", `<View><Audio name="a" value="$a"/><TextArea name="x" toName="a" perRegion="TRUE" whenLabelValue="Speech"/></View>`,
			"\"a\": regions with text in \"x\"\nTextArea \"x\" waits for a label, but no Labels speak about \"a\"."},
		{"a text that waits for a choice about the whole", `<View><Audio name="a" value="$a"/><Choices name="c" toName="a"><Choice value="Y"/></Choices><TextArea name="x" toName="a" perRegion="true" whenTagName="c" whenChoiceValue="Y,Z"/></View>`,
			"\"a\": regions with text in \"x\"\nTextArea \"x\" shows its text only after the choice Y or Z is made."},
		{"labels of events beside a whole text", `<View><Audio name="a" value="$a"/><Labels name="l" toName="a"><Label value="Dog"/><Label value="Cat"/></Labels><TextArea name="x" toName="a"/></View>`,
			"\"a\": the whole text in \"x\"\nNone of the labels of \"l\" (Dog, Cat) says speech: name one Speech, add predicted_values=\"speech\" to it, or set \"label\" in the extra params."},
		{"paragraphs by URL cannot be filled", `<View><Audio name="a" value="$a"/><TextArea name="x" toName="a"/><Paragraphs name="p" value="$p" valueType="url" audioUrl="$a"/></View>`,
			`"a": the whole text in "x"`},
		{"the second Labels has speech", `<View><Audio name="a" value="$a"/><Labels name="l" toName="a"><Label value="Dog"/><Label value="Cat"/></Labels><Labels name="m" toName="a"><Label value="Voice"/></Labels></View>`,
			`"a": regions labelled "Voice"`},
		{"labels of channels", `<View><Audio name="a" value="$a" splitchannels="true"/><Labels name="l" toName="a"><Label value="B" predicted_values="channel 3"/><Label value="A" predicted_values="speech,Channel 1"/><Label value="C" predicted_values="channel 1,channel 0,channel 99999999999"/></Labels></View>`,
			`"a": regions labelled "A", "A", "B", by channel`},
		{"labels of channels that are not apart", `<View><Audio name="a" value="$a"/><Labels name="l" toName="a"><Label value="Agent" predicted_values="channel 1"/><Label value="Customer" predicted_values="channel 2"/></Labels></View>`,
			"\"a\": regions without a label\nRegions get no label: none of \"l\" (Agent, Customer) says speech."},
		{"attribute and tag names in any case", `<View><audio NAME="a" Value="$a"/><textarea name="x" toname="a" PERREGION="true"/></View>`,
			`"a": regions with text in "x"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			config, err := labelconfig.Parse(c.xml)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, served(t, config, labelconfig.Options{})); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseReportsWhatIsNotXML(t *testing.T) {
	for _, c := range []struct{ name, xml string }{
		{"nothing", ""},
		{"text", "no tags here"},
		{"an element that is not closed", "<View><Audio></View>"},
		{"two roots", "<View/><View/>"},
		{"too large", "<View>" + strings.Repeat(" ", labelconfig.MaxSize) + "</View>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := labelconfig.Parse(c.xml); err == nil {
				t.Errorf("no error, but %+v", got)
			}
		})
	}
}

// TestParseAgreesWithSDK compares controls, objects and labels of every template with what
// label-studio-sdk reads.
func TestParseAgreesWithSDK(t *testing.T) {
	type control struct {
		ToName  []string `json:"to_name"`
		Labels  []string `json:"labels"`
		Dynamic bool     `json:"dynamic"`
	}
	type config struct {
		Controls map[string]control `json:"controls"`
		Objects  map[string]string  `json:"objects"`
	}
	files, _ := filepath.Glob(oracle.Data(t, "label-studio", "templates", "*.xml"))
	out := oracle.RunPython(t, nil, `
import json, sys
from label_studio_sdk.label_interface import LabelInterface
for path in sys.argv[1:]:
    li = LabelInterface(open(path).read())
    print(json.dumps({
        "controls": {c.name: {"to_name": c.to_name, "labels": list(c.labels), "dynamic": bool(c.dynamic_value)} for c in li.controls},
        "objects": {o.name: o.value for o in li.objects},
    }))
`, files...)
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != len(files) {
		t.Fatalf("%d answers for %d files", len(lines), len(files))
	}
	for i, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".xml")
		t.Run(name, func(t *testing.T) {
			var want config
			if err := json.Unmarshal([]byte(lines[i]), &want); err != nil {
				t.Fatal(err)
			}
			got := config{Controls: map[string]control{}, Objects: map[string]string{}}
			c := template(t, name)
			for _, x := range c.Controls {
				labels := []string{}
				for _, l := range x.Labels {
					labels = append(labels, l.Value)
				}
				got.Controls[x.Name] = control{ToName: x.ToName, Labels: labels, Dynamic: x.Dynamic()}
			}
			for _, o := range c.Objects {
				got.Objects[o.Name] = o.Value
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("configuration (-sdk +ours):\n%s", diff)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob(oracle.Data(f, "label-studio", "templates", "*.xml"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(`<View><Audio name="a" value="$"/><Labels name="a" toName="a,,a" value="$"><Choice value=""/></Labels></View>`)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := labelconfig.Parse(text)
		if err != nil {
			return
		}
		plans, why := c.Plans(labelconfig.Options{})
		if (len(plans) == 0) == (why == "") {
			t.Fatalf("%d plans and the reason %q: want exactly one of them", len(plans), why)
		}
		for i, p := range plans {
			if p.Index != i || p.String() == "" {
				t.Fatalf("plan %d has index %d", i, p.Index)
			}
			if r := p.Regions; r != nil && r.Labels != nil {
				if l := r.Label(nil); l != "" && !slices.ContainsFunc(r.Labels.Labels,
					func(x labelconfig.Label) bool { return x.Value == l }) {
					t.Fatalf("label %q is none of the control's", l)
				}
			}
		}
	})
}
