package recordings

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/service/progress"
	"github.com/asr-backend/asr-backend/transcript"
)

// Summary is what lists say of a recording that was transcribed. It is kept with the job, so that
// no transcript has to be read for it; jobs of earlier programs have none. A list reads a hundred
// thousand of them at once, so it is a line of names and numbers:
//
//	length_s=90.5 confidence=0.875 speed=31.4 rows=16d5e09cf4b8b3c1-0b9e…
//
// The names are on users' disks. Unknown ones are passed over.
type Summary struct {
	LengthS    float64
	Confidence float64 // the mean of the words
	// Speed is in seconds of audio a second, of the attempt that came to the end; 0 for a
	// transcript that was copied, or decoded from rows that were kept.
	Speed float64
	// Rows names the rows that the job keeps, or has kept: their version, see
	// transcribe.Options.RowsVersion, a hyphen, and the digest of the file. It is empty if it keeps
	// none.
	Rows string
}

// Text writes the line.
func (s Summary) Text() []byte {
	text := fmt.Appendf(nil, "length_s=%.3f confidence=%.4f speed=%.2f", s.LengthS, s.Confidence, s.Speed)
	if s.Rows != "" {
		text = append(append(text, " rows="...), s.Rows...)
	}
	return text
}

// ParseSummary reads the summary of a transcription's job; ok is false if there is none.
func ParseSummary(raw []byte) (s Summary, ok bool) {
	for field := range bytes.FieldsSeq(raw) {
		name, number, _ := bytes.Cut(field, []byte("="))
		if string(name) == "rows" {
			s.Rows = string(number)
			continue
		}
		x, err := strconv.ParseFloat(string(number), 64)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) || x < 0 {
			continue
		}
		switch string(name) {
		case "length_s":
			s.LengthS, ok = x, true
		case "confidence":
			s.Confidence = min(x, 1)
		case "speed":
			s.Speed = x
		}
	}
	return s, ok
}

// summary returns that of a transcript that was made at a speed.
func summary(t *transcript.Transcript, speed float64) Summary {
	words, sum := 0, 0.0
	for i := range t.Segments {
		for _, w := range t.Segments[i].Words {
			words, sum = words+1, sum+w.Confidence
		}
	}
	s := Summary{LengthS: t.Duration.Seconds(), Confidence: t.Confidence, Speed: speed}
	if words > 0 {
		s.Confidence = sum / float64(words)
	}
	return s
}

// Progress returns how far the transcription of a job is; ok is false if it does not run here.
func (r *Recordings) Progress(key string) (now progress.Running, ok bool) { return r.progress.Of(key) }

// Left returns how long a transcription is expected to take from now on; ok is false if nothing
// is known of that.
func (r *Recordings) Left(q *jobs.Queue, job *jobs.Job) (left time.Duration, ok bool) {
	return r.progress.Expected(q, job)
}
