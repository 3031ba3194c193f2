package transcript_test

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/asr-backend/asr-backend/transcript"
)

func TestFormatsHaveNamesAndExtensionsOfTheirOwn(t *testing.T) {
	seen := map[string]transcript.Format{}
	for _, f := range transcript.Formats() {
		if got, err := transcript.ParseFormat(" " + strings.ToUpper(string(f))); err != nil || got != f {
			t.Errorf("ParseFormat(%q): got %q, %v", f, got, err)
		}
		if ext := strings.ToLower(f.Extension()); seen[ext] != "" || !strings.HasPrefix(ext, ".") {
			t.Errorf("%s has the extension %q, as has %q", f, ext, seen[ext])
		} else {
			seen[ext] = f
		}
	}
	for name, want := range map[string]transcript.Format{"txt": transcript.Text, ".SRT": transcript.SRT, "labels.txt": transcript.Audacity} {
		if got, err := transcript.ParseFormat(name); err != nil || got != want {
			t.Errorf("ParseFormat(%q): got %q, %v", name, got, err)
		}
	}
	_, err := transcript.ParseFormat("docx")
	want := `unknown format "docx": choose one of text, timed, json, srt, vtt, ctm, textgrid, tsv, audacity, nemo-manifest`
	if err == nil || err.Error() != want {
		t.Errorf("got error %v, want %s", err, want)
	}
}

func TestFormatOfFile(t *testing.T) {
	for name, want := range map[string]transcript.Format{
		"a.srt": transcript.SRT, "dir.vtt/b.VTT": transcript.VTT, "a.b.json": transcript.JSON, "x.TextGrid": transcript.TextGrid,
		"notes.txt": transcript.Text, "notes": transcript.Text, "x.lab": transcript.Text, "x.labels.txt": transcript.Audacity,
		`c:\dir.srt\notes`: transcript.Text, "x.ctm": transcript.CTM, "x.tsv": transcript.TSV,
	} {
		if got, err := transcript.FormatOfFile(name); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"a.wav", "a.docx", "a.srt.gz"} {
		if got, err := transcript.FormatOfFile(name); err == nil {
			t.Errorf("%s: got %q, want an error", name, got)
		}
	}
}

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, o := range []transcript.WriteOptions{{LineWidth: -1}, {CueLines: -1}, {CueDuration: -time.Second}} {
		if err := transcript.Write(io.Discard, transcript.SRT, plain(), o); err == nil || !strings.Contains(err.Error(), "negative") {
			t.Errorf("%+v: got error %v, want one that says negative", o, err)
		}
	}
	if err := transcript.Write(io.Discard, "docx", plain(), transcript.WriteOptions{}); err == nil {
		t.Error("an unknown format was written")
	}
}

// A transcript that breaks the rules of its type is written as if it kept them, and is
// left as it is.
func TestWriteRepairsWhatIsOutOfOrder(t *testing.T) {
	bad := func() *transcript.Transcript {
		return &transcript.Transcript{Confidence: 1.5, Segments: []transcript.Segment{
			{Start: 5 * time.Second, End: 4 * time.Second, Text: "late", Channel: -7},
			{Start: -time.Second, End: 2 * time.Second, Text: "two words", Channel: transcript.Mixed, Words: []transcript.Word{
				{Start: 2 * time.Second, End: 3 * time.Second, Text: "words"}, {Start: -time.Second, End: time.Second, Text: "two"}}},
		}}
	}
	tr := bad()
	text := write(t, transcript.JSON, tr, transcript.WriteOptions{})
	got, err := transcript.Read(strings.NewReader(text), transcript.JSON)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"0s-3s two words [two 0s-1s 0] [words 2s-3s 0]", "5s-5s late"}
	if diff := cmp.Diff(want, dump(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(bad(), tr); diff != "" {
		t.Errorf("Write changed its argument (-want +got):\n%s", diff)
	}
}

func TestJSONTimesHaveExactlyThreeDecimals(t *testing.T) {
	tr := &transcript.Transcript{Duration: 10 * time.Hour, Segments: []transcript.Segment{
		{Start: 499_999, End: 500_000, Channel: transcript.Mixed}, {Start: 36_000_000_499_999, End: 36_000_000_500_000, Channel: 0},
	}}
	text := write(t, transcript.JSON, tr, transcript.WriteOptions{})
	for _, want := range []string{`"start": 0.000, "end": 0.001,`, `"start": 36000.000, "end": 36000.001,`, `"duration": 36000.000,`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in\n%s", want, text)
		}
	}
}

func TestJSONNamesASourceWithoutItsSecrets(t *testing.T) {
	for source, want := range map[string]string{
		"a b?c#d.wav": `"source": "a b?c#d.wav"`,
		"https://user:pass@host/a%20b.wav?X-Amz-Signature=abc#t=1": `"source": "https://host/a%20b.wav"`,
		"https://host:bad port/?token=abc":                         "",
		"-":                                                        `"source": "-"`,
	} {
		text := write(t, transcript.JSON, &transcript.Transcript{Source: source}, transcript.WriteOptions{})
		if want != "" && !strings.Contains(text, want) || slices.ContainsFunc([]string{"pass", "abc"}, func(s string) bool { return strings.Contains(text, s) }) {
			t.Errorf("%s: want %s in\n%s", source, want, text)
		}
	}
}

func TestCTMNamesTheRecordingWithoutFolderAndExtension(t *testing.T) {
	for audio, want := range map[string]string{
		"dir/my call.wav": "my_call", `c:\dir\x.flac`: "x", "https://h/a/b%20c.mp3?token=1": "b_c", "-": "recording", "": "recording",
		"call.2024-05-01": "call.2024-05-01", ";;x.wav": "x",
	} {
		tr := &transcript.Transcript{Source: audio, Segments: []transcript.Segment{segment(0, 0, 1, "a")}}
		if got, _, _ := strings.Cut(write(t, transcript.CTM, tr, transcript.WriteOptions{}), " "); got != want {
			t.Errorf("%q: got %q, want %q", audio, got, want)
		}
	}
}
