package transcript_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/asr-backend/asr-backend/transcript"
)

// Times in a text file are times, in whatever way it has them.
func TestTimesInATextAreNotWords(t *testing.T) {
	want := []string{"200ms-2.7s he should make", "3s-5.8s and time"}
	for name, in := range map[string]string{
		"timed":                    "[00:00:00.200 --> 00:00:02.700]  he should make\n[00:00:03.000 --> 00:00:05.800]  and time\n",
		"timed, of Whisper":        "Detected language: English\n[00:00.200 --> 00:02.700]  he should make\n[00:03.000 --> 00:05.800]  and time\n",
		"timed, of faster-whisper": "[0.20s -> 2.70s] he should make\n[3.00s -> 5.80s] and time\n",
		"audacity":                 "0.2\t2.7\the should make\n\\\t100\t200\n3.0\t5.8\tand time\n",
		"tsv":                      "start\tend\ttext\n200\t2700\the should make\n3000\t5800\tand time\n",
		"tsv without its header":   "200\t2700\the should make\n3000\t5800\tand time\n",
		"srt":                      "1\n00:00:00,200 --> 00:00:02,700\nhe should make\n\n2\n00:00:03,000 --> 00:00:05,800\nand time\n",
		"srt without numbers":      "\ufeff00:00:00.200 --> 00:00:02.700\r\nhe should make\r\n\r\n00:00:03.000 --> 00:00:05.800\r\nand time\r\n",
		"vtt":                      "WEBVTT\n\nNOTE of us\n\n00:00.200 --> 00:02.700\nhe should make\n\n00:03.000 --> 00:05.800\nand time\n",
		"json":                     "{\n\"segments\": [{\"start\": 0.2, \"end\": 2.7, \"text\": \"he should make\"}, {\"start\": 3, \"end\": 5.8, \"text\": \"and time\"}]}",
		"json, a list":             " [\n{\"start\": 0.2, \"end\": 2.7, \"text\": \"he should make\"}, {\"start\": 3, \"end\": 5.8, \"text\": \"and time\"}]",
		"textgrid":                 "File type = \"ooTextFile\"\n\"TextGrid\"\n0\n6\n<exists>\n1\n\"IntervalTier\"\n\"a\"\n0\n6\n2\n0.2\n2.7\n\"he should make\"\n3\n5.8\n\"and time\"\n",
	} {
		tr, err := transcript.Read(strings.NewReader(in), transcript.Text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, dump(tr)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		format, _, _ := strings.Cut(strings.Split(name, ",")[0], " ")
		if w := tr.Diagnostics.ReadWarnings; len(w) == 0 || w[len(w)-1] != "The text has times in the format "+format+" and was read as such." {
			t.Errorf("%s: warnings %q", name, w)
		}
	}
	for name, in := range map[string]string{
		"lyrics":              "[ti:A song]\n[00:00.20]he should make\n[00:03.00]and time\n",
		"a page of a video":   "0:00\nhe should make\n0:03\nand\ntime\n",
		"stamps of a meeting": "[0:00:00] he should make\n\n[0:00:03] and time\n",
	} {
		tr, err := transcript.Read(strings.NewReader(in), transcript.Text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if s := tr.Segments; len(s) != 2 || tr.Text() != "he should make and time" || s[1].Start != 3*time.Second || s[1].End != s[1].Start {
			t.Errorf("%s: got %q", name, dump(tr))
		}
	}
	tr, err := transcript.Read(strings.NewReader(";; us\na 1 0.20 0.30 he\na 1 0.60 0.40 should 0.9\n"), transcript.Text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"200ms-1s he should [he 200ms-500ms 0] [should 600ms-1s 0.9]"}, dump(tr)); diff != "" {
		t.Errorf("ctm (-want +got):\n%s", diff)
	}
}

// JSON without line ends is one long line, of which a look at the beginning cuts a character.
func TestALongLineIsLookedAtInPart(t *testing.T) {
	for n := range 4 {
		in := `{"text": "` + strings.Repeat("x", n) + strings.Repeat("東", 1<<16) + `", "segments": []}`
		tr, err := transcript.Read(strings.NewReader(in), transcript.Text)
		if err != nil || len(tr.Segments) != 1 || strings.Contains(tr.Text(), "{") {
			t.Errorf("%d: got error %v", n, err)
		}
	}
}

func TestOrdinaryTextIsNotTakenForAFormat(t *testing.T) {
	for _, in := range []string{
		"1\n2\n3\n", "WEBVTT is a format.\n", "[music] and so on\n", "{yes}\n", "[{he laughs}]", "The time is 00:00:01.\nThen --> 00:00:02.\n", "a --> b\n",
		"a 1 2 3 4\nb 1 2 3 4\n", "start\tend\ttext\n", "Apples\t3\t4\n", "At 10.5 \t 12.5 they\ncame home\nagain\n", "\\ \t\n", ";; yes\n",
		"10:30\n", "We met at\n10:30\nfor tea.\n", "10:30 tea\n11:30 cake\n",
	} {
		tr, err := transcript.Read(strings.NewReader(in), transcript.Text)
		if err != nil {
			t.Errorf("%q: %v", in, err)
		} else if w := tr.Diagnostics.ReadWarnings; len(w) > 0 {
			t.Errorf("%q: %q", in, w)
		}
	}
}

// Braces and quotes may be what was said; an object begins with a key.
func TestBracesAreNoJSON(t *testing.T) {
	for _, text := range []string{`{"`, `{}`, `[{`, `{"so to say"}`, `{ "a" b`} {
		tr, err := transcript.Read(strings.NewReader(text+"\nand more\n"), transcript.Text)
		if err != nil || len(tr.Segments) != 2 || tr.Segments[0].Text != text {
			t.Errorf("%s: %v", text, err)
		}
	}
}
