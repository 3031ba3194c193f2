package transcript_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/asr-backend/asr-backend/transcript"
)

// A long segment of random words, cut into cues: each keeps to the limits, begins and
// ends where words do, and together they say the whole text once.
func TestLongSegmentsBecomeCuesThatReadWell(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var seg transcript.Segment
		seg.Channel = transcript.Mixed
		at := time.Duration(rapid.Int64Range(0, 4e5).Draw(rt, "start")) * time.Second
		seg.Start = at
		starts, ends := map[time.Duration]bool{}, map[time.Duration]bool{}
		var texts []string
		for range rapid.IntRange(1, 120).Draw(rt, "words") {
			text := rapid.StringMatching(`[a-z]{1,12}[,.?]?`).Draw(rt, "word")
			w := transcript.Word{Text: text, Start: at, End: at + time.Duration(rapid.IntRange(20, 900).Draw(rt, "length"))*time.Millisecond}
			at = w.End + time.Duration(rapid.SampledFrom([]int{0, 40, 80, 600, 3000}).Draw(rt, "pause"))*time.Millisecond
			starts[w.Start], ends[w.End] = true, true
			seg.Words = append(seg.Words, w)
			texts = append(texts, text)
			seg.End = w.End
		}
		seg.Text = strings.Join(texts, " ")
		tr := &transcript.Transcript{Segments: []transcript.Segment{seg}, Duration: seg.End}
		var b strings.Builder
		if err := transcript.Write(&b, transcript.SRT, tr, transcript.WriteOptions{}); err != nil {
			rt.Fatal(err)
		}
		cues, err := transcript.Read(strings.NewReader(b.String()), transcript.SRT)
		if err != nil {
			rt.Fatal(err)
		}
		if got := cues.Text(); got != seg.Text {
			rt.Errorf("got text %q, want %q", got, seg.Text)
		}
		for _, c := range cues.Segments {
			if !starts[c.Start] || !ends[c.End] {
				rt.Errorf("cue %v to %v does not begin and end with a word", c.Start, c.End)
			}
			if c.End-c.Start > 7*time.Second {
				rt.Errorf("cue %q stands for %v", c.Text, c.End-c.Start)
			}
		}
		for block := range strings.SplitSeq(strings.TrimSpace(b.String()), "\n\n") {
			lines := strings.Split(block, "\n")[2:]
			if len(lines) > 2 || slices.ContainsFunc(lines, func(l string) bool { return len(l) > 42 }) {
				rt.Errorf("cue does not fit two lines of 42: %q", lines)
			}
		}
	})
}

func TestCues(t *testing.T) {
	for name, c := range map[string]struct {
		segment transcript.Segment
		o       transcript.WriteOptions
		want    []string // start-end line|line
	}{
		"a cue ends with the sentence, not with the line": {
			segment(transcript.Mixed, 0, 10, "The first sentence is a rather short one here. Then comes a second that is not much longer than that one."),
			transcript.WriteOptions{},
			[]string{"0s-4.238s The first sentence is a|rather short one here.", "4.286s-10s Then comes a second that is|not much longer than that one."},
		},
		"a cue ends at a pause": {
			transcript.Segment{Start: 0, End: at(8), Channel: transcript.Mixed, Text: "we waited there for a long time and nobody came to open the door so we went home again in the rain",
				Words: append(words(0, 3, strings.Fields("we waited there for a long time and nobody came")...),
					words(5, 8, strings.Fields("to open the door so we went home again in the rain")...)...)},
			transcript.WriteOptions{},
			[]string{"0s-2.97s we waited there for a|long time and nobody came", "5s-8s to open the door so we went|home again in the rain"},
		},
		"a line breaks where both halves are even": {
			segment(transcript.Mixed, 0, 4, "one two three four five six seven eight nine ten"),
			transcript.WriteOptions{},
			[]string{"0s-4s one two three four five|six seven eight nine ten"},
		},
		"Chinese breaks between characters, two columns each, and no line begins with a mark": {
			transcript.Segment{Start: 0, End: at(6), Channel: transcript.Mixed, Text: "我们明天早上八点在车站见面，好不好？"},
			transcript.WriteOptions{LineWidth: 24},
			[]string{"0s-6s 我们明天早上八点在|车站见面，好不好？"},
		},
		"Korean breaks at spaces alone": {
			transcript.Segment{Start: 0, End: at(5), Channel: transcript.Mixed, Text: "안녕하세요 여러분 반갑습니다"},
			transcript.WriteOptions{LineWidth: 18},
			[]string{"0s-5s 안녕하세요 여러분|반갑습니다"},
		},
		"words of a script without spaces give times to their characters": {
			transcript.Segment{Start: 0, End: at(4), Channel: transcript.Mixed, Text: "東京タワー",
				Words: []transcript.Word{{Text: "東京", Start: 0, End: at(1)}, {Text: "タワー", Start: at(3), End: at(4)}}},
			transcript.WriteOptions{LineWidth: 6, CueLines: 1},
			[]string{"0s-1s 東京", "3s-4s タワー"},
		},
		"a word wider than a line stays whole": {
			segment(transcript.Mixed, 0, 6, "see https://example.org/a/very/long/path/that/does/not/fit now"),
			transcript.WriteOptions{LineWidth: 20},
			[]string{"0s-1.8s see", "2s-3.8s https://example.org/a/very/long/path/that/does/not/fit", "4s-6s now"},
		},
		"a text that the words do not fit is cut by width": {
			transcript.Segment{Start: 0, End: at(14), Channel: transcript.Mixed, Text: "aaaa bbbb", Words: words(0, 14, "cccc", "dddd")},
			transcript.WriteOptions{},
			[]string{"0s-7s aaaa", "7s-14s bbbb"},
		},
		"a cue reaches into the silence of its segment no further than it may stand": {
			transcript.Segment{Start: 0, End: at(60), Channel: transcript.Mixed, Text: "one two", Words: words(30, 32, "one", "two")},
			transcript.WriteOptions{},
			[]string{"30s-37s one two"},
		},
		"marks go with the word they touch": {
			transcript.Segment{Start: 0, End: at(8), Channel: transcript.Mixed, Text: `he said "hello" — (quietly)`, Words: words(0, 8, "he", "said", "hello", "quietly")},
			transcript.WriteOptions{LineWidth: 10, CueLines: 1},
			[]string{`0s-3.8s he said`, `4s-5.8s "hello" —`, `6s-8s (quietly)`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			tr := &transcript.Transcript{Segments: []transcript.Segment{c.segment}}
			text := write(t, transcript.SRT, tr, c.o)
			read, err := transcript.Read(strings.NewReader(text), transcript.SRT)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for i, block := range strings.Split(strings.TrimSpace(text), "\n\n") {
				s := read.Segments[i]
				lines := strings.Split(block, "\n")[2:]
				got = append(got, s.Start.String()+"-"+s.End.String()+" "+strings.Join(lines, "|"))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
