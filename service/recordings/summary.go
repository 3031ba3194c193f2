package recordings

import (
	"encoding/json"
	"math"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/service/progress"
	"github.com/asr-backend/asr-backend/transcript"
)

// Summary is what lists say of a recording that was transcribed. It is kept with the job, so that
// no transcript has to be read for it; jobs of earlier programs have none. The names of its fields
// are on users' disks.
type Summary struct {
	LengthS    float64 `json:"length_s"`
	Confidence float64 `json:"confidence"` // the mean of the words
	// Speed is in seconds of audio a second, of the attempt that came to the end; 0 for a
	// transcript that was copied.
	Speed float64 `json:"speed,omitempty"`
}

// ParseSummary reads the summary of a transcription's job; ok is false if there is none.
func ParseSummary(raw []byte) (s Summary, ok bool) {
	return s, len(raw) > 0 && json.Unmarshal(raw, &s) == nil
}

// note is what is kept with the job of a transcript.
func note(t *transcript.Transcript, speed float64) (jobs.Note, error) {
	words, sum := 0, 0.0
	for i := range t.Segments {
		for _, w := range t.Segments[i].Words {
			words, sum = words+1, sum+w.Confidence
		}
	}
	s := Summary{LengthS: round(t.Duration.Seconds(), 1e3), Confidence: t.Confidence, Speed: round(speed, 1e2)}
	if words > 0 {
		s.Confidence = sum / float64(words)
	}
	s.Confidence = round(s.Confidence, 1e4)
	raw, err := json.Marshal(s)
	return jobs.Note{Title: t.Source, Summary: raw}, err
}

// Progress returns how far the transcription of a job is; ok is false if it does not run here.
func (r *Recordings) Progress(key string) (now progress.Running, ok bool) { return r.progress.Of(key) }

// Left returns how long a transcription is expected to take from now on; ok is false if nothing
// is known of that.
func (r *Recordings) Left(q *jobs.Queue, job *jobs.Job) (left time.Duration, ok bool) {
	return r.progress.Expected(q, job)
}

func round(x, steps float64) float64 { return math.Round(x*steps) / steps }
