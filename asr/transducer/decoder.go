package transducer

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/timeline"
)

// State is that of the prediction network: the hidden values and the cells of all layers.
type State struct {
	Hidden, Cell []float32
}

// Step is one question to the networks of a transducer: what follows label in each of some rows?
type Step struct {
	// Rows are count rows of the encoder, one after the other.
	Rows  []float32
	Count int
	// Label is the last piece that was written, or blank, and Before the state before it.
	Label  ctc.Piece
	Before *State
	// After is the state after the label, and Logits are count times Networks.Width values.
	// Both are set by the answer.
	After  *State
	Logits []float32
}

// Networks are the prediction network and the joint of a model.
type Networks interface {
	// Step answers a question. It is asked by one goroutine at a time.
	Step(ctx context.Context, s *Step) error
	// NewState returns the state of the beginning, all zeros.
	NewState() *State
}

// Options describe a model.
type Options struct {
	// Blank is the number of blank, the last of the pieces, and RowWidth the size of a row.
	Blank    ctc.Piece
	RowWidth int
	// Durations are those that a TDT model chooses from; none for RNN-T.
	Durations []timeline.Row
	// MaxSymbols is how many pieces a row has at most; 0 means DefaultMaxSymbols.
	MaxSymbols int
	// Bias is what is known of the text, or nil.
	Bias *beam.Bias
	// Restart is after how many rows without a piece the networks begin anew, as at the start of a
	// recording; 0 means never. With a long past they leave more out.
	Restart timeline.Row
	// Ahead is how many rows are asked at once at most; 0 means DefaultAhead.
	Ahead int
}

// Defaults of Options. DefaultRestart, two seconds, is the caller's to ask for; doc/decoding.md has
// what was measured.
const (
	DefaultMaxSymbols              = 10
	DefaultAhead                   = 12
	DefaultRestart    timeline.Row = 25
)

func (o *Options) validate() error {
	if o.MaxSymbols == 0 {
		o.MaxSymbols = DefaultMaxSymbols
	}
	if o.Ahead == 0 {
		o.Ahead = DefaultAhead
	}
	switch {
	case o.Blank < 1:
		return fmt.Errorf("transducer: blank is piece %d; want a later one", o.Blank)
	case o.RowWidth < 1:
		return fmt.Errorf("transducer: rows of %d values", o.RowWidth)
	case o.MaxSymbols < 1:
		return fmt.Errorf("transducer: at most %d pieces in a row; want 1 or more", o.MaxSymbols)
	case o.Restart < 0:
		return fmt.Errorf("transducer: restart after %d rows; want 0 or more", o.Restart)
	case o.Ahead < 1:
		return fmt.Errorf("transducer: %d rows at once; want 1 or more", o.Ahead)
	}
	for _, d := range o.Durations {
		if d < 0 {
			return errors.New("transducer: a duration is negative")
		}
	}
	return nil
}

// width is how many logits a row has.
func (o *Options) width() int { return int(o.Blank) + 1 + len(o.Durations) }

// Label is a piece that was written.
type Label struct {
	Piece ctc.Piece
	// Row is the one in which it was written, and Duration what a TDT model says of its length,
	// which may be 0; 1 for RNN-T.
	Row      timeline.Row
	Duration timeline.Row
	// LogProb is the natural logarithm of its probability among all pieces and blank, without Bias, and
	// Confidence (0..1) that of this distribution, see ctc.Measure.
	LogProb, Confidence float32
}

// Decoder reads the rows of one channel of a recording, in order. It is for one goroutine.
type Decoder struct {
	networks Networks
	o        Options
	measure  *ctc.Measure

	at     timeline.Row // the next row that is pushed
	skip   timeline.Row // how many of the next rows are passed over
	here   int          // pieces of the current row
	last   timeline.Row // in which label was written
	label  ctc.Piece
	state  *State         // before label
	known  beam.BiasState // after label, with Options.Bias
	after  *State
	logits []float32
	probs  []float32
	step   Step // what is asked, kept so that nothing is allocated
	calls  int
}

// NewDecoder returns a Decoder for a recording whose first row is numbered start.
func NewDecoder(n Networks, o Options, start timeline.Row) (*Decoder, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	d := &Decoder{networks: n, o: o, measure: ctc.NewMeasure(int(o.Blank) + 1), at: start, last: start, label: o.Blank,
		state: n.NewState(), after: n.NewState(), logits: make([]float32, o.Ahead*o.width()), probs: make([]float32, o.Blank+1)}
	if o.Bias != nil {
		d.known = o.Bias.Start()
	}
	return d, nil
}

