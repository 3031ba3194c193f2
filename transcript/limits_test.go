package transcript_test

import (
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/transcript"
)

// What is allocated in all bounds what is held at once. Only the formats that sort or
// look ahead may grow with the transcript, by less than 600 bytes a word.
func TestWritingTenHoursNeedsLittleMemory(t *testing.T) {
	tr := tenHours()
	words := 0
	for _, s := range tr.Segments {
		words += len(s.Words)
	}
	for _, f := range transcript.Formats() {
		limit := uint64(1 << 20)
		switch f {
		case transcript.SRT, transcript.VTT, transcript.CTM, transcript.TextGrid:
			limit = uint64(600 * words)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := transcript.Write(io.Discard, f, tr, transcript.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > limit && !poolsLeak {
			t.Errorf("%s: writing %d words allocated %d bytes, want at most %d", f, words, got, limit)
		}
	}
}

// endless repeats a text for ever.
type endless struct {
	text string
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	for n := 0; n < len(p); {
		copied := copy(p[n:], e.text[e.at:])
		n += copied
		e.at = (e.at + copied) % len(e.text)
	}
	return len(p), nil
}

func forever(text string) io.Reader { return &endless{text: text} }

func TestReadEndsForInputsWithoutEnd(t *testing.T) {
	blank := strings.Repeat(" ", 2000) + "\n"
	for name, c := range map[string]struct {
		format transcript.Format
		in     io.Reader
		want   string
	}{
		"blank lines for ever":       {transcript.SRT, forever(blank), "the input is larger than 256 MiB"},
		"a line without end":         {transcript.Text, forever("lalala"), "line 1: the line is longer than 16 MiB"},
		"lines for ever":             {transcript.Text, forever("la\n"), "line 1048577: more than 1048576 segments"},
		"words for ever":             {transcript.CTM, forever("a 1 0 1 la\n"), "line 4194305: more than 4194304 words"},
		"a string in Praat's quotes": {transcript.TextGrid, io.MultiReader(strings.NewReader(`"ooTextFile" "`), forever("lalala")), "the line is longer than 16 MiB"},
		"JSON objects for ever":      {transcript.JSON, io.MultiReader(strings.NewReader(`[`), forever("{},")), "more than 1048576 segments"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.format == transcript.CTM && testing.Short() {
				t.Skip("four million words take half a gigabyte")
			}
			_, err := transcript.Read(c.in, c.format)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want %q in it", err, c.want)
			}
		})
	}
}

var errBroken = errors.New("disk on fire")

// broken fails after n bytes.
type broken struct{ n int }

func (b *broken) Write(p []byte) (int, error) {
	if b.n -= len(p); b.n < 0 {
		return 0, errBroken
	}
	return len(p), nil
}

func (b *broken) Read(p []byte) (int, error) {
	n := copy(p[:min(len(p), max(b.n, 0))], strings.Repeat(" ", len(p)))
	if b.n -= n; n == 0 {
		return 0, errBroken
	}
	return n, nil
}

func TestErrorsOfTheFileReachTheCaller(t *testing.T) {
	for _, f := range transcript.Formats() {
		if err := transcript.Write(&broken{10}, f, odd(), transcript.WriteOptions{}); !errors.Is(err, errBroken) {
			t.Errorf("write %s: got error %v, want %v", f, err, errBroken)
		}
		_, err := transcript.Read(&broken{10}, f)
		if unreadable := f == transcript.NeMoManifest; errors.Is(err, errBroken) == unreadable {
			t.Errorf("read %s: got error %v, want %v", f, err, errBroken)
		}
	}
}
