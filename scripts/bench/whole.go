package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/internal/plural"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/transcribe"
	"github.com/asr-backend/asr-backend/transcript"
	"github.com/asr-backend/asr-backend/wer"
)

// whole compares the whole program, from a file to a transcript, without its start.
func whole(ctx context.Context, b *bench, w io.Writer) error {
	all, err := b.models(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "| model | threads | graph | times real time | %s | words other than the export's | peak memory |\n|---|---|---|---|---|---|---|---|---|---|\n", ratioColumns)
	for _, m := range all {
		length := 5 * time.Minute
		switch {
		case b.quick:
			length = 5 * time.Second
		case m.name == fullSize:
			length = 3 * time.Minute
		}
		path, err := b.speechFile(ctx, fmt.Sprintf("whole-%v.wav", length), length)
		if err != nil {
			return err
		}
		for _, threads := range b.threads(m) {
			if err := b.wholeOf(ctx, w, m, threads, path, length); err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
		}
	}
	fmt.Fprint(w, b.roundsNote(all))
	return nil
}

func (b *bench) wholeOf(ctx context.Context, w io.Writer, m model, threads int, path string, length time.Duration) (err error) {
	loaded, err := b.openAll(ctx, m, threads)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, loaded.close()) }()
	runs := make([]contender, len(m.variants))
	texts := make([][]string, len(runs))
	for i, r := range loaded.recognizers {
		t, err := newTranscriber(r)
		if err != nil {
			return err
		}
		runs[i] = contender{m.variants[i].name, here(func(ctx context.Context) error {
			text, err := t.text(ctx, path)
			texts[i] = strings.Fields(text)
			return err
		})}
	}
	times, err := b.inTurns(ctx, 0, rounds(m), runs)
	if err != nil {
		return err
	}
	for i, v := range m.variants {
		memory, err := b.memoryOf(ctx, m, v, threads)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "| %s | %d | %s | %.1f | %s | %s | %d MB |\n", m.name, threads, v.name, length.Seconds()/least(times[i], took.passed),
			compare(times[i], times[0]), differing(m, v, texts[0], texts[i]), memory>>20)
	}
	return nil
}

// rounds is how many rounds of whole recordings a model needs. Recordings of a large one take long, and are
// less noisy.
func rounds(m model) int {
	if m.name == fullSize {
		return 3
	}
	return otherRounds
}

// roundsNote is the line below a table with so many rounds.
func (b *bench) roundsNote(all []model) string {
	var of []string
	for _, m := range all {
		of = append(of, fmt.Sprintf("%s %s", m.name, plural.Count(b.count(rounds(m)), "round")))
	}
	return "\n" + strings.Join(of, ", ") + ".\n"
}

// differing says how many words of a text are others than those of the export.
func differing(m model, v variant, want, got []string) string {
	if v.name == export || m.random && !v.exact() { // 8 bits change what random weights write, and that means nothing
		return ""
	}
	e := wer.CompareWords(want, got)
	return fmt.Sprintf("%d of %d", e.Substitutions+e.Deletions+e.Insertions, e.Words)
}

// transcriber transcribes as the command does.
type transcriber struct{ t *transcribe.Transcriber }

func newTranscriber(r *asr.Recognizer) (transcriber, error) {
	t, err := transcribe.New(r, transcribe.Options{FFmpeg: "off"})
	return transcriber{t}, err
}

// text writes the transcript of a recording to nowhere, and returns its text.
func (t transcriber) text(ctx context.Context, path string) (string, error) {
	got, err := t.t.Transcribe(ctx, transcribe.Source{Path: path}, transcribe.Request{Request: asr.Request{Priority: priority.Batch}})
	if err != nil {
		return "", err
	}
	return got.Text(), transcript.Write(io.Discard, transcript.JSON, got, transcript.WriteOptions{})
}
