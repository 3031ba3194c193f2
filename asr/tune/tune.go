// Package tune chooses how much a language model counts, on recordings whose texts are known.
//
// Three numbers matter beside the language model itself: its weight, the bonus of each word that
// makes up for what words cost, and the penalty of blank; see package beam. Too small a weight
// leaves spelling mistakes, too large a one writes what is usual and not what was said, and with
// too small a penalty what was said unclearly is left out. Which are best depends
// on both models, and on the speech, so they are chosen on recordings like those to come that
// the models were not trained on. [Recognize] runs the acoustic model once and keeps what a
// search needs of its output. [Tune] then decodes it with many settings and counts word errors.
//
// # The way through the settings
//
// Pattern search (Hooke and Jeeves, JACM 1961): from the settings so far, each of the numbers is
// tried a step higher and a step lower, and the best of these becomes the next.
// When none is better the steps are halved, down to [Options.Finest]. The error is smooth enough
// in all of them for that, and steps do not depend on the machine, so the result is the same each time.
package tune

import (
	"context"
	"errors"
	"math"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/wer"
)

// Clip is what is kept of a recording: its rows for a search, and the words said in it.
type Clip struct {
	Words      []string
	blanks     []float32 // the log-probability of blank of each row
	candidates ctc.Candidates
}

// Rows is how many rows the clip has.
func (c *Clip) Rows() int { return len(c.blanks) }

// NewClip returns a clip of words, given the log-probability of blank of each row and its candidates.
func NewClip(words []string, blanks []float32, candidates ctc.Candidates) *Clip {
	return &Clip{Words: words, blanks: blanks, candidates: candidates}
}

// Recognize returns a clip of the first channel of a recording.
func Recognize(ctx context.Context, r *asr.Recognizer, blocks asr.Blocks, text string) (*Clip, error) {
	c := &Clip{Words: wer.Normalize(text)}
	_, err := r.Recognize(ctx, blocks, asr.Request{Search: func(channel int, _ timeline.Row, row *ctc.Row, pieces []ctc.Candidate, sure float32) error {
		if channel == 0 {
			c.blanks = append(c.blanks, row.Blank)
			c.candidates.AppendRow(pieces, sure)
		}
		return nil
	}})
	return c, err
}

// Decode returns the tokens that a search finds in a clip.
func (c *Clip) Decode(d *beam.Decoder) []ctc.Token {
	d.Reset(0)
	var tokens []ctc.Token
	for i, blank := range c.blanks {
		pieces, sure := c.candidates.Row(i)
		d.PushCandidates(blank, pieces, sure)
		tokens = append(tokens, d.Take()...)
	}
	return append(tokens, d.Best()...)
}

// Options say what is tuned. Vocabulary and Search.Lexicon are required.
type Options struct {
	Vocabulary *ctc.Vocabulary
	// Search is how texts are searched for; its Weight, Bonus and BlankPenalty are where tuning
	// begins.
	Search beam.Options
	// Finest is the smallest step of the weight; those of the others are five times as large.
	// 0 means 0.05.
	Finest float32
	// Tried, if set, is called with each setting that was tried.
	Tried func(Point)
}

// Point is a setting and its word errors.
type Point struct {
	Setting
	Errors wer.Errors
}

// Setting is what is tuned of beam.Options.
type Setting struct{ Weight, Bonus, BlankPenalty float32 }

// first is the first step of the weight. Those of the others are otherSteps as large.
const (
	first      = 0.2
	otherSteps = 5
)

// Tune returns the settings with the fewest word errors that it finds, and the errors of those
// where it began.
func Tune(ctx context.Context, clips []*Clip, o Options) (best, began Point, err error) {
	if o.Search.Lexicon == nil {
		return best, began, errors.New("tune: there is no language model")
	}
	if o.Finest == 0 {
		o.Finest = 0.05
	}
	t := tuner{o: &o, clips: clips, known: map[Setting]Point{}}
	if best, err = t.point(ctx, Setting{o.Search.Weight, o.Search.Bonus, o.Search.BlankPenalty}); err != nil {
		return best, began, err
	}
	began = best
	for step := float32(first); step >= o.Finest-tiny; {
		next := best
		for _, s := range best.around(step) {
			if s.Weight < o.Finest-tiny || t.options(s).Check() != nil {
				continue
			}
			p, err := t.point(ctx, s)
			if err != nil {
				return best, began, err
			}
			if p.Errors.Rate() < next.Errors.Rate() {
				next = p
			}
		}
		if next == best {
			step /= 2
		}
		best = next
	}
	return best, began, nil
}

// tiny is less than any step.
const tiny = 1e-4

// around returns the settings that are a step away.
func (s Setting) around(step float32) []Setting {
	var out []Setting
	for _, step := range []float32{step, -step} {
		out = append(out, Setting{s.Weight + step, s.Bonus, s.BlankPenalty},
			Setting{s.Weight, s.Bonus + step*otherSteps, s.BlankPenalty},
			Setting{s.Weight, s.Bonus, s.BlankPenalty + step*otherSteps})
	}
	return out
}

// rounded returns the setting without what sums of steps differ by in their last digits.
func (s Setting) rounded() Setting {
	round := func(v float32) float32 { return float32(math.Round(float64(v)*1000) / 1000) }
	return Setting{round(s.Weight), round(s.Bonus), round(s.BlankPenalty)}
}

type tuner struct {
	o     *Options
	clips []*Clip
	known map[Setting]Point
}

// options returns those of a search with a setting.
func (t *tuner) options(s Setting) beam.Options {
	s = s.rounded()
	o := t.o.Search
	o.Weight, o.Bonus, o.BlankPenalty = s.Weight, s.Bonus, s.BlankPenalty
	return o
}

// point decodes all clips with a setting.
func (t *tuner) point(ctx context.Context, s Setting) (Point, error) {
	s = s.rounded()
	if p, ok := t.known[s]; ok {
		return p, nil
	}
	search, err := beam.New(t.o.Vocabulary, t.options(s))
	if err != nil {
		return Point{}, err
	}
	p := Point{Setting: s}
	if p.Errors, err = Errors(ctx, t.clips, search, t.o.Vocabulary); err != nil {
		return p, err
	}
	t.known[s] = p
	if t.o.Tried != nil {
		t.o.Tried(p)
	}
	return p, nil
}

// Errors counts the word errors that a search makes in clips, on all cores.
func Errors(ctx context.Context, clips []*Clip, s *beam.Search, v *ctc.Vocabulary) (wer.Errors, error) {
	each := make([]wer.Errors, len(clips))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			d := s.Decoder(0)
			for i := int(next.Add(1) - 1); i < len(clips) && ctx.Err() == nil; i = int(next.Add(1) - 1) {
				each[i] = wer.CompareWords(clips[i].Words, wer.Normalize(v.TokenText(clips[i].Decode(d))))
			}
		})
	}
	workers.Wait()
	var sum wer.Errors
	for _, e := range each {
		sum.Add(e)
	}
	return sum, context.Cause(ctx)
}
