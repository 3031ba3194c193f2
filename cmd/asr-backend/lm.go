package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/asr-backend/asr-backend/internal/cli"
	"github.com/asr-backend/asr-backend/internal/gunzip"
	"github.com/asr-backend/asr-backend/internal/output"
	"github.com/asr-backend/asr-backend/internal/without"
	"github.com/asr-backend/asr-backend/lm"
	"github.com/asr-backend/asr-backend/lm/build"
)

type lmCommand struct {
	Build lmBuildCommand `cmd:"" help:"Make a model of text, one sentence per line."`
	Info  lmInfoCommand  `cmd:"" help:"Describe a model."`
	Score lmScoreCommand `cmd:"" help:"Measure how well a model predicts text."`
	Tune  lmTuneCommand  `cmd:"" help:"Choose the weight of a language model on recordings whose text is known."`
	Mix   lmMixCommand   `cmd:"" help:"Make one model of several, or write one in another format."`
}

// lmOutputFlags say how a model is written.
type lmOutputFlags struct {
	Output string `help:"File for the model; a name that ends in .arpa, .arpa.gz or .zst chooses that format." short:"o" required:"" placeholder:"FILE"`
	Bits   int    `help:"Size of each probability: 8, 16, or 32 for exact values." enum:"8,16,32" default:"8"`
	ARPA   bool   `help:"Write the ARPA format whatever the file is called." name:"arpa"`
	Notes  string `help:"Text that the file keeps, such as its sources and licence." placeholder:"TEXT"`
}

// write writes a model to what was claimed for it.
func (f *lmOutputFlags) write(ctx context.Context, to *output.Target, t *lm.Table) error {
	return to.Write(ctx, func(w io.Writer) error {
		switch {
		case strings.HasSuffix(f.Output, ".arpa.gz"):
			z := gzip.NewWriter(w)
			return errors.Join(t.WriteARPA(z), z.Close())
		case f.ARPA || strings.HasSuffix(f.Output, ".arpa"):
			return t.WriteARPA(w)
		}
		if !strings.HasSuffix(f.Output, ".zst") {
			return t.Encode(w, lm.EncodeOptions{Bits: f.Bits})
		}
		z, err := lm.Compress(w)
		if err != nil {
			return err
		}
		return errors.Join(t.Encode(z, lm.EncodeOptions{Bits: f.Bits}), z.Close())
	})
}

// sentences calls do with each line of texts, of which each may be compressed with gzip and
// one may be standard input, "-".
func sentences(ctx context.Context, std streams, texts []string, do func(line string) error) error {
	for _, path := range texts {
		f := std.in
		if path != output.Stdout {
			var err error
			if f, err = os.Open(path); err != nil {
				return fmt.Errorf("open %s: %w", path, without.Path(err))
			}
		}
		err := lines(ctx, f, do)
		if f != std.in {
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
	}
	return nil
}

// longestSentence is the length in bytes that a line of text may have.
const longestSentence = 16 << 20

func lines(ctx context.Context, r io.Reader, do func(line string) error) error {
	in, err := gunzip.NewReader(r)
	if err != nil {
		return err
	}
	s := bufio.NewScanner(in)
	s.Buffer(nil, longestSentence)
	for s.Scan() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := do(s.Text()); err != nil {
			return err
		}
	}
	if errors.Is(s.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("a line is longer than %d MB; write one sentence per line", longestSentence>>20)
	}
	return s.Err()
}

type lmBuildCommand struct {
	Texts []string `arg:"" name:"TEXT" help:"Texts with one sentence per line, which may be compressed with gzip; - is standard input."`
	lmOutputFlags
	Order    int        `help:"Length of the longest n-grams, 1 to 8." default:"3"`
	Cutoff   []int      `help:"How often n-grams of 1, 2, ... words may occur and still be left out, such as 0,0,1; the last is for all longer ones too." placeholder:"N,..."`
	MinCount int        `help:"Leave out words that occur less often; they count as unknown." default:"1"`
	Prune    float64    `help:"Leave out n-grams without which perplexity rises by less than this, relatively, such as 3e-7." default:"0"`
	Fold     lm.Folding `help:"How text is normalised: words (lower case without punctuation), english (as the embedded model writes), or none. The file keeps this." enum:"words,english,none" default:"words"`
	Pieces   bool       `help:"The text is pieces separated by blanks, not words; it is not folded."`
	Memory   int64      `help:"Memory for sorting, in MB." default:"512"`
	JSON     bool       `help:"Print what was made as JSON."`
}

