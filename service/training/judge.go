package training

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/finding"
	"github.com/asr-backend/asr-backend/models"
	"github.com/asr-backend/asr-backend/models/verify"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/knowledge"
	"github.com/asr-backend/asr-backend/service/modelpool"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/transcribe"
	"github.com/asr-backend/asr-backend/wer"
)

// judge checks a new model, compares it with the present one, and takes it up if it is not worse.
func (t *Training) judge(ctx context.Context, p *projects.Project, base *present, f *files, out string, run *Run) (reason string, err error) {
	if reason, err := t.examine(ctx, out); err != nil || reason != "" {
		return reason, err
	}
	key := modelpool.Key{Name: run.Model, Decoder: base.key.Decoder}
	if reason, err := t.alike(ctx, key, base.bundle, f.texts); err != nil || reason != "" {
		return reason, err
	}
	learnt, err := t.learnt(ctx, p)
	if err != nil {
		return "", err
	}
	before, err := t.errors(ctx, base.key, p, learnt, f.judging)
	if err != nil {
		return "", err
	}
	after, err := t.errors(ctx, key, p, learnt, f.judging)
	if err != nil {
		return unusable(ctx, err)
	}
	run.Before, run.After = &before, &after
	from, to := 100*before.Rate(), 100*after.Rate()
	if after.Rate() > before.Rate() {
		return fmt.Sprintf("the word error rate on the recordings that judge would rise from %.1f %% to %.1f %%", from, to), nil
	}
	if err := t.Projects.SetTrained(ctx, p.ID, projects.Trained{From: p.ChosenModel, Model: run.Model}); err != nil {
		return "", err
	}
	run.TakenUp = true
	t.Due.Now(p.ID)
	return fmt.Sprintf("the word error rate on the recordings that judge goes from %.1f %% to %.1f %%", from, to), nil
}

// unusable makes a reason of an error that a new model gives, unless it is not to blame.
func unusable(ctx context.Context, err error) (reason string, _ error) {
	if ctx.Err() != nil || errors.Is(err, ort.ErrLibrary) || errors.Is(err, ort.ErrCUDA) {
		return "", err
	}
	return fmt.Sprintf("the new model cannot be used: %v", err), nil
}

// examine checks the files of a new model.
func (t *Training) examine(ctx context.Context, out string) (reason string, err error) {
	store, err := models.NewStore(t.ModelsDir)
	if err != nil {
		return "", err
	}
	found, err := verify.Model(ctx, &verify.Subject{Name: out, Store: store}, verify.FileChecks())
	if err != nil {
		return "", err
	}
	for _, f := range found {
		if f.Status == finding.Failure {
			return "the new model cannot be used: " + f.Detail, nil
		}
	}
	return "", nil
}

// alike loads a new model, and returns why it cannot take the place of the present one: another language,
// or letters that it lacks.
func (t *Training) alike(ctx context.Context, key modelpool.Key, before *asr.Bundle, texts []string) (reason string, err error) {
	r, release, err := t.Models.Use(ctx, key)
	if err != nil {
		return unusable(ctx, err)
	}
	defer release()
	was, is := models.Languages(before), models.Languages(r.Bundle())
	if len(was) > 0 && len(is) > 0 && !slices.ContainsFunc(was, func(l string) bool { return slices.Contains(is, l) }) {
		return fmt.Sprintf("the new model cannot be used: its card says language %v, that of the present model %v", is, was), nil
	}
	var words []beam.Phrase
	for _, text := range texts {
		for _, w := range wer.Normalize(text) {
			words = append(words, beam.Phrase{Text: w})
		}
	}
	known := unwritable(before.Vocabulary, words)
	for w := range unwritable(r.Bundle().Vocabulary, words) {
		if !known[w] {
			return fmt.Sprintf("the new model cannot be used: it has another alphabet, and cannot write %q", w), nil
		}
	}
	return "", nil
}

func unwritable(v *ctc.Vocabulary, words []beam.Phrase) map[string]bool {
	out := map[string]bool{}
	for _, w := range beam.Unspellable(v, words) {
		out[w.Text] = true
	}
	return out
}

// learnt returns what a project has learnt from recordings that do not judge, or nil for nothing.
func (t *Training) learnt(ctx context.Context, p *projects.Project) (*transcribe.Knowledge, error) {
	used := p.Transcription.Knowledge
	if used == nil {
		return nil, nil
	}
	v, err := t.Knowledge.Get(ctx, p.ID, used.Version)
	if errors.Is(err, knowledge.ErrNone) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	k := &transcribe.Knowledge{Version: used.Version, Part: v.Judged.Part, Phrases: v.Judged.Expected()}
	k.Lexicon, err = v.Judged.Lexicon()
	return k, err
}

// errors counts the word errors that a model makes in clips, as the project uses it.
func (t *Training) errors(ctx context.Context, key modelpool.Key, p *projects.Project, learnt *transcribe.Knowledge, judging []clip) (e wer.Errors, err error) {
	r, release, err := t.Models.Use(ctx, key)
	if err != nil {
		return e, err
	}
	defer release()
	o := p.Transcription
	o.Channels, o.Knowledge, o.NBest = audio.Mix, learnt, 0
	transcriber, err := transcribe.New(r, o)
	if err != nil {
		return e, err
	}
	for i := range judging {
		c := &judging[i]
		made, err := transcriber.Transcribe(ctx, transcribe.Source{Path: c.Audio, Name: filepath.Base(c.Audio)}, transcribe.Request{Request: asr.Request{Priority: priority.Background}})
		if err != nil {
			return e, err
		}
		e.Add(wer.Compare(c.Text, made.Text()))
	}
	return e, nil
}