// Push takes the next rows and appends the pieces that are written in them to out. After an error
// the Decoder must not be used any more.
func (d *Decoder) Push(ctx context.Context, rows []float32, out []Label) ([]Label, error) {
	count := timeline.Row(len(rows) / d.o.RowWidth)
	if int(count)*d.o.RowWidth != len(rows) {
		return out, fmt.Errorf("transducer: %d values are no rows of %d", len(rows), d.o.RowWidth)
	}
	t := d.skip
	asked, until := timeline.Row(0), timeline.Row(0) // the rows whose logits are there
	for t < count {
		if n := d.o.Restart; n > 0 && d.label != d.o.Blank && d.at+t-d.last >= n {
			d.restart()
			until = t
		}
		if t >= until {
			asked, until = t, min(t+timeline.Row(d.o.Ahead), count)
			if err := d.ask(ctx, rows, asked, until); err != nil {
				return out, err
			}
		}
		width := d.o.width()
		logits := d.logits[int(t-asked)*width:][:width]
		piece, step := d.choose(logits)
		if piece != d.o.Blank {
			if d.o.Bias != nil {
				piece = d.o.Bias.Best(d.known, logits[:d.o.Blank])
			}
			out = append(out, d.write(piece, d.at+t, step, logits))
			until = t // what is asked now depends on the piece
			if d.here++; step == 0 && d.here >= d.o.MaxSymbols {
				step = 1
			}
		} else {
			step = max(step, 1)
		}
		if step > 0 {
			t, d.here = t+step, 0
		}
	}
	d.at += count
	d.skip = t - count
	return out, nil
}

// restart has the networks forget what was written. What is known of the text goes on.
func (d *Decoder) restart() {
	d.label = d.o.Blank
	clear(d.state.Hidden)
	clear(d.state.Cell)
}

// ask has the networks answer for rows from one to before another.
func (d *Decoder) ask(ctx context.Context, rows []float32, from, to timeline.Row) error {
	d.calls++
	n := int(to - from)
	d.step = Step{Rows: rows[int(from)*d.o.RowWidth : int(to)*d.o.RowWidth], Count: n, Label: d.label, Before: d.state, After: d.after, Logits: d.logits[:n*d.o.width()]}
	if err := d.networks.Step(ctx, &d.step); err != nil {
		return fmt.Errorf("transducer: row %d: %w", d.at+from, err)
	}
	return nil
}

// choose returns the best piece of a row and the duration.
func (d *Decoder) choose(logits []float32) (ctc.Piece, timeline.Row) {
	piece := ctc.Piece(best(logits[:d.o.Blank+1]))
	if len(d.o.Durations) == 0 {
		return piece, 0
	}
	return piece, d.o.Durations[best(logits[d.o.Blank+1:])]
}

// best returns the index of the greatest value, the first of several.
func best(values []float32) int {
	at := 0
	for i, v := range values {
		if v > values[at] {
			at = i
		}
	}
	return at
}

// write makes a piece the last one that was written.
func (d *Decoder) write(piece ctc.Piece, row, duration timeline.Row, logits []float32) Label {
	top, sum := logits[piece], 0.0
	for _, v := range logits[:d.o.Blank+1] {
		sum += math.Exp(float64(v - top))
	}
	lse := float32(math.Log(sum))
	for i := range d.probs {
		d.probs[i] = logits[i] - top - lse
	}
	if len(d.o.Durations) == 0 {
		duration = 1
	}
	d.label, d.last = piece, row
	if d.o.Bias != nil {
		d.known = d.o.Bias.Next(d.known, piece)
	}
	d.state, d.after = d.after, d.state
	return Label{Piece: piece, Row: row, Duration: duration, LogProb: -lse, Confidence: d.measure.Confidence(d.probs)}
}

// Calls returns how often the networks were asked.
func (d *Decoder) Calls() int { return d.calls }

// Pass passes over rows in which nothing is said.
func (d *Decoder) Pass(count timeline.Row) {
	d.at += count
	if d.skip = max(d.skip-count, 0); count > 0 {
		d.here = 0
	}
}
