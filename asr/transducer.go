package asr

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/asr/transducer"
	"github.com/asr-backend/asr-backend/timeline"
)

// TransducerFiles names the graphs of a transducer beside its encoder: Joint alone, or Decoder
// and Joiner.
type TransducerFiles struct{ Joint, Decoder, Joiner string }

// TransducerGeneration changes when the same transducer gives other texts or times than before. A test
// of package transcribe compares its output with that kept for each.
const TransducerGeneration = 1

// names returns the files that there are.
func (t *TransducerFiles) names() []string {
	return slices.DeleteFunc([]string{t.Joint, t.Decoder, t.Joiner}, func(name string) bool { return name == "" })
}

// findTransducer returns the names of a transducer's graphs, those beside an encoder if one is
// named, else of a variant such as "int8", or nothing.
func findTransducer(files fs.FS, graph, variant string) (encoder string, t *TransducerFiles) {
	has := func(names ...string) bool {
		for _, name := range names {
			if _, err := fs.Stat(files, name); err != nil {
				return false
			}
		}
		return true
	}
	ends := []string{".onnx", ".int8.onnx", ".fp16.onnx"}
	if variant != "" {
		ends = []string{"." + variant + ".onnx"}
	}
	if _, end, ok := strings.Cut(graph, "."); ok {
		ends = []string{"." + end}
	}
	for _, end := range ends {
		encoder, t = "encoder-model"+end, &TransducerFiles{Joint: "decoder_joint-model" + end}
		if has(encoder, t.Joint) {
			return encoder, t
		}
		encoder, t = "encoder"+end, &TransducerFiles{Decoder: "decoder" + end, Joiner: "joiner" + end}
		if has(encoder, t.Decoder, t.Joiner) {
			return encoder, t
		}
	}
	return "", nil
}

// loadTransducer loads the graphs beside the encoder.
func (r *Recognizer) loadTransducer(rt *ort.Runtime) error {
	var files transducer.Files
	t := r.bundle.Transducer
	for _, part := range []struct {
		name string
		to   **ort.Source
	}{{t.Joint, &files.Joint}, {t.Decoder, &files.Decoder}, {t.Joiner, &files.Joiner}} {
		if part.name == "" {
			continue
		}
		source, err := r.bundle.sourceOf(part.name)
		if err != nil {
			return err
		}
		*part.to = &source
	}
	m, err := transducer.Open(rt, files, ort.SessionOptions{})
	if err != nil {
		return err
	}
	r.transducer = m
	blank := r.vocabulary.Blank()
	if m.RowWidth != r.contract.Width {
		return fmt.Errorf("the encoder writes rows of %d values, and the joint takes %d: they do not belong together", r.contract.Width, m.RowWidth)
	}
	if m.Width <= int(blank) {
		return fmt.Errorf("the joint writes %d columns but the vocabulary has %d pieces and blank: they do not belong together", m.Width, blank)
	}
	durations := m.Width - int(blank) - 1
	if err := r.bundle.kind(durations); err != nil {
		return err
	}
	if err := r.chooseDurations(durations); err != nil {
		return err
	}
	return r.probeTransducer(m, blank)
}

// publishedDurations is how many durations all published TDT models have: 0 to 4.
const publishedDurations = 5

// durations returns those of the card if they are not the usual ones, else nothing.
func (c *Card) durations() []timeline.Row {
	for i, d := range c.Durations {
		if d != timeline.Row(i) || len(c.Durations) != publishedDurations {
			return c.Durations
		}
	}
	return nil
}

// chooseDurations takes the durations that the card says, else 0, 1, 2 and so on: no graph says
// which it has, and all published models have 0 to 4.
func (r *Recognizer) chooseDurations(n int) error {
	said := r.bundle.Card.Durations
	switch {
	case len(said) > 0 && len(said) != n:
		return fmt.Errorf("model.json has %d durations, and the joint writes %d columns more than the vocabulary has pieces and blank: they do not belong together", len(said), n)
	case len(said) > 0:
		r.durations = said
	case n != 0 && n != publishedDurations:
		return fmt.Errorf("the joint writes %d columns more than the vocabulary has pieces and blank: they do not belong together, or model.json has to say which %d durations they are", n, n)
	default:
		for d := range n {
			r.durations = append(r.durations, timeline.Row(d))
		}
	}
	return nil
}

