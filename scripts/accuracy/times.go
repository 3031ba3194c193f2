package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/align"
	"github.com/asr-backend/asr-backend/timeline"
)

// method is a way to find where a word is.
type method int

const (
	ours method = iota
	unshifted
	torchaudio
	pocketsphinx
	methods
)

// subset is whether the model recognizes the word as it is written.
type subset int

const (
	all subset = iota
	found
	subsets
)

// differences are those of times from the truth, in milliseconds.
type differences struct{ start, end []float64 }

func (d *differences) add(truth, got align.Span) {
	d.start = append(d.start, milliseconds(got.Start-truth.Start))
	d.end = append(d.end, milliseconds(got.End-truth.End))
}

func milliseconds(s timeline.Sample) float64 { return 1000 * float64(s) / timeline.SampleRate }

// times are the differences of all methods on all sets.
type times struct {
	version  string
	card     time.Duration // the constant that the model's card has
	constant time.Duration // the one that was measured
	sets     [][subsets][methods]differences
}

// measureTimes aligns all recordings whose word times are known: without a constant, from
// which it follows, and then with it.
func measureTimes(ctx context.Context, e *model, data string) (*times, error) {
	m := &times{version: e.recognizer.Identity().Name, card: e.recognizer.Bundle().Card.WordShift(), sets: make([][subsets][methods]differences, len(sets))}
	type recognized struct {
		*truth
		*align.Emissions
		ref align.Reference
		set int
	}
	var recordings []recognized
	for i, set := range sets {
		for _, file := range set.files {
			t, err := readTruth(data, file)
			if err != nil {
				return nil, err
			}
			h, err := e.recognize(ctx, t.audio)
			if err != nil {
				return nil, err
			}
			ref := e.verbalizer.Reference(strings.Join(t.words, " "))
			if len(ref) != len(t.words) {
				return nil, fmt.Errorf("%s: %d words of the text are %d of the reference", file, len(t.words), len(ref))
			}
			recordings = append(recordings, recognized{t, h, ref, i})
		}
	}
	for _, r := range recordings {
		torch, err := plain(r.Emissions, r.ref)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.audio, err)
		}
		a, err := words(ctx, r.Emissions, r.ref, 0)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.audio, err)
		}
		for i, w := range a {
			for _, s := range subsetsOf(&w) {
				to := &m.sets[r.set][s]
				to[unshifted].add(r.spans[i], w.Span)
				to[torchaudio].add(r.spans[i], torch[i])
				to[pocketsphinx].add(r.spans[i], r.other[i])
			}
		}
	}
	m.constant = m.vanishing()
	shift := m.card
	if shift == 0 {
		shift = m.constant
	}
	for _, r := range recordings {
		a, err := words(ctx, r.Emissions, r.ref, shift)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.audio, err)
		}
		for i, w := range a {
			for _, s := range subsetsOf(&w) {
				m.sets[r.set][s][ours].add(r.spans[i], w.Span)
			}
		}
	}
	return m, nil
}

func subsetsOf(w *align.Word) []subset {
	if w.Verdict == align.Match {
		return []subset{all, found}
	}
	return []subset{all}
}

// vanishing is the constant with which the bias of starts and ends vanishes together, as
// the mean of the sets, to a millisecond.
func (m *times) vanishing() time.Duration {
	sum := 0.0
	for i := range m.sets {
		d := &m.sets[i][found][unshifted]
		sum -= (quantile(d.start, 0.5) + quantile(d.end, 0.5)) / 2
	}
	return time.Duration(math.Round(sum/float64(len(m.sets)))) * time.Millisecond
}

func (m *times) print(w io.Writer) {
	names := [methods]string{
		ours:         fmt.Sprintf("**asr-backend**, constant %d ms", m.constant.Milliseconds()),
		unshifted:    "asr-backend without the constant",
		torchaudio:   "torchaudio, NeMo Forced Aligner",
		pocketsphinx: "PocketSphinx",
	}
	if m.card != 0 {
		names[ours] = fmt.Sprintf("**asr-backend**, constant %d ms", m.card.Milliseconds())
	}
	fmt.Fprintf(w, "Model %s; its model.json has a constant of %d ms, %d ms was measured. All figures are milliseconds.\n\n", m.version, m.card.Milliseconds(), m.constant.Milliseconds())
	fmt.Fprint(w, "| times set by | words | aligner | start: median | 90 % | bias | end: median | 90 % | bias |\n|---|---|---|---|---|---|---|---|---|\n")
	for i, set := range sets {
		for s, name := range [subsets]string{"all", "those found"} {
			for k, name2 := range names {
				d := &m.sets[i][s][k]
				fmt.Fprintf(w, "| %s | %s, %d | %s | %s | %s |\n", set.name, name, len(d.start), name2, summary(d.start), summary(d.end))
			}
		}
	}
}

// summary is the median and the ninetieth percentile of the absolute differences, and the
// median of the differences.
func summary(differences []float64) string {
	abs := make([]float64, len(differences))
	for i, d := range differences {
		abs[i] = math.Abs(d)
	}
	return fmt.Sprintf("%.0f | %.0f | %+.0f", quantile(abs, 0.5), quantile(abs, 0.9), quantile(differences, 0.5))
}

func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(values))
	return s[int(q*float64(len(s)-1)+0.5)]
}