// Run counts the texts and writes the model.
func (c *lmBuildCommand) Run(ctx context.Context, std streams) error {
	facts := lm.Facts{Folding: c.Fold, Units: lm.Words, Notes: c.Notes}
	if c.Pieces {
		facts.Folding, facts.Units = lm.FoldNone, lm.Pieces
	}
	writer := output.New(std.out)
	for _, path := range c.Texts {
		writer.Protect(path)
	}
	to, err := writer.Claim(c.Output)
	if err != nil {
		return err
	}
	b, err := build.New(build.Options{Order: c.Order, Cutoffs: c.Cutoff, MinCount: c.MinCount, Prune: c.Prune, Memory: c.Memory * 1e6})
	if err != nil {
		return &cli.UsageError{Err: err}
	}
	skipped := 0
	err = sentences(ctx, std, c.Texts, func(line string) error {
		s, ok := facts.Folding.Text(line)
		if !ok {
			skipped++
			return nil
		}
		return b.Add(s)
	})
	if err != nil {
		return errors.Join(err, b.Close())
	}
	made, err := b.Table(ctx)
	if err = errors.Join(err, b.Close()); err != nil {
		return err
	}
	made.Table.Facts = facts
	if err := c.write(ctx, to, made.Table); err != nil {
		return err
	}
	if c.JSON {
		return c.printJSON(std, made, skipped)
	}
	return c.print(std, made, skipped)
}

// notice is where a command prints what it did: not where the model goes.
func (c *lmBuildCommand) notice(std streams) io.Writer {
	if c.Output == output.Stdout {
		return std.err
	}
	return std.out
}

func (c *lmBuildCommand) print(std streams, r *build.Result, skipped int) error {
	w := c.notice(std)
	fmt.Fprintf(w, "%d sentences of %d words", r.Sentences, r.Tokens-r.Sentences)
	if skipped > 0 {
		fmt.Fprintf(w, "; %d were left out, which have more than words", skipped)
	}
	fmt.Fprintln(w)
	for k, l := range r.Table.Levels {
		d := r.Discounts[k]
		fmt.Fprintf(w, "n-grams of length %d: %d of %d; discounts %.4f %.4f %.4f", k+1, len(l.Prob), r.Before[k], d[0], d[1], d[2])
		if r.Fallback[k] {
			fmt.Fprint(w, ", assumed: the text is too small or too regular for its own")
		}
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
	}
	return nil
}

func (c *lmBuildCommand) printJSON(std streams, r *build.Result, skipped int) error {
	type length struct {
		Count     int        `json:"count"`
		Before    int        `json:"before_pruning"`
		Discounts [3]float64 `json:"discounts"`
		Assumed   bool       `json:"discounts_assumed"`
	}
	var lengths []length
	for k, l := range r.Table.Levels {
		lengths = append(lengths, length{len(l.Prob), r.Before[k], r.Discounts[k], r.Fallback[k]})
	}
	return printJSON(c.notice(std), map[string]any{"sentences": r.Sentences, "words": r.Tokens - r.Sentences, "left_out": skipped, "lengths": lengths})
}

type lmMixCommand struct {
	Parts []string `arg:"" name:"MODEL=WEIGHT" help:"Models and their weights, which sum to 1."`
	lmOutputFlags
}

// Run mixes. A single model of weight 1 is written as it is.
func (c *lmMixCommand) Run(ctx context.Context, std streams) error {
	writer := output.New(std.out)
	var paths []string
	var parts []build.Part
	for _, p := range c.Parts {
		i := strings.LastIndexByte(p, '=')
		if i < 1 {
			return &cli.UsageError{Err: fmt.Errorf("%q is not MODEL=WEIGHT, such as books.lm=0.7", p)}
		}
		weight, err := strconv.ParseFloat(p[i+1:], 64)
		if err != nil {
			return &cli.UsageError{Err: fmt.Errorf("%q is no weight", p[i+1:])}
		}
		writer.Protect(p[:i])
		paths = append(paths, p[:i])
		parts = append(parts, build.Part{Weight: weight})
	}
	to, err := writer.Claim(c.Output)
	if err != nil {
		return err
	}
	for i, path := range paths {
		m, err := lm.Open(path)
		if err != nil {
			return err
		}
		parts[i].Table = m.Table()
		if err := m.Close(); err != nil {
			return err
		}
	}
	t, err := build.Mix(ctx, parts)
	if err != nil {
		return err
	}
	if c.Notes != "" {
		t.Facts.Notes = c.Notes
	}
	return c.write(ctx, to, t)
}
