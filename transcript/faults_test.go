package transcript_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/asr-backend/asr-backend/transcript"
)

// One bad place costs that place, and is named.
func TestOneBadLineCostsOneLine(t *testing.T) {
	for name, c := range map[string]struct {
		format transcript.Format
		in     string
		want   []string
		said   []string
	}{
		"SRT with a cue that ends before it starts": {
			transcript.SRT, "1\n00:00:00,200 --> 00:00:00,100\nhe should make\n\n2\n00:00:03,000 --> 00:00:05,800\nand time\n",
			[]string{"0s-0s he should make", "3s-5.8s and time"},
			[]string{"Line 2 of the text: the cue ends before it starts, so that its times are not used."}},
		"SRT with such a cue in the middle": {
			transcript.SRT, "1\n00:00:01,000 --> 00:00:02,000\na\n\n2\n00:00:09,000 --> 00:00:05,800\nb\n\n3\n00:00:03,000 --> 00:00:04,000\nc\n",
			[]string{"1s-2s a", "2s-2s b", "3s-4s c"},
			[]string{"Line 6 of the text: the cue ends before it starts, so that its times are not used."}},
		"SRT with times that are none": {
			transcript.SRT, "1\n00:00:01,000 --> 00:00:02,000\na\n\n2\n00:00:0x,000 --> 00:00:05,800\nb\n",
			[]string{"1s-2s a", "2s-2s b"},
			[]string{`Line 6 of the text: "00:00:0x,000" is not a time like 00:01:02.345, so that its times are not used.`}},
		"SRT with a line before the first cue": {
			transcript.SRT, "Subtitles by example.org\n\n1\n00:00:01,000 --> 00:00:02,000\na\n", []string{"1s-2s a"},
			[]string{`Line 1 of the text: text before the first cue, "Subtitles by example.org", is left out.`}},
		"VTT with text that belongs to no cue": {
			transcript.VTT, "WEBVTT\n\n00:01.000 --> 00:02.000\na\n\nb\nc\n\n00:03.000 --> 00:04.000\nd\n", []string{"1s-2s a", "3s-4s d"},
			[]string{`Line 6 of the text: "b c" belongs to no cue and is left out.`}},
		"TSV with a line that ends before it starts": {
			transcript.TSV, "start\tend\ttext\n0\t1500\ta\n1500\t200\tb\n1600\t1700\tc\n", []string{"0s-1.5s a", "1.5s-1.5s b", "1.6s-1.7s c"},
			[]string{`Line 3 of the text: end "200" is before start "1500", so that its times are not used.`}},
		"Audacity's labels with a line that is none": {
			transcript.Audacity, "1\t2\ta\nb\n", []string{"1s-2s a"}, []string{"Line 2 of the text: no start, end and text with tabs between."}},
		"CTM with a line that is none": {
			transcript.CTM, "a 1 0.5 0.2 yes\na 1 0.9\na 1 x 0.2 no\na 1 1.5 0.2 no\n", []string{"500ms-1.7s yes no [yes 500ms-700ms 0] [no 1.5s-1.7s 0]"},
			[]string{"Line 2 of the text: 3 fields where recording, channel, start, duration and word should stand, so that it is left out.",
				`Line 3 of the text: "x" is not a time in seconds, so that it is left out.`}},
		"a TextGrid with an interval that ends before it starts": {
			transcript.TextGrid, strings.Replace(shortGrid, "\n0.5\n1.5\n\"say", "\n0.5\n0.25\n\"say", 1), []string{"0s-0s say \"hi\""},
			[]string{`Line 18 of the text: interval "say \"hi\"": end "0.25" is before start "0.5", so that its times are not used.`}},
		"timed text with a line without times": {
			transcript.Timed, "[00:00:01.000 --> 00:00:02.000]  a\nb\n[00:00:03.000 --> 00:00:02.000]  c\n[00:00:04.000 --> 00:00:05.000]  d\n", []string{"1s-2s a", "2s-2s c", "4s-5s d"},
			[]string{"Line 2 of the text: no times in square brackets, so that it is left out.",
				`Line 3 of the text: end "00:00:02.000" is before start "00:00:03.000", so that its times are not used.`}},
		"JSON with a segment that ends before it starts": {
			transcript.JSON, "{\"segments\":[\n{\"start\":1,\"end\":2,\"text\":\"a\"},\n{\"start\":3,\"end\":2,\"text\":\"b\"},\n{\"start\":4,\"end\":5,\"text\":\"c\"}]}", []string{"1s-2s a", "2s-2s b", "4s-5s c"},
			[]string{"Line 3 of the text: segment 1 ends before it starts, so that its times are not used."}},
		"JSON with values of the wrong kind": {
			transcript.JSON, "{\"language\":[\"en\"],\"confidence\":\"high\",\"segments\":[\n{\"start\":\"soon\",\"end\":2,\"text\":\"a\"},\n{\"start\":3,\"end\":4,\"text\":7},\n{\"start\":5,\"end\":6,\"text\":\"c\"}," +
				"{\"start\":6,\"end\":7,\"text\":\"d\"},{\"start\":7,\"end\":8,\"text\":\"e\"}]}", []string{"0s-2s a", "3s-4s ", "5s-6s c", "6s-7s d", "7s-8s e"},
			[]string{`Line 1 of the text: "confidence": got a string, want a number.`, `Line 2 of the text: segment 0: "soon" is not a time in seconds.`,
				`Line 3 of the text: segment 1: got a number, want a string.`}},
		"JSON with items that are no segments": {
			transcript.JSON, `[{"start":1,"end":2,"text":"a"}, null, [1, {"start": 2}], {"start":5,"end":6,"text":"c"}, {"start":6,"end":7,"text":"d"}]`, []string{"1s-2s a", "5s-6s c", "6s-7s d"},
			[]string{"Line 1 of the text: segment 1: no text and no times.", "Line 1 of the text: segment 1: [ where { should stand."}},
		"JSON with a word that ends before it starts": {
			transcript.JSON, `{"segments":[{"start":1,"end":2,"text":"a b","words":[{"word":"a","start":1,"end":1.5},{"word":"b","start":1.9,"end":1.8}]}]}`,
			[]string{"1s-2s a b [a 1s-1.5s 0] [b 1.5s-1.5s 0]"}, []string{`Line 1 of the text: word "b" ends before it starts, so that its times are not used.`}},
	} {
		t.Run(name, func(t *testing.T) {
			tr, err := transcript.Read(strings.NewReader(c.in), c.format)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, dump(tr)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.said, tr.Diagnostics.ReadWarnings); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

// A few are named, and the others counted; beyond half it is not that format.
func TestAFileOfBadLinesIsAnError(t *testing.T) {
	good, bad := "1\t2\ta\n", "3\t2\tb\n"
	tr, err := transcript.Read(strings.NewReader(strings.Repeat(good, 9)+strings.Repeat(bad, 9)), transcript.Audacity)
	if err != nil {
		t.Fatal(err)
	}
	if w := tr.Diagnostics.ReadWarnings; len(w) != 6 || w[5] != "4 more lines of the text could not be used." {
		t.Errorf("got %q", w)
	}
	if _, err := transcript.Read(strings.NewReader(strings.Repeat(good, 9)+strings.Repeat(bad, 10)), transcript.Audacity); err == nil || !strings.Contains(err.Error(), "line 10: end") {
		t.Errorf("got error %v", err)
	}
}

// Segments whose times are not known stay where they stand in the file.
func TestSegmentsWithoutTimesKeepTheirPlace(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want []string
	}{
		"in the middle":          {`[{"start":1,"end":2,"text":"a"},{"start":null,"end":null,"text":"b"},{"text":"c"},{"start":4,"end":5,"text":"d"}]`, []string{"1s-2s a", "2s-2s b", "2s-2s c", "4s-5s d"}},
		"at the front":           {`[{"start":null,"end":null,"text":"a"},{"start":4,"end":5,"text":"d"}]`, []string{"0s-0s a", "4s-5s d"}},
		"at the end":             {`[{"start":4,"end":5,"text":"a"},{"start":null,"end":null,"text":"b"}]`, []string{"4s-5s a", "5s-5s b"}},
		"between two that touch": {`[{"start":1,"end":4,"text":"a"},{"start":null,"text":"b"},{"start":3,"end":5,"text":"c"}]`, []string{"1s-4s a", "3s-3s b", "3s-5s c"}},
		"with an end":            {`[{"start":1,"end":2,"text":"a"},{"start":null,"end":3,"text":"b"},{"start":3,"end":5,"text":"c"}]`, []string{"1s-2s a", "2s-3s b", "3s-5s c"}},
		"with a start":           {`[{"start":1,"end":2,"text":"a"},{"start":2.5,"end":null,"text":"b"},{"start":3,"end":5,"text":"c"}]`, []string{"1s-2s a", "2.5s-2.5s b", "3s-5s c"}},
		"with words":             {`[{"start":1,"end":2,"text":"a"},{"start":null,"end":null,"text":"b c","words":[{"word":"b"},{"word":"c","start":2.5,"end":3}]}]`, []string{"1s-2s a", "2.5s-3s b c [b 2.5s-2.5s 0] [c 2.5s-3s 0]"}},
		"with words without any": {`[{"start":1,"end":2,"text":"a"},{"start":null,"end":null,"words":[{"word":"b"},{"word":"c"}]}]`, []string{"1s-2s a", "2s-2s b c"}},
		"all":                    {`[{"text":"a"},{"text":"b"}]`, []string{"0s-0s a", "0s-0s b"}},
	} {
		tr, err := transcript.Read(strings.NewReader(c.in), transcript.JSON)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(c.want, dump(tr)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
