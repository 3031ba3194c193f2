package transcript_test

import (
	"bufio"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/asr-backend/asr-backend/transcript"
)

// The rules of formats for which no reader is at hand, or whose readers forgive, written
// down from the formats' own texts and held against ordinary, odd and random transcripts.
func TestOutputKeepsTheRulesOfItsFormat(t *testing.T) {
	for _, c := range []struct {
		name   string
		format transcript.Format
		o      transcript.WriteOptions
		check  func(t rapid.TB, text string, tr *transcript.Transcript)
	}{
		{"sclite's CTM", transcript.CTM, transcript.WriteOptions{}, checkCTM},
		{"Praat's TextGrid", transcript.TextGrid, transcript.WriteOptions{}, checkTextGrid},
		{"W3C's WebVTT", transcript.VTT, transcript.WriteOptions{}, checkVTT},
		{"W3C's WebVTT with times of words", transcript.VTT, transcript.WriteOptions{WordTimes: true}, checkVTT},
		{"NeMo's manifest reader", transcript.NeMoManifest, transcript.WriteOptions{Audio: "/data/a.wav"}, checkManifest},
		{"NeMo's manifest reader, with words", transcript.NeMoManifest, transcript.WriteOptions{Audio: "/data/a.wav", WordTimes: true}, checkManifest},
		{"lines of text", transcript.Timed, transcript.WriteOptions{}, checkLines},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, tr := range cases() {
				c.check(t, write(t, c.format, tr, c.o), tr)
			}
			rapid.Check(t, func(rt *rapid.T) {
				tr := transcripts(shape{}).Draw(rt, "transcript")
				var b strings.Builder
				if err := transcript.Write(&b, c.format, tr, c.o); err != nil {
					rt.Fatal(err)
				}
				c.check(rt, b.String(), tr)
			})
		})
	}
}

// checkCTM holds the text of "ctm - Definition of time marked conversation scoring input"
// in the documentation of NIST's SCTK against a file.
func checkCTM(t rapid.TB, text string, _ *transcript.Transcript) {
	var lastFile, lastChannel string
	var lastStart float64
	s := bufio.NewScanner(strings.NewReader(text))
	for s.Scan() {
		f := strings.Fields(s.Text())
		if len(f) != 6 || strings.Join(f, " ") != s.Text() || strings.HasPrefix(f[0], ";;") {
			t.Fatalf("not six fields with one space between: %q", s.Text())
		}
		if strings.ContainsAny(f[0], "/.") {
			t.Errorf("recording %q is a path or has an extension", f[0])
		}
		start, err1 := strconv.ParseFloat(f[2], 64)
		length, err2 := strconv.ParseFloat(f[3], 64)
		score, err3 := strconv.ParseFloat(f[5], 64)
		if err1 != nil || err2 != nil || err3 != nil || start < 0 || length < 0 || score < 0 || score > 1 {
			t.Errorf("bad number in %q", s.Text())
		}
		switch {
		case f[0] < lastFile, f[0] == lastFile && f[1] < lastChannel,
			f[0] == lastFile && f[1] == lastChannel && start < lastStart:
			t.Errorf("%q is not in order of recording, channel (both ASCII) and start", s.Text())
		}
		lastFile, lastChannel, lastStart = f[0], f[1], start
	}
}

var interval = regexp.MustCompile(`(?m)^ {8}intervals \[(\d+)\]:\n {12}xmin = ([\d.]+)\n {12}xmax = ([\d.]+)\n {12}text = "((?:[^"]|"")*)"$`)

// checkTextGrid holds what Praat asks of interval tiers against a file: they cover the
// whole time without gap or overlap by intervals that have a length.
func checkTextGrid(t rapid.TB, text string, tr *transcript.Transcript) {
	head, tiers, _ := strings.Cut(text, "item []:\n")
	end, err := strconv.ParseFloat(regexp.MustCompile(`xmax = ([\d.]+)`).FindStringSubmatch(head)[1], 64)
	if err != nil || end < tr.Duration.Seconds()-1e-9 {
		t.Fatalf("xmax %v, %v, want %v", end, err, tr.Duration)
	}
	crowded := 1 // intervals with text in the fullest tier
	for tier := range strings.SplitSeq(tiers, "class = ") {
		at, filled := 0.0, 0
		found := interval.FindAllStringSubmatch(tier, -1)
		for i, m := range found {
			from, err1 := strconv.ParseFloat(m[2], 64)
			to, err2 := strconv.ParseFloat(m[3], 64)
			if err1 != nil || err2 != nil || from != at || to <= from || m[1] != strconv.Itoa(i+1) {
				t.Errorf("interval %q does not follow %v", m[0], at)
			}
			at = to
			if m[4] != "" {
				filled++
			}
		}
		if len(found) > 0 && (at != end || !strings.Contains(tier, "intervals: size = "+strconv.Itoa(len(found))+"\n")) {
			t.Errorf("a tier of %d intervals ends at %v, want %v, in\n%s", len(found), at, end, text)
		}
		crowded = max(crowded, filled)
	}
	if end > max(tr.Duration.Seconds(), float64(crowded)/1000)+1e-9 {
		t.Errorf("xmax is %v for a recording of %v, though there is room", end, tr.Duration)
	}
}

