package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/asr-backend/asr-backend/align"
)

// fault is a mistake in a text: a word in the middle that is another, is missing, or is one
// too many. Against the text, the recording then has a substitution, an insertion or a
// deletion.
type fault int

const (
	changed fault = iota
	missing
	added
	faults
)

var faultNames = [faults]string{changed: "substitution", missing: "insertion", added: "deletion"}

// strangers are words that the recordings do not have.
var strangers = []string{"umbrella", "telescope", "marmalade", "kangaroo", "bicycle", "volcano", "porcupine", "orchestra"}

// detection counts, for the recordings of a set, which faults are detected and what else is.
type detection struct {
	recordings, words, doubted, inserted int
	detected, exact                      [faults]int
}

// printVerdicts prints how well faults in texts are detected.
func printVerdicts(ctx context.Context, w io.Writer, e *model, data string) error {
	fmt.Fprint(w, "| recordings | words | false mismatches | false insertions | fault | detected | and nothing else |\n|---|---|---|---|---|---|---|\n")
	for _, set := range []string{"ljspeech", "librispeech"} {
		rows, err := texts(data, set)
		if err != nil {
			return err
		}
		var t detection
		for i, row := range rows {
			if err := t.try(ctx, e, row[0], row[1], strangers[i%len(strangers)]); err != nil {
				return fmt.Errorf("%s: %w", row[0], err)
			}
		}
		for f, name := range faultNames {
			percent := func(n, of int) float64 { return 100 * float64(n) / float64(of) }
			fmt.Fprintf(w, "| %s, %d | %d | %.1f %% | %.1f %% | %s | %.0f %% | %.0f %% |\n", set, t.recordings, t.words, percent(t.doubted, t.words), percent(t.inserted, t.words),
				name, percent(t.detected[f], t.recordings), percent(t.exact[f], t.recordings))
		}
	}
	return nil
}

// texts returns path and text of the recordings of a set with eight words or more.
func texts(data, set string) ([][2]string, error) {
	f, err := os.Open(filepath.Join(data, "speech", "index.tsv"))
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes = '\t', true
	rows, err := r.ReadAll()
	var out [][2]string
	for _, row := range rows {
		if row[0] == set && len(strings.Fields(row[2])) >= 8 {
			out = append(out, [2]string{filepath.Join(data, "speech", set, row[1]), row[2]})
		}
	}
	return out, err
}

// try aligns the right text of a recording and one with each fault.
func (t *detection) try(ctx context.Context, e *model, path, text, stranger string) error {
	h, err := e.recognize(ctx, path)
	if err != nil {
		return err
	}
	said := strings.Fields(text)
	right, err := h.Align(ctx, e.verbalizer.Reference(text))
	if err != nil {
		return err
	}
	t.recordings++
	t.words += len(said)
	t.doubted += len(doubts(right))
	t.inserted += insertions(right)
	middle := len(said) / 2
	wrong := [faults][]string{changed: slices.Clone(said), missing: slices.Delete(slices.Clone(said), middle, middle+1), added: slices.Insert(slices.Clone(said), middle, stranger)}
	wrong[changed][middle] = stranger
	for f, words := range wrong {
		a, err := h.Align(ctx, e.verbalizer.Reference(strings.Join(words, " ")))
		if err != nil {
			return err
		}
		now, before := doubts(a), len(doubts(right))+insertions(right)
		var here bool
		if fault(f) == missing {
			here = slices.ContainsFunc(a.Mismatches, func(s align.Mismatch) bool {
				return s.Verdict != align.Deletion && s.From <= middle && s.To >= middle
			})
		} else {
			here = slices.Contains(now, middle)
		}
		if here {
			t.detected[f]++
			if len(now)+insertions(a) <= before+1 {
				t.exact[f]++
			}
		}
	}
	return nil
}

// doubts returns the words that were not found.
func doubts(a *align.Alignment) []int {
	var out []int
	for i, w := range a.Words {
		if w.Verdict != align.Match {
			out = append(out, i)
		}
	}
	return out
}

// insertions counts the places where something was recognized and nothing is written.
func insertions(a *align.Alignment) int {
	n := 0
	for _, s := range a.Mismatches {
		if s.Verdict == align.Insertion {
			n++
		}
	}
	return n
}
