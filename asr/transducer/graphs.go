package transducer

import (
	"context"
	"errors"
	"fmt"

	"github.com/asr-backend/asr-backend/asr/ort"
)

// Model is a loaded transducer without its encoder. It may be used by many goroutines, each with
// Networks of its own.
type Model struct {
	Shape
	decoder *ort.Graph // with the joint, if there is no joiner
	joiner  *ort.Graph // or nil
}

// Open loads the graphs of a model. The caller closes it.
func Open(r *ort.Runtime, f Files, o ort.SessionOptions) (*Model, error) {
	shape, decoder, joiner, err := inspect(r, f)
	if err != nil {
		return nil, fmt.Errorf("transducer: %w", err)
	}
	m := &Model{Shape: shape}
	source := f.Joint
	if source == nil {
		source = f.Decoder
		if m.joiner, err = r.NewGraph(*f.Joiner, joiner.in, joiner.out, o); err != nil {
			return nil, fmt.Errorf("transducer: %w", err)
		}
	}
	if m.decoder, err = r.NewGraph(*source, decoder.in, decoder.out, o); err != nil {
		return nil, fmt.Errorf("transducer: %w", errors.Join(err, m.Close()))
	}
	return m, nil
}

// Close frees the graphs. No Networks may be in use.
func (m *Model) Close() error {
	var errs []error
	for _, g := range []*ort.Graph{m.decoder, m.joiner} {
		if g != nil {
			errs = append(errs, g.Close())
		}
	}
	return errors.Join(errs...)
}

// graphs are Networks that run the graphs of a model, with memory for up to so many rows.
type graphs struct {
	m         *Model
	most      int
	label     []int32
	length    []int32
	rows      []float32 // values by rows, as the graphs take them
	before    State
	after     State
	output    []float32 // of the prediction network, if the joiner takes it
	logits    []float32
	questions []*question // by the number of rows; nil until the first
}

// question is the graphs with the tensors for a number of rows.
type question struct{ decoder, joiner *ort.Bound }

// Networks returns networks for questions of up to so many rows, for one goroutine. The caller
// closes them.
func (m *Model) Networks(most int) *graphs {
	g := &graphs{m: m, most: most, label: make([]int32, 1), length: []int32{1}, rows: make([]float32, most*m.RowWidth),
		before: *m.NewState(), after: *m.NewState(), output: make([]float32, m.Output), logits: make([]float32, most*m.Width), questions: make([]*question, most+1)}
	return g
}

// NewState returns the state of the beginning.
func (m *Model) NewState() *State {
	n := m.Layers * m.Hidden
	return &State{Hidden: make([]float32, n), Cell: make([]float32, n)}
}

// NewState implements Networks.
func (g *graphs) NewState() *State { return g.m.NewState() }

// Close frees the tensors.
func (g *graphs) Close() error {
	var errs []error
	for _, q := range g.questions {
		if q != nil {
			errs = append(errs, q.close())
		}
	}
	g.questions = nil
	return errors.Join(errs...)
}

func (q *question) close() error {
	var errs []error
	for _, b := range []*ort.Bound{q.decoder, q.joiner} {
		if b != nil {
			errs = append(errs, b.Close())
		}
	}
	return errors.Join(errs...)
}

// Step implements Networks.
func (g *graphs) Step(ctx context.Context, s *Step) error {
	if s.Count < 1 || s.Count > g.most {
		return fmt.Errorf("%d rows at once; want 1 to %d", s.Count, g.most)
	}
	q := g.questions[s.Count]
	if q == nil {
		var err error
		if q, err = g.question(s.Count); err != nil {
			return err
		}
		g.questions[s.Count] = q
	}
	g.label[0] = int32(s.Label)
	for i := range s.Count {
		for k, v := range s.Rows[i*g.m.RowWidth:][:g.m.RowWidth] {
			g.rows[k*s.Count+i] = v
		}
	}
	copy(g.before.Hidden, s.Before.Hidden)
	copy(g.before.Cell, s.Before.Cell)
	if err := q.decoder.Run(ctx); err != nil {
		return err
	}
	if q.joiner != nil {
		if err := q.joiner.Run(ctx); err != nil {
			return err
		}
	}
	copy(s.After.Hidden, g.after.Hidden)
	copy(s.After.Cell, g.after.Cell)
	copy(s.Logits, g.logits[:s.Count*g.m.Width])
	return nil
}

// question makes the tensors for a number of rows.
func (g *graphs) question(count int) (_ *question, err error) {
	m := g.m
	rows, logits := g.rows[:count*m.RowWidth], g.logits[:count*m.Width]
	var in, out, joinIn, joinOut ort.Values
	rowsTo, logitsTo := &in, &out
	if m.joiner != nil {
		rowsTo, logitsTo = &joinIn, &joinOut
	}
	err = rowsTo.Float32(rows, 1, m.RowWidth, count)
	err = errors.Join(err, logitsTo.Float32(logits, 1, count, 1, m.Width))
	if m.joiner != nil {
		err = errors.Join(err, joinIn.Float32(g.output, 1, m.Output, 1), out.Float32(g.output, 1, m.Output, 1))
	}
	err = errors.Join(err, in.Int32(g.label, 1, 1), in.Int32(g.length, 1))
	for _, s := range []struct {
		to    *ort.Values
		state *State
	}{{&in, &g.before}, {&out, &g.after}} {
		err = errors.Join(err, s.to.Float32(s.state.Hidden, m.Layers, 1, m.Hidden), s.to.Float32(s.state.Cell, m.Layers, 1, m.Hidden))
	}
	if err != nil {
		return nil, errors.Join(err, in.Close(), out.Close(), joinIn.Close(), joinOut.Close())
	}
	q := &question{}
	if m.joiner != nil {
		if q.joiner, err = m.joiner.Bind(&joinIn, &joinOut); err != nil {
			return nil, errors.Join(err, in.Close(), out.Close())
		}
	}
	if q.decoder, err = m.decoder.Bind(&in, &out); err != nil {
		return nil, errors.Join(err, q.close())
	}
	return q, nil
}
