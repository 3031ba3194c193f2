package transcript_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/transcript"
)

// The examples of doc/formats.md are the output for this transcript.
func news() *transcript.Transcript {
	ms := time.Millisecond
	return &transcript.Transcript{
		Source: "news.wav", Duration: 4200 * ms, Language: "en", Model: "fastconformer-ctc", ModelVersion: "fc-1a2b3c", Confidence: 0.9134,
		Segments: []transcript.Segment{
			{Start: 480 * ms, End: 1520 * ms, Text: "Good evening.", Confidence: 0.9402, Channel: transcript.Mixed, Words: []transcript.Word{
				{Text: "Good", Start: 480 * ms, End: 760 * ms, Confidence: 0.9711}, {Text: "evening.", Start: 800 * ms, End: 1520 * ms, Confidence: 0.9093}}},
			{Start: 2062500 * time.Microsecond, End: 3680 * ms, Text: "It is ten.", Confidence: 0.8866, Channel: transcript.Mixed, Words: []transcript.Word{
				{Text: "It", Start: 2062500 * time.Microsecond, End: 2320 * ms, Confidence: 0.8012}, {Text: "is", Start: 2400 * ms, End: 2640 * ms, Confidence: 0.9054},
				{Text: "ten.", Start: 2800 * ms, End: 3680 * ms, Confidence: 0.9532}}},
		},
		Diagnostics: transcript.Diagnostics{Decoding: "greedy", Windows: 1},
	}
}

func TestExamplesInTheDocumentationAreWhatIsWritten(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(oracle.Root(t), "doc", "formats.md"))
	if err != nil {
		t.Fatal(err)
	}
	sections := strings.Split(string(page), "\n## ")
	for _, f := range transcript.Formats() {
		shown := false
		for _, s := range sections {
			if !strings.HasPrefix(s, string(f)+"\n") && !strings.HasPrefix(s, string(f)+" ") {
				continue
			}
			_, block, _ := strings.Cut(s, "\n```")
			_, block, _ = strings.Cut(block, "\n")
			block, _, shown = strings.Cut(block, "```")
			text := write(t, f, news(), transcript.WriteOptions{})
			// A line of dots stands for what is left out.
			for part := range strings.SplitSeq(block, "…\n") {
				if !strings.Contains(text, part) {
					t.Errorf("%s: the example is not what is written, which is\n%s", f, text)
				}
			}
		}
		if !shown {
			t.Errorf("no example of %s", f)
		}
	}
}
