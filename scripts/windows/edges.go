package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/transcribe"
)

// distances are the ends of the columns, in rows from the edge.
var distances = []timeline.Row{1, 2, 3, 4, 6, 8, 12, 16, 20, 40, 80}

// printEdges compares the rows that neighbouring windows share. Half of each window is shared with the
// next, so that rows near the edge of one are in the middle of the other.
func printEdges(ctx context.Context, r *asr.Recognizer, sets []set) error {
	t, err := transcribe.New(r, transcribe.Options{})
	if err != nil {
		return err
	}
	fmt.Print("| set |")
	from := timeline.Row(0)
	for _, to := range distances {
		fmt.Printf(" %.2f to %.2f s |", from.Duration().Seconds(), to.Duration().Seconds())
		from = to
	}
	fmt.Print("\n|---|")
	for range distances {
		fmt.Print("---|")
	}
	fmt.Println()
	blank := r.Bundle().Vocabulary.Blank()
	for _, s := range sets {
		differ, all := make([]int, len(distances)), make([]int, len(distances))
		for _, f := range s.files {
			windows := map[timeline.Row][]ctc.Row{}
			q := transcribe.Request{Request: asr.Request{Save: func(_ int, start timeline.Row, s *ctc.Saved) { windows[start] = slices.Clone(s.Rows) }}}
			if _, err := t.Transcribe(ctx, transcribe.Source{Path: f.path}, q); err != nil {
				return err
			}
			compare(windows, r.Window(), blank, differ, all)
		}
		fmt.Printf("| %s |", s.name)
		for i := range all {
			fmt.Printf(" %.1f |", 100*float64(differ[i])/float64(max(all[i], 1)))
		}
		fmt.Println()
	}
	return nil
}

// compare counts the rows in which a window of two says a piece, and those on which they differ.
func compare(windows map[timeline.Row][]ctc.Row, w asr.Window, blank ctc.Piece, differ, all []int) {
	half := w.Rows / 2
	for _, start := range slices.Sorted(maps.Keys(windows)) {
		next, ok := windows[start+half]
		if !ok || len(next) != len(windows[start]) {
			continue
		}
		for i, before := range windows[start][half:] {
			after := next[i]
			if before.Best == blank && after.Best == blank {
				continue
			}
			edge := min(timeline.Row(i), half-1-timeline.Row(i))
			column, _ := slices.BinarySearch(distances, edge+1)
			all[column]++
			if before.Best != after.Best {
				differ[column]++
			}
		}
	}
}
