package transcribe

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/asr-backend/asr-backend/align"
	"github.com/asr-backend/asr-backend/align/logprobs"
	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/transcript"
)

// Recognition is what the model recognized in a recording. It must be closed. It is for one
// goroutine.
type Recognition struct {
	t           *Transcriber
	name        string
	request     Request
	length      timeline.Sample
	diagnostics []audio.Diagnostic
	channels    []channel
	stores      []*logprobs.Store // of the channels; nil unless asked for
	exact       bool              // texts are cut into pieces as in training
}

// channel is the recognition of one channel.
type channel struct {
	*asr.Result
	number int             // of the channel in the recording, or transcript.Mixed
	copied bool            // an earlier channel carries the same sound
	store  *logprobs.Store // nil if log-probabilities were not kept
	// candidates are those of all rows; nil unless texts are searched for once more.
	candidates *ctc.Candidates
}

// Recognize runs the model on a recording. The caller closes the Recognition.
func (t *Transcriber) Recognize(ctx context.Context, source Source, q Request) (_ *Recognition, err error) {
	s, err := source.open(ctx, t.audioOptions(q))
	if err != nil {
		return nil, err
	}
	defer s.Close() // of a file that was only read
	r := &Recognition{t: t, name: source.name(), request: q}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	if q.KeepLogProbs {
		if err := r.keepLogProbs(&q.Request); err != nil {
			return nil, err
		}
	}
	if q.Opened != nil {
		q.Opened(s.Info())
	}
	var texts searches
	if !q.KeepLogProbs {
		texts.search, texts.keep = t.search, t.options.alternatives() > 0 && !t.recognizer.Transducer()
		q.Bias = t.bias
	}
	texts.attach(&q.Request)
	results, err := t.recognizer.Recognize(ctx, s, q.Request)
	if err != nil {
		return nil, fmt.Errorf("transcribe %s: %w", r.name, err)
	}
	texts.finish(results)
	for i, result := range results {
		if err := align.Retime(&result.Output); err != nil {
			return nil, fmt.Errorf("transcribe %s: %w", r.name, err)
		}
		c := channel{Result: result, number: t.channelNumber(i), copied: s.Twin(i) >= 0, candidates: texts.candidates(i)}
		if q.KeepLogProbs {
			c.store = r.store(i)
		}
		r.channels = append(r.channels, c)
	}
	r.length, r.diagnostics = s.Length(), s.Diagnostics()
	return r, nil
}

// keepLogProbs makes a request store the log-probabilities of all channels. What a text needs
// besides them is checked first, as recognition may take hours.
func (r *Recognition) keepLogProbs(q *asr.Request) error {
	tokenizer, err := r.t.recognizer.Bundle().Tokenizer()
	if err != nil {
		return err
	}
	r.exact = tokenizer.Exact()
	also := q.LogProbs
	q.LogProbs = func(i int, row timeline.Row, logProbs []float32) error {
		if err := r.store(i).Append(logProbs); err != nil || also == nil {
			return err
		}
		return also(i, row, logProbs)
	}
	return nil
}

// store returns the store of the i-th channel.
func (r *Recognition) store(i int) *logprobs.Store {
	for len(r.stores) <= i {
		r.stores = append(r.stores, logprobs.New(r.t.recognizer.Bundle().Vocabulary.Width(), ""))
	}
	return r.stores[i]
}

// Close frees what was kept.
func (r *Recognition) Close() error {
	var errs []error
	for _, s := range r.stores {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

// channelNumber returns the channel of the recording that the i-th result is of.
func (t *Transcriber) channelNumber(i int) int {
	switch t.options.Channels {
	case audio.Mix:
		return transcript.Mixed
	case audio.Split:
		return i
	}
	return int(t.options.Channels) - 1 // audio.Only(n) is n+1
}

// channel returns the channel of a number. A recording of one channel has that, whatever the
// text calls it.
func (r *Recognition) channel(number int) (*channel, error) {
	if i := slices.IndexFunc(r.channels, func(c channel) bool { return c.number == number }); i >= 0 {
		return &r.channels[i], nil
	}
	switch {
	case len(r.channels) == 0:
		return nil, fmt.Errorf("align %s: there is no sound in it", r.name)
	case len(r.channels) == 1:
		return &r.channels[0], nil
	case number == transcript.Mixed:
		return nil, fmt.Errorf("align %s: the text does not say which of the %d channels it is about; mix them, or choose one", r.name, len(r.channels))
	}
	return nil, fmt.Errorf("align %s: the text speaks of channel %d, but the recording has %d", r.name, number+1, len(r.channels))
}

// emissions returns those of a channel in the part that was asked for.
func (r *Recognition) emissions(c *channel) *align.Emissions {
	e := c.emissions()
	if r.request.whole() {
		return e
	}
	end := r.request.End
	if end == 0 {
		end = r.length.Duration()
	}
	return e.Part(r.request.Start, end)
}

// emissions returns all of those of a channel, in and around the part.
func (c *channel) emissions() *align.Emissions {
	e := &align.Emissions{Output: c.Output}
	if c.store != nil {
		e.LogProbs = c.store.Row
	}
	return e
}

// place aligns a reference text with emissions of the channel.
func (c *channel) place(ctx context.Context, e *align.Emissions, ref align.Reference) (*align.Alignment, error) {
	a, err := e.Align(ctx, ref)
	if c.store != nil {
		err = errors.Join(err, c.store.Err())
	}
	return a, err
}

// describe returns a transcript without segments, with what is known of the channels.
func (r *Recognition) describe(channels []channel) *transcript.Transcript {
	card := r.t.recognizer.Bundle().Card
	out := &transcript.Transcript{
		Source: r.name, Duration: r.request.end(r.length).Duration(), Language: card.Language,
		Model: card.Name, ModelVersion: r.t.version,
	}
	out.Diagnostics.Decoding = r.decodedBy()
	d := &out.Diagnostics
	var overlap, disagree timeline.Row
	for _, c := range channels {
		d.Windows += c.Windows
		d.WindowsSkipped += c.Skipped
		overlap += c.Overlap
		disagree += c.Disagree
	}
	if overlap > 0 {
		d.SeamDisagreement = float64(disagree) / float64(overlap)
	}
	d.Warnings = append(d.Warnings, r.warnings()...)
	return out
}

// decodedBy says how the text was found.
func (r *Recognition) decodedBy() string {
	if r.request.KeepLogProbs {
		return "greedy"
	}
	return r.t.recognizer.DecodedBy(len(r.t.options.Hotwords)) + r.t.options.Knowledge.String()
}

// warnings returns what a person should know about the recording. What the stream says about
// the part is left out: it was asked for some context around it.
func (r *Recognition) warnings() []string {
	var out []string
	for _, d := range r.diagnostics {
		if d.Kind != audio.Outside {
			out = append(out, d.Text)
		}
	}
	if unused := r.t.unused(); unused != "" {
		out = append(out, unused)
	}
	if r.t.unwritable != "" && !r.request.KeepLogProbs { // else nothing is searched for
		out = append(out, r.t.unwritable)
	}
	switch q := &r.request; {
	case q.beyond(r.length):
		out = append(out, fmt.Sprintf("The part asked for begins at %s, after the end of the recording at %s.", timeline.SampleAt(q.Start).Clock(), r.length.Clock()))
	case timeline.SampleAt(q.End) > r.length:
		out = append(out, fmt.Sprintf("The part asked for ends at %s, after the end of the recording at %s.", timeline.SampleAt(q.End).Clock(), r.length.Clock()))
	}
	return out
}
