package cli_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/cli"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/internal/output"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
	"github.com/asr-backend/asr-backend/labelstudio/results"
	"github.com/asr-backend/asr-backend/transcript"

	"github.com/google/go-cmp/cmp"
)

// write returns a transcript in the format of that name.
func write(t *testing.T, name string, tr *transcript.Transcript, o transcript.WriteOptions) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "out")
	formats, err := cli.ChooseFormats([]string{name}, path, false, transcript.Text)
	if err != nil {
		t.Fatal(err)
	}
	outputs, err := cli.NewOutputs(cli.OutputOptions{Target: path, Formats: formats, Write: o,
		Recordings: &cli.Recordings{Inputs: []cli.Input{{Path: "news.wav", Name: "news"}}}, Writer: output.New(os.Stdout)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := outputs.Write(t.Context(), 0, tr); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const ms = time.Millisecond

// news is the recording of the examples in doc/formats.md.
func news() *transcript.Transcript {
	return &transcript.Transcript{
		Source: "news.wav", Duration: 4200 * ms, Language: "en", Model: "fastconformer-ctc", ModelVersion: "fc-1a2b3c", Confidence: 0.9134,
		Segments: []transcript.Segment{
			{Start: 480 * ms, End: 1520 * ms, Text: "Good evening.", Confidence: 0.9402, Channel: transcript.Mixed, Words: []transcript.Word{
				{Text: "Good", Start: 480 * ms, End: 760 * ms, Confidence: 0.9711}, {Text: "evening.", Start: 800 * ms, End: 1520 * ms, Confidence: 0.9093}}},
			{Start: 2062500 * time.Microsecond, End: 3680 * ms, Text: "It is ten.", Confidence: 0.8866, Channel: transcript.Mixed, Words: []transcript.Word{
				{Text: "It", Start: 2062500 * time.Microsecond, End: 2320 * ms, Confidence: 0.8012}, {Text: "is", Start: 2400 * ms, End: 2640 * ms, Confidence: 0.9054},
				{Text: "ten.", Start: 2800 * ms, End: 3680 * ms, Confidence: 0.9532}}},
		},
	}
}

// transcripts are an ordinary one, two speakers on a channel each, and what may be odd.
func transcripts() map[string]*transcript.Transcript {
	return map[string]*transcript.Transcript{
		"ordinary": news(),
		"two channels": {Source: "https://host/call.wav", Model: "m", Duration: 9 * time.Second, Confidence: 0.5, Segments: []transcript.Segment{
			{Start: time.Second, End: 2 * time.Second, Text: "Hello?", Channel: 0, Confidence: 0.4},
			{Start: 1500 * ms, End: 3 * time.Second, Text: "Hi.", Channel: 1, Confidence: 0.6},
		}},
		"odd": {Source: "a \"b\"\n<c>.wav", Model: "m", Duration: 4 * time.Second, Segments: []transcript.Segment{
			{Start: time.Second, End: time.Second, Text: "no length", Channel: transcript.Mixed},
			{Start: 2 * time.Second, End: 5 * time.Second, Text: "beyond \x00 the \xff end & <b>\u2028", Channel: transcript.Mixed},
		}},
		"silence": {Source: "-", Model: "m", Duration: 3 * time.Second},
	}
}

// page returns the labelling configuration that doc/formats.md shows for the format, and
// the example of it.
func page(t *testing.T) (config, example string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(oracle.Root(t), "doc", "formats.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## labelstudio\n")
	section, _, _ = strings.Cut(section, "\n## ")
	_, rest, _ := strings.Cut(section, "```xml\n")
	config, rest, _ = strings.Cut(rest, "```")
	_, rest, _ = strings.Cut(rest, "```json\n")
	example, _, _ = strings.Cut(rest, "```")
	return config, example
}

func TestTheExampleForLabelStudioIsWhatIsWritten(t *testing.T) {
	_, example := page(t)
	var want, got bytes.Buffer
	if err := json.Indent(&want, []byte(example), "", " "); err != nil {
		t.Fatalf("the example is not JSON: %v", err)
	}
	written := write(t, "labelstudio", news(), transcript.WriteOptions{})
	if err := json.Indent(&got, []byte(written), "", " "); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimSpace(want.String()), strings.TrimSpace(got.String())); diff != "" {
		t.Errorf("doc/formats.md (-), written (+):\n%s", diff)
	}
}

// task is what Label Studio imports.
type task struct {
	Data        map[string]string
	Predictions []labelstudio.StoredPrediction
}

func read(t *testing.T, text string) task {
	t.Helper()
	var tasks []task
	if err := json.Unmarshal([]byte(text), &tasks); err != nil || len(tasks) != 1 || len(tasks[0].Predictions) != 1 {
		t.Fatalf("not one task with one prediction (%v): %s", err, text)
	}
	return tasks[0]
}

func TestTasksAreValidUnderTheConfigurationInTheDocumentation(t *testing.T) {
	text, _ := page(t)
	config, err := labelconfig.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	for name, tr := range transcripts() {
		got := read(t, write(t, "labelstudio", tr, transcript.WriteOptions{}))
		p := got.Predictions[0]
		if err := results.Validate(p.Result, config); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got.Data["audio"] != tr.Source || len(p.Result) != 2*len(tr.Segments) || p.ModelVersion == "" {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	got := read(t, write(t, "labelstudio", news(), transcript.WriteOptions{Audio: "s3://bucket/a.wav"}))
	if got.Data["audio"] != "s3://bucket/a.wav" {
		t.Errorf("data %v", got.Data)
	}
}

func TestRegionsLieOnTheirChannel(t *testing.T) {
	p := read(t, write(t, "labelstudio", transcripts()["two channels"], transcript.WriteOptions{})).Predictions[0]
	for i, item := range p.Result {
		if want := i / 2; item.Value.Span == nil || item.Value.Span.Channel != want {
			t.Errorf("item %d: %+v, want channel %d", i, item.Value.Span, want)
		}
	}
}

// The package that Label Studio itself is built on takes the tasks.
func TestLabelStudioAcceptsTheTasks(t *testing.T) {
	dir := t.TempDir()
	for name, tr := range transcripts() {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(write(t, "labelstudio", tr, transcript.WriteOptions{})), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config, _ := page(t)
	out := oracle.RunPython(t, nil, `
import json, pathlib, sys
from label_studio_sdk.label_interface import LabelInterface
li = LabelInterface(sys.argv[2])
errors = {}
for f in pathlib.Path(sys.argv[1]).iterdir():
    errors[f.name] = []
    for task in json.loads(f.read_text(encoding="utf-8")):
        assert li.validate_task({"data": task["data"]})
        for p in task["predictions"]:
            errors[f.name] += li.validate_prediction(p, return_errors=True)
print(json.dumps(errors))
`, dir, config)
	var problems map[string][]string
	if err := json.Unmarshal(out, &problems); err != nil {
		t.Fatal(err)
	}
	for name := range transcripts() {
		if list, ok := problems[name]; !ok || len(list) > 0 {
			t.Errorf("%s (checked: %v): %s", name, ok, strings.Join(list, "\n"))
		}
	}
}

func TestFormatsAreChosenByNameAndExtension(t *testing.T) {
	for name, want := range map[string]string{
		"SRT": "srt", " .txt": "text", "labels.txt": "audacity", "labelstudio": "labelstudio", "labelstudio.json": "labelstudio", "TextGrid": "textgrid",
	} {
		if got, err := cli.ChooseFormats([]string{name, name}, "", false, transcript.Text); err != nil || len(got) != 1 || got[0].Name != want {
			t.Errorf("-f %q: got %+v, %v", name, got, err)
		}
	}
	for target, want := range map[string]string{
		"a.json": "json", "a.labelstudio.json": "labelstudio", "dir.vtt/B.SRT": "srt", "a.labels.txt": "audacity", "a.manifest.jsonl": "nemo-manifest", "notes": "timed", "-": "timed",
	} {
		if got, err := cli.ChooseFormats(nil, target, false, transcript.Timed); err != nil || len(got) != 1 || got[0].Name != want {
			t.Errorf("-o %q: got %+v, %v", target, got, err)
		}
	}
	_, err := cli.ChooseFormats([]string{"docx"}, "", false, transcript.Text)
	want := `unknown format "docx": choose one of text, timed, json, srt, vtt, ctm, textgrid, tsv, audacity, nemo-manifest, labelstudio`
	if err == nil || err.Error() != want || cli.ExitCode(err) != cli.ExitUsage {
		t.Errorf("got %v, want %s", err, want)
	}
	seen := map[string]string{}
	for _, f := range cli.Formats() {
		if ext := strings.ToLower(f.Extension); seen[ext] != "" || !strings.HasPrefix(ext, ".") {
			t.Errorf("%s has the extension %q, as has %q", f.Name, ext, seen[ext])
		} else {
			seen[ext] = f.Name
		}
	}
}
