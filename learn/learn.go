package learn

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/tune"
	"github.com/asr-backend/asr-backend/wer"
)

// Rows are what is kept of the rows of a passage for a search: the log-probability of blank of
// each, and its candidates.
type Rows struct {
	Blanks     []float32
	Candidates ctc.Candidates
}

// Options say with what is learnt. Vocabulary, Search and Rows are required.
type Options struct {
	Vocabulary *ctc.Vocabulary
	// Search is how texts are searched for without what is learnt.
	Search *beam.Search
	// General is the language model of the search, or nil: then only phrases are learnt.
	General *beam.Lexicon
	// Hotwords are phrases that the project expects anyway.
	Hotwords []beam.Phrase
	// Rows returns the rows of the passage of a correction, given its index, or nil if they are not
	// to be had. They are asked for one by one, and not of all.
	Rows func(ctx context.Context, correction int) (*Rows, error)
	// Before is what was learnt before and is used now, or nil.
	Before *Version
	// Gone says that texts are gone which Before was made of, so that it must not be used any
	// longer, whatever the candidate is worth.
	Gone bool
	// Earlier are versions that are compared as well, in their Judged form.
	Earlier []*Knowledge
}

// Version is what was learnt in one go.
type Version struct {
	// Used is made of all corrections, and Judged of those that do not judge.
	Used   Knowledge `json:"used"`
	Judged Knowledge `json:"judged"`
}

// Judgement is what the versions do to recordings that none of them was made of.
type Judgement struct {
	Passages int `json:"passages"`
	// General is without anything learnt, Before with what is used now, and Candidate with the new
	// version.
	General   wer.Errors `json:"general"`
	Before    wer.Errors `json:"before"`
	Candidate wer.Errors `json:"candidate"`
	// Earlier are those of Options.Earlier.
	Earlier []wer.Errors `json:"-"`
}

// Outcome is a candidate and how it came about.
type Outcome struct {
	Candidate Version
	// TakeUp says that the candidate is to be used from now on, and Reason why, or why not.
	TakeUp    bool
	Reason    string
	Judgement Judgement
	// Passages, Words and Recordings are what corrections were learnt from, LeftOut how many
	// passages were not, by reason.
	Passages, Words, Recordings int
	LeftOut                     map[Reason]int
	Documents                   int // that were learnt from
	Substitutions               []Substitution
	// Tuned says that the numbers were chosen on corrections; else they are the usual ones.
	Tuned bool
}

// Bounds of what is decoded. A row is 80 ms.
const (
	rowsToTune   = 4_500  // 6 minutes, some ten times
	rowsToJudge  = 11_250 // 15 minutes, three times
	rowsOfOne    = 7_500  // of a passage: longer ones are not decoded
	wordsToTune  = 60     // fewer say nothing
	usualPart    = 0.3
	usualWeight  = beam.DefaultPhraseWeight
	rareInLog10  = -4.7 // one in 50,000 words; about rank 5,000
	rareLettersN = 5    // of a word that counts as rare where no language model says so
)

// Learn makes a candidate of corrections and documents, and judges it. The result depends on the
// material alone, not on the machine. An error is one of Rows, or of ctx.
func Learn(ctx context.Context, m *Material, o Options) (*Outcome, error) {
	if o.Vocabulary == nil || o.Search == nil || o.Rows == nil {
		return nil, errors.New("learn: Options are incomplete")
	}
	l := &learner{Options: &o, material: m, out: &Outcome{}}
	if err := l.learn(ctx); err != nil {
		return nil, fmt.Errorf("learn: %w", err)
	}
	return l.out, nil
}

type learner struct {
	*Options
	material *Material
	out      *Outcome
	all      []passage
	parts    map[string]part
}

func (l *learner) learn(ctx context.Context) (err error) {
	out := l.out
	l.all, out.LeftOut = l.passages(l.material.Corrections)
	names := make([]string, len(l.all))
	for i := range l.all {
		names[i] = l.all[i].recording
	}
	l.parts = divide(names)
	out.Passages, out.Recordings, out.Documents = len(l.all), len(l.parts), len(l.material.Documents)
	for i := range l.all {
		out.Words += len(l.all[i].wrote)
	}
	out.Substitutions = substitutions(l.all)
	if out.Passages == 0 && out.Documents == 0 {
		out.TakeUp, out.Reason = l.Before != nil, "there is nothing to learn from"
		return nil
	}
	numbers := Knowledge{Part: usualPart, PhraseWeight: usualWeight}
	if err := l.tune(ctx, &numbers); err != nil {
		return err
	}
	if out.Candidate.Judged, err = l.make(ctx, numbers, func(p part) bool { return p != toJudge }); err != nil {
		return err
	}
	if out.Candidate.Used, err = l.make(ctx, numbers, func(part) bool { return true }); err != nil {
		return err
	}
	return l.judge(ctx)
}

// make makes a version of the passages of some parts, with numbers.
func (l *learner) make(ctx context.Context, numbers Knowledge, of func(part) bool) (_ Knowledge, err error) {
	k := Knowledge{Part: numbers.Part, PhraseWeight: numbers.PhraseWeight}
	f := newFinder(l.rare)
	var texts []string
	for i := range l.all {
		if p := &l.all[i]; of(l.parts[p.recording]) {
			f.passage(p)
			texts = append(texts, p.text)
		}
	}
	for _, d := range l.material.Documents {
		f.document(d.Text)
		texts = append(texts, Clean(d.Text))
	}
	var before []Phrase
	if l.Before != nil {
		before = l.Before.Used.Phrases
	}
	k.Phrases = f.list(before, l.material.Removed)
	k.Model, err = l.model(ctx, texts)
	return k, err
}

