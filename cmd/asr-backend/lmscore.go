package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/asr-backend/asr-backend/lm"
)

type lmInfoCommand struct {
	Model string `arg:"" name:"MODEL" help:"A model of this program, or in ARPA format."`
	JSON  bool   `help:"Print JSON."`
}

// Run describes the model.
func (c *lmInfoCommand) Run(std streams) error {
	m, err := lm.Open(c.Model)
	if err != nil {
		return err
	}
	info, err := os.Stat(c.Model)
	if err != nil {
		return errors.Join(err, m.Close())
	}
	bits, rounding := m.Rounding()
	facts := m.Facts()
	var counts []int
	for k := range m.Order() {
		counts = append(counts, m.Len(k+1))
	}
	if err := m.Close(); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(std.out, map[string]any{"order": len(counts), "counts": counts, "bits": bits, "rounding": rounding,
			"folding": facts.Folding, "units": facts.Units, "notes": facts.Notes, "bytes": info.Size()})
	}
	fmt.Fprintf(std.out, "order %d of %s, %.1f MB\n", len(counts), facts.Units, float64(info.Size())/1e6)
	for k, n := range counts {
		fmt.Fprintf(std.out, "n-grams of length %d: %d\n", k+1, n)
	}
	fmt.Fprintf(std.out, "values of %d bits", bits)
	if rounding > 0 {
		fmt.Fprintf(std.out, ", rounded by at most %.2g (log10)", rounding)
	}
	_, err = fmt.Fprintf(std.out, "\ntext folded as: %s\n", facts.Folding)
	if facts.Notes != "" && err == nil {
		_, err = fmt.Fprintln(std.out, facts.Notes)
	}
	return err
}

type lmScoreCommand struct {
	Model     string     `arg:"" name:"MODEL" help:"A model of this program, or in ARPA format."`
	Texts     []string   `arg:"" name:"TEXT" help:"Texts with one sentence per line; - is standard input."`
	Sentences bool       `help:"Print the score of each sentence as well."`
	Fold      lm.Folding `help:"How text is normalised: words, english or none; if not given, as the model says." enum:"words,english,none," default:""`
	JSON      bool       `help:"Print JSON: one line for each sentence that is printed, and one for all."`
}

// lmScore is what is printed about all sentences.
type lmScore struct {
	lm.Tally
	LeftOut         int     `json:"left_out"`
	Perplexity      float64 `json:"perplexity"`
	KnownPerplexity float64 `json:"perplexity_of_known"`
	UnknownRate     float64 `json:"unknown_rate"`
}

// Run scores the texts.
func (c *lmScoreCommand) Run(ctx context.Context, std streams) error {
	m, err := lm.Open(c.Model)
	if err != nil {
		return err
	}
	s := lmScore{}
	e := json.NewEncoder(std.out)
	fold := c.Fold
	if fold == "" {
		fold = m.Facts().Folding
	}
	err = sentences(ctx, std, c.Texts, func(line string) error {
		text, ok := fold.Text(line)
		if words := strings.Fields(text); !ok {
			s.LeftOut++
		} else if len(words) > 0 {
			log10 := s.Add(m, words)
			switch {
			case c.Sentences && c.JSON:
				return e.Encode(map[string]any{"text": text, "log10": log10})
			case c.Sentences:
				_, err := fmt.Fprintf(std.out, "%.4f\t%s\n", log10, text)
				return err
			}
		}
		return nil
	})
	if err = errors.Join(err, m.Close()); err != nil {
		return err
	}
	if s.Tally.Sentences == 0 {
		return errors.New("score: the text has no words")
	}
	s.Perplexity, s.KnownPerplexity = s.Tally.Perplexity(), s.Tally.KnownPerplexity()
	s.UnknownRate = float64(s.Unknown) / float64(s.Words)
	if c.JSON {
		return e.Encode(s)
	}
	_, err = fmt.Fprintf(std.out, "%d sentences of %d words, %d unknown (%.2f %%)\nperplexity %.1f, of known words %.1f\n",
		s.Tally.Sentences, s.Words, s.Unknown, 100*s.UnknownRate, s.Perplexity, s.KnownPerplexity)
	if err == nil && s.LeftOut > 0 {
		_, err = fmt.Fprintf(std.out, "%d sentences were left out, which have more than words\n", s.LeftOut)
	}
	return err
}
