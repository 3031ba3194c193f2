// Command windows prints how the geometry of windows (asr.Window), or the precision of weights, changes the
// word error rate and the rows that are computed, for recordings whose text is known.
//
//	go run ./scripts/windows -data FOLDER [-sets A,B] [-windows 320/40,320/20/100] [-lm none] [-edges]
//	go run ./scripts/windows -data FOLDER [-sets A,B] -windows fp32,int8,int8-careful
//
// FOLDER is laid out as testdata/speech is: speech/index.tsv with the columns set, file and text, and
// speech/SET/FILE; material.py makes one. A geometry is rows/context/last; export is the graph as it was
// exported. The first one is what the others are compared with: of the words that it gets right, so many
// stay right. -edges prints instead how many rows have another best piece than in a
// neighbouring window which has them in its middle, by their distance from the edge.
package main

import (
	"context"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/models"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/transcribe"
	"github.com/asr-backend/asr-backend/wer"
)

func main() {
	log.SetFlags(0)
	model := flag.String("model", models.DefaultName, "name or path of the model")
	library := flag.String("onnxruntime", "bin", "ONNX Runtime library, file or folder")
	data := flag.String("data", "testdata", "folder of the recordings")
	sets := flag.String("sets", "", "sets to measure, separated by commas; empty: all")
	windows := flag.String("windows", "320/40,320/30,320/20,320/15,320/10,320/4", "geometries or precisions, separated by commas")
	lm := flag.String("lm", asr.LMNone, "language model: none or default")
	edges := flag.Bool("edges", false, "print rows by their distance from the edge")
	flag.Parse()
	if err := run(context.Background(), *model, *library, *data, *sets, *windows, *lm, *edges); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, model, library, data, only, windows, lm string, edges bool) (err error) {
	runtime, err := ort.Open(library)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, runtime.Close()) }()
	bundle, err := models.Open(model, "")
	if err != nil {
		return err
	}
	sets, err := readSets(data, only)
	if err != nil {
		return err
	}
	if edges {
		w := asr.Window{Rows: 320, Context: 80}
		r, err := asr.New(ctx, runtime, bundle, asr.Options{Provider: ort.CPU, Threads: 1, Window: w, Decoding: asr.Decoding{LM: asr.LMNone}})
		if err != nil {
			return err
		}
		return errors.Join(printEdges(ctx, r, sets), r.Close())
	}
	fmt.Print("| set | minutes | words |")
	var tables [][]measured
	for name := range strings.SplitSeq(windows, ",") {
		o, err := options(name)
		if err != nil {
			return err
		}
		o.Decoding.LM = lm
		r, err := asr.New(ctx, runtime, bundle, o)
		if err != nil {
			return err
		}
		table, err := measure(ctx, r, sets)
		if err := errors.Join(err, r.Close()); err != nil {
			return err
		}
		tables = append(tables, table)
		fmt.Printf(" %s |", name)
	}
	fmt.Printf("\n|---|---|---|%s\n", strings.Repeat("---|", len(tables)))
	for i, s := range sets {
		first := tables[0][i]
		fmt.Printf("| %s | %.1f | %d |", s.name, first.audio.Minutes(), first.errors.Words)
		for _, t := range tables {
			fmt.Printf(" %.2f %% (%.3f; better %d, worse %d; kept %.2f %%) |", 100*t[i].errors.Rate(), float64(t[i].rows)/float64(first.rows),
				t[i].fewer(&first), first.fewer(&t[i]), 100*t[i].kept(&first))
		}
		fmt.Println()
	}
	return nil
}

// options returns how to run what a name stands for.
func options(name string) (o asr.Options, err error) {
	o = asr.Options{Provider: ort.CPU, Threads: 1}
	switch p := asr.Precision(name); {
	case name == "export":
		o.AsExported = true
	case p == asr.FP32, p == asr.INT8, p == asr.INT8Careful:
		o.Weights = p
	default:
		o.Window, err = parse(name)
	}
	return o, err
}

// parse reads rows/context or rows/context/last.
func parse(name string) (w asr.Window, err error) {
	to := []*timeline.Row{&w.Rows, &w.Context, &w.Last}
	parts := strings.Split(name, "/")
	if len(parts) < 2 || len(parts) > len(to) {
		return w, fmt.Errorf("geometry %q; want rows/context or rows/context/last", name)
	}
	for i, part := range parts {
		n, err := strconv.ParseInt(part, 10, 64)
		if err != nil {
			return w, fmt.Errorf("geometry %q: %w", name, err)
		}
		*to[i] = timeline.Row(n)
	}
	return w, nil
}

// set is recordings of one kind.
type set struct {
	name  string
	files []file
}

type file struct{ path, text string }

func readSets(data, only string) (sets []set, err error) {
	speech := filepath.Join(data, "speech")
	f, err := os.Open(filepath.Join(speech, "index.tsv"))
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = '\t', true, 3
	rows, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	for _, row := range rows[1:] {
		if only != "" && !slices.Contains(strings.Split(only, ","), row[0]) {
			continue
		}
		at := slices.IndexFunc(sets, func(s set) bool { return s.name == row[0] })
		if at < 0 {
			at, sets = len(sets), append(sets, set{name: row[0]})
		}
		sets[at].files = append(sets[at].files, file{filepath.Join(speech, row[0], row[1]), row[2]})
	}
	return sets, nil
}

// measured is what a geometry gives for one set.
type measured struct {
	errors wer.Errors
	each   []int  // errors of each recording
	right  []bool // of all words, in order
	audio  time.Duration
	rows   int // that the model computed
}

// kept returns how many of the words that another run got right are right here too, as a part of them.
func (m *measured) kept(of *measured) float64 {
	right, kept := 0, 0
	for i, was := range of.right {
		if was {
			right++
			if m.right[i] {
				kept++
			}
		}
	}
	return float64(kept) / float64(right)
}

// fewer counts the recordings with fewer errors than with another geometry.
func (m *measured) fewer(than *measured) (n int) {
	for i := range m.each {
		if m.each[i] < than.each[i] {
			n++
		}
	}
	return n
}

func measure(ctx context.Context, r *asr.Recognizer, sets []set) ([]measured, error) {
	t, err := transcribe.New(r, transcribe.Options{})
	if err != nil {
		return nil, err
	}
	out := make([]measured, len(sets))
	for i, s := range sets {
		m := &out[i]
		for _, f := range s.files {
			q := transcribe.Request{Request: asr.Request{Save: func(_ int, _ timeline.Row, s *ctc.Saved) { m.rows += len(s.Rows) }}}
			got, err := t.Transcribe(ctx, transcribe.Source{Path: f.path}, q)
			if err != nil {
				return nil, err
			}
			e := wer.Compare(f.text, got.Text())
			m.errors.Add(e)
			for _, p := range wer.Align(wer.Normalize(f.text), wer.Normalize(got.Text())) {
				if p.Said != "" {
					m.right = append(m.right, p.Right())
				}
			}
			m.each = append(m.each, e.Substitutions+e.Deletions+e.Insertions)
			m.audio += got.Duration
		}
	}
	return out, nil
}