// rare reports whether a word is one that recordings of other projects seldom have.
func (l *learner) rare(word string) bool {
	if l.General == nil {
		return len([]rune(word)) >= rareLettersN
	}
	log10, known := l.General.Unigram(word)
	return !known || log10 < rareInLog10
}

// clips returns the passages of a part with their rows, up to a number of rows. Recordings take turns
// as their names are, so that a long one does not fill all.
func (l *learner) clips(ctx context.Context, of part, most int) ([]*tune.Clip, error) {
	byRecording := map[string][]*passage{}
	var names []string
	for i := range l.all {
		p := &l.all[i]
		if l.parts[p.recording] != of || !p.compared {
			continue
		}
		if byRecording[p.recording] == nil {
			names = append(names, p.recording)
		}
		byRecording[p.recording] = append(byRecording[p.recording], p)
	}
	slices.Sort(names)
	var clips []*tune.Clip
	for turn, left := 0, true; left; turn++ {
		left = false
		for _, name := range names {
			if turn >= len(byRecording[name]) {
				continue
			}
			left = true
			p := byRecording[name][turn]
			rows, err := l.Rows(ctx, p.index)
			if err != nil {
				return nil, err
			}
			if rows == nil || len(rows.Blanks) == 0 || len(rows.Blanks) > rowsOfOne {
				continue
			}
			if most -= len(rows.Blanks); most < 0 && len(clips) > 0 {
				return clips, nil
			}
			clips = append(clips, tune.NewClip(p.wrote, rows.Blanks, rows.Candidates))
		}
	}
	return clips, nil
}

// errors counts the word errors of a search with what is known.
func (l *learner) errors(ctx context.Context, clips []*tune.Clip, k *Knowledge) (wer.Errors, error) {
	s, err := k.SearchWith(l.Search, l.Hotwords)
	if err != nil {
		return wer.Errors{}, err
	}
	return tune.Errors(ctx, clips, s, l.Vocabulary)
}

// What is tried for the numbers, the usual ones first.
var (
	triedParts   = []float32{usualPart, 0.15, 0.45, 0.6}
	triedWeights = []float32{usualWeight, 0.75, 2.5, 0}
)

// tune chooses the numbers. Of equal ones the first counts.
func (l *learner) tune(ctx context.Context, numbers *Knowledge) error {
	clips, err := l.clips(ctx, toTune, rowsToTune)
	if err != nil {
		return err
	}
	words := 0
	for _, c := range clips {
		words += len(c.Words)
	}
	if words < wordsToTune {
		return nil
	}
	l.out.Tuned = true
	k, err := l.make(ctx, *numbers, func(p part) bool { return p == toLearn })
	if err != nil {
		return err
	}
	best := -1
	try := func() error {
		e, err := l.errors(ctx, clips, &k)
		if n := e.Substitutions + e.Deletions + e.Insertions; err == nil && (best < 0 || n < best) {
			best = n
			numbers.Part, numbers.PhraseWeight = k.Part, k.PhraseWeight
		}
		return err
	}
	for _, k.Part = range triedParts {
		if err := try(); err != nil {
			return err
		}
	}
	k.Part = numbers.Part
	for _, k.PhraseWeight = range triedWeights[1:] {
		if err := try(); err != nil {
			return err
		}
	}
	return nil
}

// judge compares the candidate with what is used now.
func (l *learner) judge(ctx context.Context) error {
	out := l.out
	clips, err := l.clips(ctx, toJudge, rowsToJudge)
	if err != nil {
		return err
	}
	j := &out.Judgement
	if j.Passages = len(clips); j.Passages == 0 {
		out.Reason = l.unjudged()
		switch {
		case l.Gone:
			out.Candidate, out.TakeUp = Version{}, true
		case len(l.all) == 0: // somebody gave documents, as they might give hotwords
			out.TakeUp = l.Before == nil || out.Candidate.Used.Digest() != l.Before.Used.Digest()
		}
		return nil
	}
	before := &Knowledge{}
	if l.Before != nil {
		before = &l.Before.Judged
	}
	for _, v := range []struct {
		k *Knowledge
		e *wer.Errors
	}{{&Knowledge{}, &j.General}, {before, &j.Before}, {&out.Candidate.Judged, &j.Candidate}} {
		if *v.e, err = l.errors(ctx, clips, v.k); err != nil {
			return err
		}
	}
	for _, k := range l.Earlier {
		e, err := l.errors(ctx, clips, k)
		if err != nil {
			return err
		}
		j.Earlier = append(j.Earlier, e)
	}
	used := ""
	if l.Before != nil {
		used = l.Before.Used.Digest()
	}
	was := j.Before
	if l.Gone {
		was = j.General
	}
	from, to := 100*was.Rate(), 100*j.Candidate.Rate()
	switch {
	case out.Candidate.Used.Digest() == used:
		out.Reason = "nothing new was learnt"
	case to > from && l.Gone:
		out.Candidate, out.TakeUp = Version{}, true
		out.Reason = fmt.Sprintf("texts are gone that were learnt from, and what is left would raise the word error rate on the recordings that judge from %.1f %% to %.1f %%", from, to)
	case to > from:
		out.Reason = fmt.Sprintf("the word error rate on the recordings that judge would rise from %.1f %% to %.1f %%", from, to)
	default:
		out.TakeUp = true
		out.Reason = fmt.Sprintf("the word error rate on the recordings that judge goes from %.1f %% to %.1f %%", from, to)
	}
	return nil
}

// unjudged says why nothing can be judged.
func (l *learner) unjudged() string {
	switch {
	case len(l.parts) == 0:
		return "documents alone are taken up as they are: there are no corrections to judge by"
	case len(l.parts) == 1:
		return "there are corrections of one recording only; at least two are needed, one of which judges"
	}
	return "the recordings that judge have no rows that could be decoded"
}
