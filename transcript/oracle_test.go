package transcript_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/transcript"
)

// files writes every case in format f into a new folder and returns it. Files are named
// after their case.
func files(t *testing.T, f transcript.Format, o transcript.WriteOptions) string {
	t.Helper()
	dir := t.TempDir()
	for name, tr := range cases() {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(write(t, f, tr, o)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// ask runs a script over a folder of files and decodes what it prints into v.
func ask(t *testing.T, script, dir string, v any, args ...string) {
	t.Helper()
	out := oracle.RunPython(t, nil, script, append([]string{dir}, args...)...)
	if err := json.Unmarshal(out, v); err != nil {
		t.Fatalf("the oracle printed %q: %v", out, err)
	}
}

const jsonschemaScript = `
import json, pathlib, sys, jsonschema
schema = json.load(open(sys.argv[2], encoding="utf-8"))
jsonschema.Draft202012Validator.check_schema(schema)
check = jsonschema.Draft202012Validator(schema)
errors = {}
for f in pathlib.Path(sys.argv[1]).iterdir():
    errors[f.name] = [f"{e.json_path}: {e.message}" for e in check.iter_errors(json.loads(f.read_text(encoding="utf-8")))]
print(json.dumps(errors))
`

func TestJSONSchemaHoldsForOurJSON(t *testing.T) {
	schema := filepath.Join(oracle.Root(t), "doc", "transcript.schema.json")
	var errs map[string][]string
	ask(t, jsonschemaScript, files(t, transcript.JSON, transcript.WriteOptions{}), &errs, schema)
	if len(errs) != len(cases()) {
		t.Errorf("checked %d files, want %d", len(errs), len(cases()))
	}
	for name, list := range errs {
		if len(list) > 0 {
			t.Errorf("%s: %s", name, strings.Join(list, "\n"))
		}
	}
}

const praatioScript = `
import json, pathlib, sys
from praatio import textgrid
out = {}
for f in pathlib.Path(sys.argv[1]).iterdir():
    tg = textgrid.openTextgrid(str(f), includeEmptyIntervals=True, reportingMode="error")
    tiers = [{"name": n, "entries": [list(e) for e in tg.getTier(n).entries]} for n in tg.tierNames]
    for tier, n in zip(tiers, tg.tierNames):
        assert tg.getTier(n).validate(reportingMode="error")
        assert (tg.getTier(n).minTimestamp, tg.getTier(n).maxTimestamp) == (tg.minTimestamp, tg.maxTimestamp)
    out[f.name] = {"xmin": tg.minTimestamp, "xmax": tg.maxTimestamp, "tiers": tiers}
print(json.dumps(out))
`

func TestPraatioReadsOurTextGrids(t *testing.T) {
	type entry [3]any
	var got map[string]struct {
		Xmin, Xmax float64
		Tiers      []struct {
			Name    string
			Entries []entry
		}
	}
	ask(t, praatioScript, files(t, transcript.TextGrid, transcript.WriteOptions{}), &got)
	for name, tr := range cases() {
		g := got[name]
		if want := math.Max(tr.Duration.Seconds(), 0.001); g.Xmin != 0 || g.Xmax != want {
			t.Errorf("%s: got %v to %v, want 0 to %v", name, g.Xmin, g.Xmax, want)
		}
		var texts []string
		for _, tier := range g.Tiers {
			at := 0.0
			for _, e := range tier.Entries {
				if e[0] != at || e[1].(float64) <= at {
					t.Errorf("%s, tier %s: interval %v does not follow %v", name, tier.Name, e, at)
				}
				at = e[1].(float64)
				if e[2] != "" && strings.HasSuffix(tier.Name, "regions") {
					texts = append(texts, e[2].(string))
				}
			}
			if at != g.Xmax {
				t.Errorf("%s, tier %s: ends at %v, want %v", name, tier.Name, at, g.Xmax)
			}
		}
		if want := regionTexts(t, tr); len(texts) != want {
			t.Errorf("%s: got %d regions with text, want %d", name, len(texts), want)
		}
	}
	want := []entry{{0.0, 1.0125, "Good"}, {1.0125, 1.125, ""}, {1.125, 2.1375, "evening."}}
	if diff := cmp.Diff(want, got["plain"].Tiers[0].Entries[:3]); diff != "" {
		t.Errorf("words of plain (-want +got):\n%s", diff)
	}
}

const praatioSaveScript = `
import pathlib, sys
from praatio import textgrid
for f in list(pathlib.Path(sys.argv[1]).iterdir()):
    tg = textgrid.openTextgrid(str(f), includeEmptyIntervals=True, reportingMode="error")
    for form in ["short_textgrid", "long_textgrid"]:
        tg.save(f"{f}.{form}", form, includeBlankSpaces=True, reportingMode="error", minimumIntervalLength=None)
print("{}")
`

// praatio writes what it read in both of Praat's forms; both say what ours did.
func TestReadTakesWhatPraatioWrites(t *testing.T) {
	dir := files(t, transcript.TextGrid, transcript.WriteOptions{})
	ask(t, praatioSaveScript, dir, &struct{}{})
	for name := range cases() {
		want := dump(readFile(t, filepath.Join(dir, name), transcript.TextGrid))
		for _, form := range []string{"short_textgrid", "long_textgrid"} {
			got := dump(readFile(t, filepath.Join(dir, name+"."+form), transcript.TextGrid))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s %s (-ours +praatio's):\n%s", name, form, diff)
			}
		}
	}
}

func readFile(t *testing.T, path string, f transcript.Format) *transcript.Transcript {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	tr, err := transcript.Read(file, f)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// regionTexts counts the segments that have a text or words.
func regionTexts(t *testing.T, tr *transcript.Transcript) int {
	t.Helper()
	n := 0
	for _, s := range tr.Segments {
		if s.Text != "" || len(s.Words) > 0 {
			n++
		}
	}
	return n
}

// ffmpeg reads the subtitles and writes them in the other format, which it does without
// escapes; what it understood must be what we wrote and what our own reader understands.
func TestFFmpegReadsOurSubtitles(t *testing.T) {
	ffmpeg := oracle.FFmpeg(t)
	for _, c := range []struct {
		format transcript.Format
		other  string
		o      transcript.WriteOptions
	}{
		{transcript.SRT, "srt", transcript.WriteOptions{}},
		{transcript.SRT, "webvtt", transcript.WriteOptions{LineWidth: 20}},
		{transcript.VTT, "srt", transcript.WriteOptions{}},
		{transcript.VTT, "srt", transcript.WriteOptions{WordTimes: true}},
	} {
		for name, tr := range cases() {
			text := write(t, c.format, tr, c.o)
			cmd := exec.Command(ffmpeg, "-nostdin", "-v", "error", "-f", strings.Replace(string(c.format), "vtt", "webvtt", 1),
				"-i", "pipe:0", "-f", c.other, "pipe:1")
			cmd.Stdin = strings.NewReader(text)
			out, err := cmd.Output()
			if !strings.Contains(text, "-->") {
				continue // ffmpeg has no use for subtitles without a cue
			}
			if err != nil {
				t.Fatalf("%s %s: ffmpeg: %v", c.format, name, err)
			}
			read, err := transcript.Read(strings.NewReader(text), c.format)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for _, s := range read.Segments {
				if s.Channel != transcript.Mixed && c.format == transcript.SRT {
					s.Text = fmt.Sprintf("Channel %d: %s", s.Channel+1, s.Text)
				}
				want = append(want, clock(s.Start)+" "+clock(s.End)+" "+withoutSpaces(s.Text))
			}
			theirs, err := transcript.Read(bytes.NewReader(out), transcript.Format(strings.TrimPrefix(c.other, "web")))
			if err != nil || len(theirs.Segments) != len(want) {
				t.Errorf("%s %s: of what ffmpeg wrote we read %d cues, %v; want %d", c.format, name, len(theirs.Segments), err, len(want))
			}
			// Newer versions write {{} for an opening brace, which would begin a command of ASS.
			if diff := cmp.Diff(want, ffmpegCues(strings.ReplaceAll(string(out), "{{}", "{"))); diff != "" {
				t.Errorf("%s %s: (-ours +ffmpeg's):\n%s", c.format, name, diff)
			}
		}
	}
}

// ffmpegCues returns "start end text" of each cue that ffmpeg wrote.
func ffmpegCues(out string) []string {
	var cues []string
	for block := range strings.SplitSeq(strings.ReplaceAll(out, "\r", ""), "\n\n") {
		lines := strings.Split(strings.TrimSpace(block), "\n")
		for i, line := range lines {
			start, end, ok := strings.Cut(line, " --> ")
			if !ok || len(start) > 13 {
				continue
			}
			text := withoutSpaces(strings.Join(lines[i+1:], " "))
			text = strings.NewReplacer("\u2060", "", `\{`, "{", `\}`, "}").Replace(text) // it escapes braces in its own way
			cues = append(cues, ffmpegClock(start)+" "+ffmpegClock(end)+" "+text)
			break
		}
	}
	return cues
}

// withoutSpaces drops what depends on where a line was broken.
func withoutSpaces(s string) string { return strings.ReplaceAll(s, " ", "") }

// ffmpegClock gives the times of both formats one form; ffmpeg leaves out zero hours.
func ffmpegClock(s string) string {
	s = strings.Replace(s, ",", ".", 1)
	if strings.Count(s, ":") == 1 {
		s = "00:" + s
	}
	return s
}

// clock returns d as 00:00:01.234, minutes and seconds written by the time package.
func clock(d time.Duration) string {
	d = d.Round(time.Millisecond)
	rest := time.UnixMilli((d % time.Hour).Milliseconds()).UTC()
	return fmt.Sprintf("%02d", d/time.Hour) + rest.Format(":04:05.000")
}

var assDialogue = regexp.MustCompile(`(?m)^Dialogue: 0,([0-9:.]+),([0-9:.]+),Default,,0,0,0,,(.*)$`)

// Files that our writers would not write: what ffmpeg finds in them we find, too. It writes
// them as ASS, a line a cue, which can hold blank lines.
func TestWeReadSubtitlesAsFFmpegDoes(t *testing.T) {
	ffmpeg := oracle.FFmpeg(t)
	for name, c := range map[string]struct {
		format transcript.Format
		in     string
		cues   int
	}{
		"a line of a space":  {transcript.VTT, "WEBVTT\n\n00:00:00.200 --> 00:00:02.700\n \nhe should make\n\n00:00:03.000 --> 00:00:05.700\nand time\n \nat which\n", 2},
		"blocks":             {transcript.VTT, "WEBVTT - a title\n\nNOTE\nnot shown\n\n1\n00:01.000 --> 00:02.000 align:start\n<v Anna>a &lt; b &amp; c</v>\n\nname\n01:00:04.000 --> 01:00:05.000\nlast", 2},
		"no numbers":         {transcript.SRT, "\ufeff00:00:01,000 --> 00:00:02,000\r\na\r\n\r\n00:00:03,000 --> 00:00:04,000\r\nb\r\nc\r\n", 2},
		"no lines between":   {transcript.SRT, "1\n00:00:01,000 --> 00:00:02,000\na\n2\n00:00:03,000 --> 00:00:04,000\nb\n3\n00:00:05,000 --> 00:00:06,000\n42\n", 3},
		"positions and tags": {transcript.SRT, "1\n00:00:01,000 --> 00:00:02,000 X1:1 X2:9 Y1:1 Y2:9\n<i>a</i> <b>b\n", 1},
	} {
		cmd := exec.Command(ffmpeg, "-nostdin", "-v", "error", "-f", strings.Replace(string(c.format), "vtt", "webvtt", 1), "-i", "pipe:0", "-f", "ass", "pipe:1")
		cmd.Stdin = strings.NewReader(c.in)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: ffmpeg: %v", name, err)
		}
		var theirs []string
		for _, m := range assDialogue.FindAllStringSubmatch(strings.ReplaceAll(string(out), "\r", ""), -1) {
			text := regexp.MustCompile(`\{[^{}]*\}|\\N| `).ReplaceAllString(m[3], "")
			theirs = append(theirs, "0"+m[1]+"0 0"+m[2]+"0 "+text)
		}
		read, err := transcript.Read(strings.NewReader(c.in), c.format)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var ours []string
		for _, s := range read.Segments {
			ours = append(ours, clock(s.Start)+" "+clock(s.End)+" "+withoutSpaces(s.Text))
		}
		if diff := cmp.Diff(ours, theirs); diff != "" || len(ours) != c.cues {
			t.Errorf("%s: %d cues (-ours +ffmpeg's):\n%s", name, len(ours), diff)
		}
	}
}
