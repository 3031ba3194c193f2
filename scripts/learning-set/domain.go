package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/models"
	"github.com/asr-backend/asr-backend/wer"
)

// Ranks of words by their probability in the default language model.
const (
	everyday = 5000  // words of the glossary up to here, such as "mister", are not the domain's own
	common   = 10000 // words up to here are not learned
)

// ranks has the words of the default language model by their probability, the most probable first.
type ranks map[string]int

func newRanks() (_ ranks, err error) {
	bundle, err := models.Open(models.DefaultName, "")
	if err != nil {
		return nil, err
	}
	file := (&asr.Decoding{}).LanguageModel(bundle)
	if file == nil {
		return nil, errors.New("the default model has no language model, which says what words are rare")
	}
	m, err := file.Open()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	type ranked struct {
		text string
		prob float32
	}
	var all []ranked
	for w, text := range m.Vocabulary() {
		all = append(all, ranked{text, m.Unigram(w)})
	}
	slices.SortFunc(all, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(b.prob, a.prob), strings.Compare(a.text, b.text))
	})
	r := ranks{}
	for i, w := range all {
		r[w.text] = i
	}
	return r, nil
}

// beyond reports whether a word is not among the n most probable ones.
func (r ranks) beyond(n int, word string) bool {
	rank, known := r[word]
	return !known || rank >= n
}

// learn returns the rare words of the corrected recordings that were not recognized where they were said.
func (r ranks) learn(recordings []recording, texts [][]string) []string {
	set := map[string]bool{}
	for i, rec := range recordings[:corrected] {
		for _, p := range wer.Align(rec.words, texts[i]) {
			if p.Said != "" && !p.Right() && r.beyond(common, p.Said) {
				set[p.Said] = true
			}
		}
	}
	return sorted(set)
}

// domain has the domain's own words: those of the glossary that are no everyday words and that a corrected recording
// has.
type domain map[string]bool

func (r ranks) domain(glossary []string, recordings []recording) domain {
	said := map[string]bool{}
	for _, rec := range recordings[:corrected] {
		for _, w := range rec.words {
			said[w] = true
		}
	}
	d := domain{}
	for _, phrase := range glossary {
		for _, w := range wer.Normalize(phrase) {
			if said[w] && r.beyond(everyday, w) {
				d[w] = true
			}
		}
	}
	return d
}

// rate counts wrong words. An insertion counts among all words, but not among those of the domain.
type rate struct{ errors, words int }

func (r rate) String() string {
	return fmt.Sprintf("%.1f %% of %d", 100*float64(r.errors)/float64(max(r.words, 1)), r.words)
}

// count returns the columns of the table, for the recordings that are not corrected.
func (d domain) count(recordings []recording, texts [][]string) string {
	var all, own [3]rate // all kinds, real, synthetic
	for i, rec := range recordings[corrected:] {
		kinds := []int{0, 1}
		if rec.kind != "real" {
			kinds[1] = 2
		}
		for _, p := range wer.Align(rec.words, texts[corrected+i]) {
			for _, k := range kinds {
				all[k].add(p)
				if d[p.Said] {
					own[k].add(p)
				}
			}
		}
	}
	return fmt.Sprintf("%s | %s | %s | %s | %s | %s", all[0], all[1], all[2], own[0], own[1], own[2])
}

func (r *rate) add(p wer.Pair) {
	if p.Said != "" {
		r.words++
	}
	if !p.Right() {
		r.errors++
	}
}
