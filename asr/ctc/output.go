package ctc

import (
	"time"

	"github.com/asr-backend/asr-backend/asr/mel"
	"github.com/asr-backend/asr-backend/timeline"
)

// Output is what a model outputs for a part of one channel of a recording.
type Output struct {
	Vocabulary *Vocabulary
	// First is the recording's row at which the part begins: Rows[i] is row First+i.
	First timeline.Row
	// Samples is the length of the part.
	Samples timeline.Sample
	Rows    []Row
	// Levels is the loudness of each mel frame of the part.
	Levels []mel.Level
	// Shift is the model's measured constant, to be added to the time of every row.
	Shift time.Duration
}
