package manifest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/asr-backend/asr-backend/internal/jsonerr"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/transcript"
)

// Words holds the words of texts that people changed, by annotation, as GET /corrections of
// the service gives them: one JSON object per line.
//
//	{"annotation":9,"corrected":[{"start":1.5,"end":3,"text":"hello","words":[{"text":"hello","start":1.6,"end":2.1,"confidence":0.9}],"timed":true}]}
type Words struct{ annotations map[int64][]passage }

// passage is a text of an annotation: of a region, or with an End of zero of a whole
// recording.
type passage struct {
	Start   float64 `json:"start"` // seconds, like all times
	End     float64 `json:"end"`
	Text    string  `json:"text"`
	Plan    int     `json:"plan"`
	Channel int     `json:"channel"`
	Timed   bool    `json:"timed"` // its words were looked for
	Words   []struct {
		Text       string  `json:"text"`
		Start      float64 `json:"start"`
		End        float64 `json:"end"`
		Confidence float64 `json:"confidence"`
	} `json:"words"`
}

// longestLine bounds a line in bytes: an hour of speech has a megabyte of words.
const longestLine = 64 << 20

// ReadWords reads the corrections of a project. Errors name the line.
func ReadWords(r io.Reader) (*Words, error) {
	out := &Words{map[int64][]passage{}}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, longestLine)
	n := 0
	for lines.Scan() {
		n++
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		if cause, failed := strings.CutPrefix(line, "error: "); failed {
			return nil, fmt.Errorf("line %d: the service could not read all corrections: %s", n, cause)
		}
		var correction struct {
			Annotation *int64    `json:"annotation"`
			Corrected  []passage `json:"corrected"`
		}
		if err := json.Unmarshal([]byte(line), &correction); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, jsonerr.Explain(err))
		}
		if correction.Annotation == nil {
			return nil, fmt.Errorf("line %d: no correction: it names no annotation", n)
		}
		out.annotations[*correction.Annotation] = correction.Corrected
	}
	if err := lines.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("longer than %d bytes", longestLine)
		}
		return nil, fmt.Errorf("line %d: %w", n+1, err)
	}
	return out, nil
}

// Fill adds the words of the annotation to segments that have none, and returns how many
// segments are left without.
func (w *Words) Fill(s *Spoken) (missing int) {
	for i := range s.Transcript.Segments {
		seg := &s.Transcript.Segments[i]
		if len(seg.Words) > 0 {
			continue
		}
		for _, p := range w.annotations[s.Annotation] {
			if words := p.words(); p.of(s, seg) && transcript.JoinWords(words) == normal(seg.Text) {
				seg.Words = inside(seg, words)
				break
			}
		}
		if len(seg.Words) == 0 {
			missing++
		}
	}
	return missing
}

// of reports whether a segment is the passage. Segments were cut to their recording.
func (p *passage) of(s *Spoken, seg *transcript.Segment) bool {
	if !p.Timed || p.Plan != s.Plan || normal(p.Text) != normal(seg.Text) {
		return false
	}
	if p.End == 0 {
		return seg.Start == 0 && seg.End == s.Transcript.Duration
	}
	start, end := max(timeline.FromSeconds(p.Start), 0), timeline.FromSeconds(p.End)
	if d := s.Transcript.Duration; d > 0 {
		end = min(end, d)
	}
	return start == seg.Start && end == seg.End && (seg.Channel == transcript.Mixed || p.Channel == seg.Channel)
}

func (p *passage) words() []transcript.Word {
	out := make([]transcript.Word, len(p.Words))
	for i, w := range p.Words {
		out[i] = transcript.Word{Text: w.Text, Start: timeline.FromSeconds(w.Start), End: timeline.FromSeconds(w.End), Confidence: w.Confidence}
	}
	return out
}

// normal returns a text with single spaces.
func normal(text string) string { return strings.Join(strings.Fields(text), " ") }
