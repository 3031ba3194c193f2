// Package transcribe turns a recording into a transcript: it joins audio (samples), asr
// (rows), align (words and regions) and transcript (the result), and decides nothing
// that one of them could.
//
// [Transcriber.Recognize] opens a recording and runs the model on it. The [Recognition] then
// gives the transcript, the times of a text that came from elsewhere, or those of the words
// of a region.
package transcribe

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/asr-backend/asr-backend/align"
	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/transcript"
)

// Options are the settings of all recordings of a Transcriber. The zero value is useful.
type Options struct {
	// Channels says which channels of a recording are recognized, and whether they are mixed.
	Channels audio.Channels
	// Track is the audio track of a file with several, counted from 1; zero is the one that
	// the file itself prefers.
	Track int
	// Regions shape the result.
	Regions align.RegionOptions
	// Hotwords are words and phrases that are expected. With them, or if the recognizer has a
	// language model, the text is searched for; otherwise it is the best piece of each row.
	Hotwords []beam.Phrase
	// Knowledge is what is known of the language of the recordings, or nil.
	Knowledge *Knowledge
	// NBest is how many texts a segment has at most, its own and alternatives; 0 means 1.
	NBest int
	// FFmpeg is the path of ffmpeg, see audio.Options.
	FFmpeg string
}

// Transcriber transcribes recordings with one recognizer and one set of options. It may be
// used by many goroutines.
type Transcriber struct {
	recognizer   *asr.Recognizer
	options      Options
	version      string
	search       *beam.Search // nil: the text is the greedy one
	bias         *beam.Bias   // of a transducer, or nil
	alternatives *beam.Search // for the alternatives of a region; nil: there are none
	unwritable   string       // a warning of hotwords, or empty
}

// generation changes when the same model and settings give other text or times than
// before. A test compares its output with the digest kept for each generation.
const generation = 2

// New returns a Transcriber. The recognizer stays the caller's to close. Hotwords that cannot be
// used are an error.
func New(r *asr.Recognizer, o Options) (*Transcriber, error) {
	phrases, err := o.phrases()
	if err != nil {
		return nil, err
	}
	if o.NBest < 0 || o.NBest > MostAlternatives {
		return nil, fmt.Errorf("transcribe: %d texts of a segment; want 1 to %d", o.NBest, MostAlternatives)
	}
	t := &Transcriber{recognizer: r, options: o, version: o.Version(r.Identity())}
	if t.search, err = o.Knowledge.apply(r.Search(phrases)); err != nil {
		return nil, fmt.Errorf("transcribe: %w", err)
	}
	if o.alternatives() > 0 && !r.Transducer() {
		if t.alternatives, err = o.Knowledge.apply(r.SearchAlternatives(phrases)); err != nil {
			return nil, fmt.Errorf("transcribe: %w", err)
		}
	}
	if r.Transducer() {
		if t.bias, err = r.Bias(phrases); err != nil {
			return nil, fmt.Errorf("transcribe: %w", err)
		}
	}
	t.unwritable = unwritable(r.Bundle().Vocabulary, o.Hotwords)
	return t, nil
}

// Version names a model and all settings that change its answers: equal versions give
// equal transcripts of equal recordings. It is the model's name and twelve hex digits.
func (o Options) Version(id asr.Identity) string {
	if id.LM == "" && len(o.Hotwords) == 0 && o.Knowledge.version() == "" && o.alternatives() == 0 {
		id.Beam = 0 // there is no search
	}
	alternatives := o.alternatives()
	if id.Transducer != "" {
		alternatives = 0 // there are none
	}
	settings, err := json.Marshal(struct {
		Generation int
		Model      asr.Identity
		Channels   audio.Channels
		Track      int `json:",omitempty"`
		Regions    align.RegionOptions
		Hotwords   []beam.Phrase `json:",omitempty"`
		NBest      int           `json:",omitempty"`
		Knowledge  string        `json:",omitempty"`
	}{generation, id, o.Channels, o.Track, o.Regions, beam.Canonical(o.Hotwords), alternatives, o.Knowledge.version()})
	if err != nil {
		panic(err) // only plain values
	}
	sum := sha256.Sum256(settings)
	return id.Name + "-" + hex.EncodeToString(sum[:6])
}

// alternatives returns NBest, or 0 if segments have no other text than their own.
func (o *Options) alternatives() int {
	if o.NBest < 2 {
		return 0
	}
	return o.NBest
}

// Version returns Options.Version for the recognizer in use.
func (t *Transcriber) Version() string { return t.version }

// Transcribe returns the transcript of a recording.
func (t *Transcriber) Transcribe(ctx context.Context, source Source, q Request) (*transcript.Transcript, error) {
	r, err := t.Recognize(ctx, source, q)
	if err != nil {
		return nil, err
	}
	return r.Transcript(), r.Close()
}

// Align gives a text the times at which it is spoken in a recording, see Recognition.Align.
// A text that no recording could have gives ErrNoWords or ErrUnspellable before the recording
// is opened.
func (t *Transcriber) Align(ctx context.Context, source Source, text *transcript.Transcript, language string, q Request) (*Aligned, error) {
	if err := t.checkText(text, language); err != nil {
		return nil, err
	}
	q.KeepLogProbs = true
	r, err := t.Recognize(ctx, source, q)
	if err != nil {
		return nil, err
	}
	aligned, err := r.Align(ctx, text, language)
	return aligned, errors.Join(err, r.Close())
}