var (
	vttTimes  = regexp.MustCompile(`^(\d{2,}:[0-5]\d:[0-5]\d\.\d{3}) --> (\d{2,}:[0-5]\d:[0-5]\d\.\d{3})$`)
	vttTag    = regexp.MustCompile(`<([^>]*)>`)
	vttEntity = regexp.MustCompile(`&(?:amp|lt|gt);`)
)

// checkVTT holds the syntax of "WebVTT: The Web Video Text Tracks Format" against a file.
func checkVTT(t rapid.TB, text string, _ *transcript.Transcript) {
	head, rest, _ := strings.Cut(text, "\n\n")
	if head != "WEBVTT" || strings.ContainsAny(text, "\x00\r") {
		t.Fatalf("bad header or character in %q", text)
	}
	lastStart := ""
	for block := range strings.SplitSeq(strings.TrimSuffix(rest, "\n\n"), "\n\n") {
		if block == "" && rest == "" {
			return
		}
		times, body, _ := strings.Cut(block, "\n")
		m := vttTimes.FindStringSubmatch(times)
		if m == nil || body == "" || strings.Contains(body, "-->") {
			t.Fatalf("not a cue: %q", block)
		}
		start, end := padded(m[1]), padded(m[2])
		if end <= start || start < lastStart {
			t.Errorf("cue %q ends before it starts, or comes after a later one (%s)", block, lastStart)
		}
		lastStart = start
		said := start
		for _, tag := range vttTag.FindAllStringSubmatch(body, -1) {
			if strings.HasPrefix(tag[1], "v ") {
				continue
			}
			at := padded(tag[1])
			if at <= said || at >= end {
				t.Errorf("timestamp %s does not rise inside the cue %q", tag[0], block)
			}
			said = at
		}
		plain := vttEntity.ReplaceAllString(vttTag.ReplaceAllString(body, ""), "")
		if strings.ContainsAny(plain, "<>&") || slices.Contains(strings.Split(body, "\n"), "") {
			t.Errorf("text that is not escaped, or a blank line, in %q", body)
		}
	}
}

// padded makes times comparable as strings.
func padded(s string) string { return strings.Repeat("0", max(0, 16-len(s))) + s }

// checkManifest holds what NeMo asks of a line of a manifest against a file: an audio
// path, a duration to train on, a text, and an offset inside the recording.
func checkManifest(t rapid.TB, text string, tr *transcript.Transcript) {
	n := 0
	for line := range strings.Lines(text) {
		n++
		var item struct {
			Path     *string  `json:"audio_filepath"`
			Offset   *float64 `json:"offset"`
			Duration *float64 `json:"duration"`
			Text     *string  `json:"text"`
			Words    []struct {
				Word       string
				Start, End float64
			}
		}
		if err := json.Unmarshal([]byte(line), &item); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		if *item.Path != "/data/a.wav" || *item.Offset < 0 || *item.Duration <= 0 || item.Text == nil ||
			*item.Offset+*item.Duration > tr.Duration.Seconds()+1e-9 {
			t.Errorf("bad sample %q", line)
		}
		last := 0.0
		for _, w := range item.Words {
			const rounding = 0.0005 + 1e-9
			if w.Start < last || w.End < w.Start || w.End > *item.Duration+rounding || !strings.Contains(*item.Text, w.Word) {
				t.Errorf("bad word %+v in sample %q", w, line)
			}
			last = w.Start
		}
	}
	want := 0
	for _, s := range tr.Segments {
		if s.End > s.Start {
			want++
		}
	}
	if n != want {
		t.Errorf("got %d samples, want %d", n, want)
	}
}

var timedLine = regexp.MustCompile(`^\[\d{2,}(:\d\d){2}\.\d{3} --> \d{2,}(:\d\d){2}\.\d{3}\]  [^\x00-\x1f\x7f-\x9f\x{2028}\x{2029}]*$`)

// checkLines asks that each segment is one line in which nothing steers a terminal.
func checkLines(t rapid.TB, text string, tr *transcript.Transcript) {
	lines := strings.Split(text, "\n")
	if len(lines)-1 != len(tr.Segments) {
		t.Errorf("got %d lines, want %d", len(lines)-1, len(tr.Segments))
	}
	for _, line := range lines[:len(lines)-1] {
		if !timedLine.MatchString(line) {
			t.Errorf("bad line %q", line)
		}
	}
}
