package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/fastconformer"
	"github.com/asr-backend/asr-backend/asr/graph"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/models"
)

// products is a graph of nothing but the products of one window in 32 bits: what cannot be saved.
type products struct {
	graph *ort.Graph
	bound []*ort.Bound // one for each run side by side
}

// shaped is a tensor.
type shaped struct {
	name      string
	dims      []int
	deviation float64 // of random values
}

func (s *shaped) size() int {
	n := 1
	for _, d := range s.dims {
		n *= d
	}
	return n
}

// newProducts makes the graph for a model that is loaded.
func (b *bench) newProducts(r *asr.Recognizer, threads int) (_ *products, err error) {
	e, err := structure(r)
	if err != nil {
		return nil, err
	}
	p := &products{}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	path := filepath.Join(b.work, "products.onnx")
	inputs, outputs, err := writeProducts(path, e, int(r.Window().Rows), r.Contract().Width)
	if err != nil {
		return nil, err
	}
	names := func(of []shaped) (out []string) {
		for _, s := range of {
			out = append(out, s.name)
		}
		return out
	}
	if p.graph, err = b.runtime.NewGraph(ort.Source{Path: path}, names(inputs), names(outputs), ort.SessionOptions{}); err != nil {
		return nil, err
	}
	for range threads {
		in, out := &ort.Values{}, &ort.Values{}
		for _, s := range inputs {
			err = errors.Join(err, in.Float32(random(s.size(), s.deviation), s.dims...))
		}
		for _, s := range outputs {
			err = errors.Join(err, out.Float32(make([]float32, s.size()), s.dims...))
		}
		if err != nil {
			return nil, errors.Join(err, in.Close(), out.Close())
		}
		bound, err := p.graph.Bind(in, out)
		if err != nil {
			return nil, err
		}
		p.bound = append(p.bound, bound)
	}
	return p, nil
}

// structure reads the encoder of a model.
func structure(r *asr.Recognizer) (_ *fastconformer.Encoder, err error) {
	n, name := r.Contract().Names, r.Bundle().Graph
	read := func(g *graph.Model, files fs.FS) (*fastconformer.Encoder, error) {
		return fastconformer.Read(g, n.Features, n.Lengths, []string{n.LogProbs}, files)
	}
	if dir := r.Bundle().Dir; dir != "" {
		g, file, err := graph.Open(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		e, err := read(g, os.DirFS(dir))
		return e, errors.Join(err, file.Close())
	}
	data, err := fs.ReadFile(models.Default(), name)
	if err != nil {
		return nil, err
	}
	g, err := graph.Parse(data)
	if err != nil {
		return nil, err
	}
	return read(g, nil)
}

// writeProducts writes the graph of an encoder with a CTC head of so many columns, and returns its inputs and outputs.
func writeProducts(path string, e *fastconformer.Encoder, rows, columns int) (inputs, outputs []shaped, err error) {
	beside, err := os.Create(path + ".data")
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, beside.Close()) }()
	g := graph.Builder{Beside: beside, BesideName: filepath.Base(path) + ".data"}
	input := func(name string, deviation float64, dims ...int) string {
		s := shaped{name, dims, deviation}
		inputs = append(inputs, s)
		g.Input(graph.Value{Name: name, Type: "float32", Dims: int64s(dims)})
		return name
	}
	output := func(from string, dims ...int) {
		s := shaped{name: fmt.Sprint("out", len(outputs)), dims: dims}
		outputs = append(outputs, s)
		g.Output(from, graph.Value{Name: s.name, Type: "float32", Dims: int64s(dims)})
	}
	multiply := func(a, b string) string { return g.Node("MatMul", "product", []string{a, b}) }
	dense := func(x string, in, out int) string {
		return multiply(x, g.Floats("w", random(in*out, 1/math.Sqrt(float64(in))), in, out))
	}
	width, head, bands := e.Width, e.Width/e.Heads, e.Bands/8 // bands after the subsampling
	heads := float64(head)
	output(dense(input("first", 1, 4*rows*bands, e.Channels), e.Channels, e.Channels), 4*rows*bands, e.Channels)
	output(dense(input("second", 1, rows*bands, e.Channels), e.Channels, e.Channels), rows*bands, e.Channels)
	y := dense(input("third", 1, rows, bands*e.Channels), bands*e.Channels, width)
	q := input("q", 1, e.Heads, rows, head)
	k, v := input("k", 1/math.Sqrt(heads), e.Heads, head, rows), input("v", 1/math.Sqrt(float64(rows)), e.Heads, rows, head)
	positions := input("positions", 1/math.Sqrt(heads), e.Heads, head, 2*rows)
	corner := []string{g.Ints(0), g.Ints(1), g.Ints(2)}
	for range e.Layers {
		feedForward := func() { y = dense(dense(y, width, 4*width), 4*width, width) }
		feedForward()
		for range 4 { // queries, keys, values and the output
			y = dense(y, width, width)
		}
		// One column of the scores of positions is enough to keep the product.
		output(g.Node("Slice", "column", []string{multiply(q, positions), corner[0], corner[1], corner[2]}), e.Heads, rows, 1)
		q = multiply(multiply(q, k), v)
		// The halves of the gate, and what follows it.
		output(dense(y, width, width), rows, width)
		y = dense(dense(y, width, width), width, width)
		feedForward()
	}
	output(dense(y, width, columns), rows, columns)
	output(q, e.Heads, rows, head)
	data, err := g.Bytes(nil)
	if err != nil {
		return nil, nil, err
	}
	return inputs, outputs, os.WriteFile(path, data, 0o644)
}

func int64s(dims []int) (out []int64) {
	for _, d := range dims {
		out = append(out, int64(d))
	}
	return out
}

// random returns values of this standard deviation.
func random(n int, deviation float64) []float32 {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(deviation * math.Sqrt(12) * (r.Float64() - 0.5))
	}
	return out
}

// run computes all windows side by side.
func (p *products) run(ctx context.Context) error {
	errs := make([]error, len(p.bound))
	var wg sync.WaitGroup
	for i, b := range p.bound {
		wg.Go(func() { errs[i] = b.Run(ctx) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (p *products) close() error {
	var errs []error
	for _, b := range p.bound {
		errs = append(errs, b.Close())
	}
	if p.graph != nil {
		errs = append(errs, p.graph.Close())
	}
	return errors.Join(errs...)
}
