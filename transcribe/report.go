package transcribe

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/asr-backend/asr-backend/align"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/transcript"
)

// WriteReport writes, as JSON, how text and recording agree: the number of words, of those
// that were found, of those that the model cannot spell if there are any, and each mismatch,
// in seconds from the start.
func (a *Aligned) WriteReport(w io.Writer, text string) error {
	type mismatch struct {
		Verdict    string  `json:"verdict"`
		Start      float64 `json:"start"`
		End        float64 `json:"end"`
		Channel    *int    `json:"channel,omitempty"`
		Segment    int     `json:"segment"`
		Text       string  `json:"text"`
		Recognized string  `json:"recognized"`
	}
	report := struct {
		Recording   string     `json:"recording"`
		Text        string     `json:"text"`
		Model       string     `json:"model_version"`
		Words       int        `json:"words"`
		Found       int        `json:"found"`
		Unspellable int        `json:"unspellable,omitempty"`
		Mismatches  []mismatch `json:"mismatches"`
	}{a.Transcript.Source, text, a.Transcript.ModelVersion, a.Words, a.Found, a.Unspellable, []mismatch{}}
	for i := range a.Mismatches {
		m := &a.Mismatches[i]
		out := mismatch{m.Verdict.String(), seconds(m.Start), seconds(m.End), nil, m.Segment, m.Text, m.Recognized}
		if m.Channel != transcript.Mixed {
			out.Channel = &m.Channel
		}
		report.Mismatches = append(report.Mismatches, out)
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(report); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// seconds rounds to milliseconds, as the formats do.
func seconds(d time.Duration) float64 { return d.Round(time.Millisecond).Seconds() }

// String describes a mismatch in a line.
func (m *Mismatch) String() string {
	at := timeline.ClockTenths(m.Start) + " to " + timeline.ClockTenths(m.End)
	switch m.Verdict {
	case align.Insertion:
		return fmt.Sprintf("%s: not in the text: recognized %s", at, excerpt(m.Recognized))
	case align.Deletion:
		return fmt.Sprintf("%s: not in the recording: %s", at, excerpt(m.Text))
	case align.Unspellable:
		return fmt.Sprintf("%s: cannot be spelled with the letters of the model: %s", at, excerpt(m.Text))
	}
	return fmt.Sprintf("%s: the text has %s, recognized %s", at, excerpt(m.Text), excerpt(m.Recognized))
}

// excerpt quotes a text, of a long one its beginning and end.
func excerpt(text string) string {
	const most = 60
	if r := []rune(text); len(r) > most {
		text = string(r[:most/2]) + " … " + string(r[len(r)-most/2:])
	}
	return fmt.Sprintf("%q", text)
}
