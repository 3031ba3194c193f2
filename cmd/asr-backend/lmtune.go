package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/tune"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/cli"
	"github.com/asr-backend/asr-backend/internal/plural"
	"github.com/asr-backend/asr-backend/internal/without"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/wer"
)

type lmTuneCommand struct {
	Manifest string `arg:"" name:"MANIFEST" help:"NeMo manifest of recordings and their texts: a JSON object a line, with audio_filepath and text, and offset and duration for parts. Paths are relative to the manifest."`
	FFmpeg   string `help:"Path to ffmpeg, which decodes the formats that are not built in; \"off\" never runs it." name:"ffmpeg" default:""`
	JSON     bool   `help:"Print JSON."`
	modelFlags
	decodingFlags
}

// clipEntry is a line of the manifest.
type clipEntry struct {
	Audio    string  `json:"audio_filepath"`
	Offset   float64 `json:"offset"`   // seconds
	Duration float64 `json:"duration"` // seconds; 0: to the end
	Text     *string `json:"text"`
	line     int
}

// Run tunes and prints the settings that are best.
func (c *lmTuneCommand) Run(ctx context.Context, std streams) (err error) {
	if err := cmp.Or(c.modelFlags.check(), c.decodingFlags.check()); err != nil {
		return err
	}
	entries, err := readClips(c.Manifest)
	if err != nil {
		return &cli.UsageError{Err: fmt.Errorf("manifest %s: %w", c.Manifest, err)}
	}
	model, err := c.open(ctx, c.decoding())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, model.close()) }()
	lexicon, search := model.recognizer.Lexicon()
	name := model.recognizer.Bundle().Card.Name
	switch {
	case lexicon != nil:
	case c.LM == asr.LMNone:
		return &cli.UsageError{Err: errors.New("with --lm none there is nothing to tune")}
	case model.recognizer.Transducer():
		return &cli.UsageError{Err: fmt.Errorf("%s is a transducer, and weights are tuned for a search in CTC rows; use --decoder ctc if it has a CTC head", name)}
	default:
		return &cli.UsageError{Err: fmt.Errorf("the model %s has no language model of its own: give one with --lm", name)}
	}
	clips := make([]*tune.Clip, len(entries))
	for i, e := range entries {
		if clips[i], err = c.recognize(ctx, model.recognizer, e); err != nil {
			return fmt.Errorf("line %d of %s: %w", e.line, c.Manifest, err)
		}
		if clips[i].Rows() == 0 {
			return &cli.UsageError{Err: fmt.Errorf("line %d of %s: there is no sound in this part of the recording", e.line, c.Manifest)}
		}
	}
	var tried []tune.Point
	o := tune.Options{Vocabulary: model.recognizer.Bundle().Vocabulary, Search: search, Tried: func(p tune.Point) {
		tried = append(tried, p)
		if !c.JSON {
			fmt.Fprintf(std.err, "%s: %.2f %% word errors\n", settings(p), 100*p.Errors.Rate())
		}
	}}
	best, began, err := tune.Tune(ctx, clips, o)
	if err != nil {
		return err
	}
	return c.print(std, clips, best, began, tried)
}

func (c *lmTuneCommand) print(std streams, clips []*tune.Clip, best, began tune.Point, tried []tune.Point) error {
	if c.JSON {
		type point struct {
			Weight  float32 `json:"lm_weight"`
			Bonus   float32 `json:"word_bonus"`
			Penalty float32 `json:"blank_penalty"`
			Rate    float64 `json:"word_error_rate"`
		}
		of := func(p tune.Point) point { return point{p.Weight, p.Bonus, p.BlankPenalty, p.Errors.Rate()} }
		out := struct {
			Recordings int     `json:"recordings"`
			Words      int     `json:"words"`
			Best       point   `json:"best"`
			Tried      []point `json:"tried"`
		}{Recordings: len(clips), Words: best.Errors.Words, Best: of(best)}
		for _, p := range tried {
			out.Tried = append(out.Tried, of(p))
		}
		return printJSON(std.out, out)
	}
	_, err := fmt.Fprintf(std.out, `%s, %s
began:  %s: %.2f %% word errors
best:   %s: %.2f %%

As flags:      --lm-weight=%.4g --word-bonus=%.4[8]g --blank-penalty=%.4[9]g
In model.json: "lm_weight": %.4[7]g, "word_bonus": %.4[8]g, "blank_penalty": %.4[9]g
`, plural.Count(len(clips), "recording"), plural.Count(best.Errors.Words, "word"), settings(began), 100*began.Errors.Rate(), settings(best), 100*best.Errors.Rate(), best.Weight, best.Bonus, best.BlankPenalty)
	return err
}

func settings(p tune.Point) string {
	return fmt.Sprintf("weight %.4g, word bonus %.4g, blank penalty %.4g", p.Weight, p.Bonus, p.BlankPenalty)
}

// recognize runs the acoustic model on a recording or a part of it.
func (c *lmTuneCommand) recognize(ctx context.Context, r *asr.Recognizer, e clipEntry) (_ *tune.Clip, err error) {
	o := audio.Options{FFmpeg: c.FFmpeg, Start: timeline.FromSeconds(e.Offset).Truncate(timeline.RowDuration)}
	if e.Duration > 0 {
		o.End = timeline.FromSeconds(e.Offset + e.Duration)
	}
	s, err := audio.Open(ctx, e.Audio, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return tune.Recognize(ctx, r, s, *e.Text)
}

// longestEntry is the length in bytes that a line of a manifest may have.
const longestEntry = 1 << 20

// readClips reads a manifest.
func readClips(path string) ([]clipEntry, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, without.Path(err)
	}
	defer f.Close() // only read
	var all []clipEntry
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, longestEntry)
	for n := 1; lines.Scan(); n++ {
		if len(lines.Bytes()) == 0 {
			continue
		}
		var e clipEntry
		err := json.Unmarshal(lines.Bytes(), &e)
		switch {
		case err != nil:
			return nil, fmt.Errorf("line %d: %w", n, err)
		case e.Audio == "":
			return nil, fmt.Errorf("line %d has no audio_filepath", n)
		case e.Text == nil || len(wer.Normalize(*e.Text)) == 0:
			return nil, fmt.Errorf("line %d has no text", n)
		case e.Offset < 0 || e.Duration < 0 || e.Offset+e.Duration > (1000*time.Hour).Seconds():
			return nil, fmt.Errorf("line %d: offset %g and duration %g are no part of a recording", n, e.Offset, e.Duration)
		}
		if !filepath.IsAbs(e.Audio) {
			e.Audio = filepath.Join(filepath.Dir(path), e.Audio)
		}
		if _, err := os.Stat(e.Audio); err != nil {
			return nil, fmt.Errorf("line %d: %s: %w", n, e.Audio, without.Path(err))
		}
		e.line = n
		all = append(all, e)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, errors.New("there is no recording in it")
	}
	return all, nil
}