// probeTransducer asks about rows of noise at the beginning, together and one by one. Where the scores
// of a row depend on those that are asked with it, as in int8 graphs, which scale all of them alike,
// rows are asked one by one.
func (r *Recognizer) probeTransducer(m *transducer.Model, blank ctc.Piece) (err error) {
	const count = 3
	n := m.Networks(count)
	defer func() { err = errors.Join(err, n.Close()) }()
	if _, err := transducer.NewDecoder(n, r.decoderOptions(), 0); err != nil {
		return err
	}
	noise := rand.New(rand.NewPCG(3, 4))
	rows := make([]float32, count*m.RowWidth)
	for i := range rows {
		rows[i] = float32(noise.NormFloat64())
	}
	ask := func(rows []float32, count int) ([]float32, error) {
		s := transducer.Step{Rows: rows, Count: count, Label: blank, Before: m.NewState(), After: m.NewState(), Logits: make([]float32, count*m.Width)}
		return s.Logits, n.Step(context.Background(), &s)
	}
	together, err := ask(rows, count)
	if err != nil {
		return err
	}
	for i := range count {
		alone, err := ask(rows[i*m.RowWidth:][:m.RowWidth], 1)
		if err != nil {
			return err
		}
		if !numbers(alone) {
			return errors.New("the joint writes values that are not numbers")
		}
		for k, v := range alone {
			if d := math.Abs(float64(v - together[i*m.Width+k])); !(d <= stepBound*max(1, math.Abs(float64(v)))) {
				r.ahead = 1
			}
		}
	}
	return nil
}

// stepBound is how far scores of a row may differ, as a share of them, with those that are asked
// together with it.
const stepBound = 1e-3

// decoderOptions describe the transducer.
func (r *Recognizer) decoderOptions() transducer.Options {
	return transducer.Options{Blank: r.vocabulary.Blank(), RowWidth: r.transducer.RowWidth, Durations: r.durations, Restart: transducer.DefaultRestart, Ahead: r.ahead, MaxSymbols: r.bundle.Card.MaxSymbols}
}

// decoding finds the text of one channel with a transducer, as its rows become final.
type decoding struct {
	networks interface{ Close() error }
	decoder  *transducer.Decoder
	labels   []transducer.Label
	result   *Result
	blank    ctc.Piece
	width    int // of a row of the encoder
	// marked is what there was at the last checkpoint.
	marked struct {
		rows, tokens int // of the result
		known        beam.BiasState
	}
}

// mark notes what the last checkpoint holds.
func (d *decoding) mark() {
	d.marked.rows, d.marked.tokens, d.marked.known = len(d.result.Rows), len(d.result.Tokens), d.decoder.Known()
}

// noteRow makes the row in which a token was written its own.
func (d *decoding) noteRow(x *ctc.Token) {
	blank := float32(math.Log(max(1-math.Exp(float64(x.LogProb)), 1e-4)))
	d.result.Rows[x.First-d.result.First] = ctc.Row{Best: x.Piece, LogProb: x.LogProb, Blank: blank, Confidence: x.Confidence}
}

// newDecoding returns one for a recording whose part begins at a row. The caller closes it.
func (r *Recognizer) newDecoding(result *Result, bias *beam.Bias) (*decoding, error) {
	m, blank := r.transducer, r.vocabulary.Blank()
	n := m.Networks(transducer.DefaultAhead)
	o := r.decoderOptions()
	o.Bias = bias
	d, err := transducer.NewDecoder(n, o, result.First)
	if err != nil {
		return nil, errors.Join(err, n.Close())
	}
	result.Searched, result.Transducer = true, true
	out := &decoding{networks: n, decoder: d, result: result, blank: blank, width: m.RowWidth}
	out.mark()
	return out, nil
}

// end cuts tokens off whose durations lead beyond the last row.
func (d *decoding) end() {
	last := d.result.First + timeline.Row(len(d.result.Rows)) - 1
	for i := len(d.result.Tokens) - 1; i >= 0 && d.result.Tokens[i].Last > last; i-- {
		d.result.Tokens[i].Last = last
	}
}

func (d *decoding) close() error { return d.networks.Close() }

// push takes the first rows that are held, which are final now. Those of a stretch without sound have
// nothing to say. Whether the recording is still wanted is seen between windows.
func (d *decoding) push(held *output, n int) (err error) {
	from := len(d.result.Rows)
	d.result.Rows = append(d.result.Rows, held.Rows[:n]...)
	if held.head == nil {
		for i := range n {
			d.result.Rows[from+i] = ctc.SilentRow(d.blank)
		}
	}
	if held.silent {
		d.decoder.Pass(timeline.Row(n))
		return nil
	}
	if d.labels, err = d.decoder.Push(context.Background(), held.full[:n*d.width], d.labels[:0]); err != nil {
		return err
	}
	for _, l := range d.labels {
		last := l.Row + max(l.Duration, 1) - 1
		token := ctc.Token{Piece: l.Piece, First: l.Row, Last: last, LogProb: l.LogProb, Confidence: l.Confidence}
		d.result.Tokens = append(d.result.Tokens, token)
		if held.head == nil {
			d.noteRow(&token)
			continue
		}
		at := held.cut + int(l.Row-d.result.First) - from
		d.result.Evidence = append(d.result.Evidence, ctc.EvidenceOf(l.Piece, held.head, int(d.blank)+1, at))
	}
	return nil
}
