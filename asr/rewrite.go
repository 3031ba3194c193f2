package asr

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/graph"
	"github.com/asr-backend/asr-backend/asr/ort"
)

// cudaGraph makes the graph that a session of a GPU loads; see package graph.
type cudaGraph struct{ model *graph.Model }

func (r *Recognizer) newCUDAGraph(source ort.Source) (*cudaGraph, error) {
	if _, err := fs.Stat(r.bundle.files, r.bundle.Graph+".data"); !errors.Is(err, fs.ErrNotExist) {
		return nil, cmp.Or(err, errors.New("its weights lie in a second file"))
	}
	data := source.Data
	if data == nil {
		var err error
		if data, err = fs.ReadFile(r.bundle.files, r.bundle.Graph); err != nil {
			return nil, fmt.Errorf("read graph: %w", err)
		}
	}
	m, err := graph.Parse(data)
	if err != nil {
		return nil, err
	}
	if _, err := m.ExpandTiles(); err != nil {
		return nil, err
	}
	if _, err := m.PadPositions(r.contract.Names.Features); err != nil {
		return nil, err
	}
	return &cudaGraph{m}, nil
}

// source returns the graph for batches of a size in a lane, and names its outputs if it is to sum rows
// up. Unless the model takes padding, its windows have any length, and the sizes stay open.
func (g *cudaGraph) source(r *Recognizer, source ort.Source, names *ort.Names, size int, l *lane) (ort.Source, error) {
	m, c := g.model.Clone(), &r.contract
	if c.Padding {
		err := errors.Join(
			m.FixInput(names.Features, int64(size), int64(c.Bands), int64(r.window.frames())),
			m.FixInput(names.Lengths, int64(size)))
		if err != nil {
			return ort.Source{}, err
		}
	}
	if l.full {
		if _, err := m.DropMasks(names.Features, names.Lengths); err != nil {
			return ort.Source{}, err
		}
	}
	if l.sums {
		s, err := m.SumRows(names.LogProbs, int(r.vocabulary.Blank()), ctc.Alpha)
		if err != nil {
			return ort.Source{}, err
		}
		names.Sums = []string{s.Best, s.Top, s.Blank, s.Power}
	}
	source.Data = m.Bytes()
	return source, nil
}
