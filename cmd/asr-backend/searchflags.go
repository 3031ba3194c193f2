package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/internal/cli"
	"github.com/asr-backend/asr-backend/lm"
	"github.com/asr-backend/asr-backend/transcribe"
)

// searchFlags say how the text is found among what the model takes for possible.
type searchFlags struct {
	LM            string   `help:"Language model, a file of \"lm build\" or in ARPA format; none: the most probable text of the acoustic model alone." name:"lm" default:"none" placeholder:"none|PATH" group:"Text search"`
	LMWeight      float32  `help:"Weight of the language model." name:"lm-weight" default:"0.5" group:"Text search"`
	WordBonus     float32  `help:"Added for each word, in nats, if there is a language model." default:"0.5" group:"Text search"`
	Hotword       []string `help:"Word or phrase that is expected in the recordings. May be given several times." placeholder:"TEXT" sep:"none" group:"Text search"`
	Hotwords      string   `help:"File of words and phrases that are expected, one a line." type:"path" placeholder:"FILE" group:"Text search"`
	HotwordWeight float32  `help:"Bonus in nats for each letter of such a phrase." default:"1.5" group:"Text search"`
	Beam          int      `help:"Number of texts that are followed at once." default:"64" min:"1" max:"16384" group:"Text search"`
}

// wordSearch is a search and what it holds open.
type wordSearch struct {
	search  *beam.Search
	version string
	close   func() error
}

// options add the search to those of a Transcriber.
func (w *wordSearch) options(o transcribe.Options) transcribe.Options {
	o.Search, o.SearchVersion = w.search, w.version
	return o
}

// open makes the search, if the flags ask for one.
func (f *searchFlags) open(bundle *asr.Bundle) (_ *wordSearch, err error) {
	w := &wordSearch{close: func() error { return nil }}
	phrases, err := f.phrases()
	if err != nil {
		return nil, err
	}
	if f.LM == "none" && len(phrases) == 0 {
		return w, nil
	}
	o := beam.Options{Width: f.Beam}
	if o.Phrases, err = beam.NewPhrases(phrases); err != nil {
		return nil, &cli.UsageError{Err: err}
	}
	digest := sha256.New()
	fmt.Fprintln(digest, f.LM == "none", f.LMWeight, f.WordBonus, f.Beam, phrases)
	if f.LM != "none" {
		if err := digestFile(digest, f.LM); err != nil {
			return nil, err
		}
		m, err := lm.Open(f.LM)
		if err != nil {
			return nil, err
		}
		w.close = m.Close
		o.Lexicon, o.Weight, o.Bonus = beam.NewLexicon(m), f.LMWeight, f.WordBonus
	}
	w.version = hex.EncodeToString(digest.Sum(nil)[:6])
	if w.search, err = beam.New(bundle.Vocabulary, o); err != nil {
		_ = w.close() // only read
		return nil, &cli.UsageError{Err: err}
	}
	return w, nil
}

func digestFile(to io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read the language model: %w", err)
	}
	defer f.Close() // only read
	if _, err := io.Copy(to, f); err != nil {
		return fmt.Errorf("read the language model: %w", err)
	}
	return nil
}

// phrases returns those of both flags.
func (f *searchFlags) phrases() ([]beam.Phrase, error) {
	var all []beam.Phrase
	add := func(text string) {
		all = append(all, beam.Phrase{Text: text, Weight: f.HotwordWeight})
	}
	for _, text := range f.Hotword {
		add(text)
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
	for lines.Scan() {
		if text := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff")); text != "" {
			add(text)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the hotwords: %s: %w", f.Hotwords, err)
	}
	return all, nil
}
