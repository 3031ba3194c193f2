// Package corrections keeps what people make of predictions: the corrected texts, how often
// the prediction was wrong, and when each word of a corrected text is said.
//
//	annotation saved (webhook) ──Record──> Correction stored ──> word error rate by version
//	                                            │
//	                                            └──> job "retime": align the texts
//	                                                     ├──> Passage.Words
//	                                                     └──> rows of Paragraphs
//
// # What is compared
//
// An annotation is compared with what is predicted for its task in the project's present
// version, if the recording has been transcribed in it, else in the last version in which it was. Both sides are passages: the texts of
// regions or, on a page without regions, the text of the whole recording. An annotation
// without text says nothing about a prediction and is not kept. One of more than MaxWords words
// is kept without its texts and with the reason; it does not count.
//
// # Word times
//
// A text that was predicted has the times of its words in its item's meta. Once a person
// changes it these are those of other words, and a region that a person drew and wrote has
// none. Such texts are aligned with the recording by a job of their own, with the lowest
// priority since nobody waits for it. A text whose words are known is not aligned again.
//
// An annotation is never written to. Label Studio cannot be asked to change one only if it
// is what it was, so the change of a person who saves at the same moment would be lost. Nor
// is a prediction made of what a person wrote: others who annotate the task would see it.
// What is written is the task's data, and only rows of Paragraphs (paragraphs.go); no webhook
// reports that, so nothing here answers to itself.
//
// # Where it is kept
//
// In the values of the project: "pair/<annotation>" holds the Correction and
// "rate/<annotation>" its word error counts, the small part that is read for /status.
// GET /corrections?project=7 gives all corrections of a project with their words (export.go).
package corrections

import (
	"errors"
	"log/slog"

	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/queue"
	"github.com/asr-backend/asr-backend/service/recordings"
)

// Options are what Corrections are made of. Queue, Projects and Recordings are required.
type Options struct {
	Queue      *queue.Queue
	Projects   *projects.Registry
	Recordings *recordings.Recordings
	Client     *api.Client  // nil: Paragraphs are left alone and RecordAll does nothing
	Logger     *slog.Logger // nil: no log
}

// Corrections keeps corrections. It is safe for concurrent use.
type Corrections struct {
	Options
	log   *slog.Logger
	rates *rates
}

// New returns Corrections.
func New(o Options) (*Corrections, error) {
	if o.Queue == nil || o.Projects == nil || o.Recordings == nil {
		return nil, errors.New("corrections: Options are incomplete")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Corrections{Options: o, log: o.Logger, rates: newRates()}, nil
}
