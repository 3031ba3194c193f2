package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"asr-backend/transcribe"
	"asr-backend/transcript"
)

// truth is a recording whose word times are known.
type truth struct {
	name  string
	audio string
	words []transcript.Word
	other []transcript.Word // where PocketSphinx finds them
}

// sets are the recordings with word times, by what made the times.
var sets = []struct {
	name  string
	files []string
}{
	{"set by people", []string{"handmade/acoustic.opus", "handmade/cold.opus", "handmade/bobby.flac", "handmade/mary.flac"}},
	{"exact (Festival)", []string{"festival/kal.opus", "festival/ked.opus", "festival/slt.opus"}},
}

func readTruth(data, file string) (*truth, error) {
	path := filepath.Join(data, "align", file)
	stem := strings.TrimSuffix(path, filepath.Ext(path))
	t := &truth{name: filepath.Base(stem), audio: path}
	var err error
	if t.words, err = readWords(stem + ".tsv"); err != nil {
		return nil, err
	}
	if t.other, err = readWords(stem + ".pocketsphinx.tsv"); err != nil {
		return nil, err
	}
	if len(t.other) != len(t.words) {
		return nil, fmt.Errorf("%s: PocketSphinx found %d of %d words", file, len(t.other), len(t.words))
	}
	return t, nil
}

// readWords reads lines of start, end and word.
func readWords(path string) ([]transcript.Word, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []transcript.Word
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		field := strings.Split(lines.Text(), "\t")
		if len(field) != 3 {
			return nil, fmt.Errorf("%s: line %d has %d fields, want 3", path, len(out)+1, len(field))
		}
		start, err := strconv.ParseFloat(field[0], 64)
		if err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", path, len(out)+1, err)
		}
		end, err := strconv.ParseFloat(field[1], 64)
		if err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", path, len(out)+1, err)
		}
		out = append(out, transcript.Word{Start: duration(start), End: duration(end), Text: field[2]})
	}
	return out, lines.Err()
}

func duration(seconds float64) time.Duration {
	return time.Duration(math.Round(seconds * float64(time.Second)))
}

// errorsOf are differences of times from the truth, in milliseconds.
type errorsOf struct{ start, end []float64 }

func (e *errorsOf) add(truth, got []transcript.Word) {
	for i := range truth {
		e.start = append(e.start, float64(got[i].Start-truth[i].Start)/1e6)
		e.end = append(e.end, float64(got[i].End-truth[i].End)/1e6)
	}
}

// methods are ways to tell where a word is, in the order of the table.
var methods = []string{"asr-backend", "rows alone", "torchaudio, NeMo Forced Aligner", "PocketSphinx"}

// align returns the truth's words where each method finds them.
func (t *truth) align(ctx context.Context, tr *transcribe.Transcriber) ([][]transcript.Word, error) {
	a, err := tr.AlignFile(ctx, t.audio, &transcript.Transcript{Segments: []transcript.Segment{{Text: t.text(), Channel: transcript.Mixed}}}, "en", transcribe.Request{})
	if err != nil {
		return nil, err
	}
	var refined []transcript.Word
	for _, s := range a.Transcript.Segments {
		refined = append(refined, s.Words...)
	}
	if len(refined) != len(t.words) {
		return nil, fmt.Errorf("%s: %d of %d words", t.audio, len(refined), len(t.words))
	}
	rows, nemo := slices.Clone(refined), slices.Clone(refined)
	for i, w := range refined {
		rows[i].Start, rows[i].End = w.SpikeStart, w.SpikeEnd
		// Both print row r as the 80 ms that begin where it is centred.
		nemo[i].Start, nemo[i].End = w.SpikeStart-a.Shift+40*time.Millisecond, w.SpikeEnd-a.Shift+40*time.Millisecond
	}
	return [][]transcript.Word{refined, rows, nemo, t.other}, nil
}

func (t *truth) text() string {
	var texts []string
	for _, w := range t.words {
		texts = append(texts, w.Text)
	}
	return strings.Join(texts, " ")
}

// measure aligns all recordings of a set.
func measure(ctx context.Context, tr *transcribe.Transcriber, data string, files []string) ([]errorsOf, error) {
	out := make([]errorsOf, len(methods))
	for _, file := range files {
		t, err := readTruth(data, file)
		if err != nil {
			return nil, err
		}
		got, err := t.align(ctx, tr)
		if err != nil {
			return nil, err
		}
		for m := range got {
			out[m].add(t.words, got[m])
		}
	}
	return out, nil
}

func printTimes(ctx context.Context, w io.Writer, tr *transcribe.Transcriber, data string) error {
	fmt.Fprint(w, "| truth | words | aligner | start: median | 90 % | bias | end: median | 90 % | bias |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, set := range sets {
		found, err := measure(ctx, tr, data, set.files)
		if err != nil {
			return err
		}
		for m, e := range found {
			fmt.Fprintf(w, "| %s | %d | %s | %s | %s |\n", set.name, len(e.start), methods[m], summary(e.start), summary(e.end))
		}
	}
	fmt.Fprintln(w)
	return nil
}

// summary is the median and the ninetieth percentile of the absolute errors, and the
// median of the errors.
func summary(errors []float64) string {
	abs := make([]float64, len(errors))
	for i, e := range errors {
		abs[i] = math.Abs(e)
	}
	return fmt.Sprintf("%.0f | %.0f | %+.0f", quantile(abs, 0.5), quantile(abs, 0.9), quantile(errors, 0.5))
}

func quantile(values []float64, q float64) float64 {
	s := slices.Sorted(slices.Values(values))
	return s[int(q*float64(len(s)-1)+0.5)]
}

// printShift prints the constant that makes the bias of starts and ends vanish together.
func printShift(ctx context.Context, w io.Writer, tr *transcribe.Transcriber, data string) error {
	var all []float64
	for _, set := range sets {
		found, err := measure(ctx, tr, data, set.files)
		if err != nil {
			return err
		}
		e := found[0]
		start, end := quantile(e.start, 0.5), quantile(e.end, 0.5)
		fmt.Fprintf(w, "%-18s %4d words, median error of starts %+.0f ms, of ends %+.0f ms\n", set.name, len(e.start), start, end)
		all = append(all, -(start+end)/2)
	}
	sum := 0.0
	for _, v := range all {
		sum += v / float64(len(all))
	}
	fmt.Fprintf(w, "\"word_shift_ms\": %.0f\n", sum)
	return nil
}
