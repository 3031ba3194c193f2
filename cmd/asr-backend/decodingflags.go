package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/internal/cli"
)

// decodingFlags say how the text is found in what the model outputs.
type decodingFlags struct {
	LM           string   `help:"Language model: default (that of the model, if it has one; a transducer has none), none, or a file of \"lm build\" or in ARPA format." name:"lm" default:"default" placeholder:"default|none|PATH" group:"Text search"`
	LMWeight     *float32 `help:"Weight of the language model. Default: that of the model, or 0.5; with a transducer 0.2." name:"lm-weight" placeholder:"WEIGHT" group:"Text search"`
	WordBonus    *float32 `help:"Added for each word, in nats, if there is a language model. Default: that of the model, or 0.5." placeholder:"NATS" group:"Text search"`
	BlankPenalty *float32 `help:"Taken off blank in each row in which the model thinks a sound possible, in nats, if there is a language model: more writes more of what was said unclearly. Default: that of the model, or 0." placeholder:"NATS" group:"Text search"`
	Beam         int      `help:"Number of texts that are followed at once." default:"64" min:"1" max:"16384" group:"Text search"`
}

func (f *decodingFlags) decoding() asr.Decoding {
	return asr.Decoding{LM: f.LM, LMWeight: f.LMWeight, WordBonus: f.WordBonus, BlankPenalty: f.BlankPenalty, Beam: f.Beam}
}

// check returns what is wrong with the flags.
func (f *decodingFlags) check() error {
	d := f.decoding()
	if f.LM == asr.LMNone && (f.LMWeight != nil || f.WordBonus != nil || f.BlankPenalty != nil) {
		return &cli.UsageError{Err: errors.New("--lm-weight, --word-bonus and --blank-penalty mean nothing with --lm none; leave them out")}
	}
	if err := d.Check(); err != nil {
		return &cli.UsageError{Err: err}
	}
	return nil
}

// hotwordFlags are words and phrases that are expected.
type hotwordFlags struct {
	Hotword       []string `help:"Word or phrase that is expected in the recordings. May be given several times." placeholder:"TEXT" sep:"none" group:"Text search"`
	Hotwords      string   `help:"File of words and phrases that are expected, one a line. A weight of its own may follow, as in Grete Hermann :2.5." type:"path" placeholder:"FILE" group:"Text search"`
	HotwordWeight float32  `help:"Bonus in nats for each letter of such a phrase." default:"1.5" group:"Text search"`
}

// phrases returns those of all flags.
func (f *hotwordFlags) phrases() ([]beam.Phrase, error) {
	var all []beam.Phrase
	add := func(text string) error {
		p, err := beam.ParsePhrase(text)
		if err != nil {
			return err
		}
		if p.Weight == 0 {
			p.Weight = f.HotwordWeight
		}
		all = append(all, p)
		return p.Check()
	}
	if w := f.HotwordWeight; !(w > 0 && w <= beam.MaxPhraseWeight) {
		return nil, &cli.UsageError{Err: fmt.Errorf("--hotword-weight: %g; want more than 0 and at most %d", w, beam.MaxPhraseWeight)}
	}
	for _, text := range f.Hotword {
		if err := add(text); err != nil {
			return nil, &cli.UsageError{Err: fmt.Errorf("--hotword: %w", err)}
		}
	}
	if f.Hotwords == "" {
		return all, nil
	}
	file, err := os.Open(f.Hotwords)
	if err != nil {
		return nil, fmt.Errorf("read the hotwords: %w", err)
	}
	defer file.Close() // only read
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
		if text == "" {
			continue
		}
		if err := add(text); err != nil {
			return nil, &cli.UsageError{Err: fmt.Errorf("%s, line %d: %w", f.Hotwords, n, err)}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the hotwords: %s: %w", f.Hotwords, err)
	}
	return all, nil
}
