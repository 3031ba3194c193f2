package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/asr-backend/asr-backend/internal/npy"
	"github.com/asr-backend/asr-backend/wer"
)

// result is what one measurement gives. Those of other programs are files of JSON.
type result struct {
	LM     string            `json:"lm"` // none or with
	Size   int               `json:"size"`
	Weight float64           `json:"weight"`
	Micros float64           `json:"micros"` // processor time of a row; 0 if it was not measured
	Texts  map[string]string `json:"texts"`  // of the names of recordings
}

// print counts the errors of a result.
func (e *experiment) print(r *result, lists []list) {
	var s score
	for i := range e.recordings {
		rec := &e.recordings[i]
		s.add(rec.words, wer.Normalize(r.Texts[rec.name]), &lists[i])
	}
	time := ""
	if r.Micros > 0 {
		time = fmt.Sprintf("%.0f µs", r.Micros)
	}
	fmt.Printf("| %s | %d | %g | %s | %s |\n", r.LM, r.Size, r.Weight, s.String(), time)
}

// write writes what another program needs to decode the same rows with the same lists.
func (e *experiment) write(folder string, lists map[int][]list) error {
	for i := range e.recordings {
		rec := &e.recordings[i]
		var b strings.Builder
		if err := npy.Write(&b, slices.Concat(rec.rows...), len(rec.rows), e.vocabulary.Width()); err != nil {
			return err
		}
		if err := save(filepath.Join(folder, "rows", rec.name+".npy"), b.String()); err != nil {
			return err
		}
		for size, all := range lists {
			if err := save(filepath.Join(folder, "lists", fmt.Sprint(size), rec.name+".txt"), strings.Join(all[i].words, "\n")+"\n"); err != nil {
				return err
			}
		}
	}
	for _, s := range e.searches {
		o := s.search.Options()
		b, err := json.Marshal(map[string]float32{"weight": o.Weight, "bonus": o.Bonus, "unknown": o.Unknown, "blank_penalty": o.BlankPenalty})
		if err != nil {
			return err
		}
		if err := save(filepath.Join(folder, "options."+s.lm+".json"), string(b)+"\n"); err != nil {
			return err
		}
	}
	return save(filepath.Join(folder, "pieces.txt"), strings.Join(e.vocabulary.Pieces(), "\n")+"\n")
}

func save(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o666)
}

// count prints the results in a folder.
func (e *experiment) count(folder string, lists map[int][]list) error {
	paths, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return err
	}
	all := make([]result, len(paths))
	for i, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(b, &all[i]); err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
	}
	slices.SortFunc(all, func(a, b result) int {
		return cmp.Or(strings.Compare(a.LM, b.LM), a.Size-b.Size, cmp.Compare(a.Weight, b.Weight))
	})
	for i := range all {
		if lists[all[i].Size] == nil {
			return fmt.Errorf("read %s: no list has %d words", paths[i], all[i].Size)
		}
		e.print(&all[i], lists[all[i].Size])
	}
	return nil
}
