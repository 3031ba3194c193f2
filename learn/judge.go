package learn

import (
	"context"
	"fmt"
	"slices"

	"github.com/asr-backend/asr-backend/asr/tune"
	"github.com/asr-backend/asr-backend/wer"
)

// inTurns returns the passages of a part that are compared word by word. Recordings take turns, as
// their names are, so that a long one does not fill all.
func (l *learner) inTurns(of part) (out []*passage) {
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
	for turn, left := 0, true; left; turn++ {
		left = false
		for _, name := range names {
			if turn < len(byRecording[name]) {
				left = true
				out = append(out, byRecording[name][turn])
			}
		}
	}
	return out
}

// sample is what is decoded to tune or to judge.
type sample struct {
	clips    []*tune.Clip
	passages []*passage // with Options.Transcribe
}

func (s *sample) len() int { return len(s.clips) + len(s.passages) }

// sample returns passages of a part, up to a number of rows.
func (l *learner) sample(ctx context.Context, of part, most int) (*sample, error) {
	s, left := &sample{}, timeToJudge
	for _, p := range l.inTurns(of) {
		if l.Transcribe != nil {
			length := l.material.Corrections[p.index].Length
			if length <= 0 || length > left {
				continue
			}
			left -= length
			s.passages = append(s.passages, p)
			continue
		}
		rows, err := l.Rows(ctx, p.index)
		if err != nil {
			return nil, err
		}
		if rows == nil || len(rows.Blanks) == 0 || len(rows.Blanks) > rowsOfOne {
			continue
		}
		if most -= len(rows.Blanks); most < 0 && len(s.clips) > 0 {
			break
		}
		s.clips = append(s.clips, tune.NewClip(p.wrote, rows.Blanks, rows.Candidates))
	}
	return s, nil
}

// errors counts the word errors in a sample with what is known.
func (l *learner) errors(ctx context.Context, s *sample, k *Knowledge) (sum wer.Errors, err error) {
	if l.Transcribe == nil {
		search, err := k.SearchWith(l.Search, l.Hotwords)
		if err != nil {
			return sum, err
		}
		return tune.Errors(ctx, s.clips, search, l.Vocabulary)
	}
	for _, p := range s.passages {
		text, err := l.Transcribe(ctx, p.index, k)
		if err != nil {
			return sum, err
		}
		sum.Add(wer.CompareWords(p.wrote, wer.Normalize(text)))
	}
	return sum, nil
}

// What is tried for the numbers, the usual ones first.
var (
	triedParts   = []float32{usualPart, 0.15, 0.45, 0.6}
	triedWeights = []float32{usualWeight, 0.75, 2.5, 0}
)

// tune chooses the numbers. Of equal ones the first counts.
func (l *learner) tune(ctx context.Context, numbers *Knowledge) error {
	if l.Transcribe != nil {
		return nil
	}
	s, err := l.sample(ctx, toTune, rowsToTune)
	if err != nil {
		return err
	}
	words := 0
	for _, c := range s.clips {
		words += len(c.Words)
	}
	if words < wordsToTune {
		return nil
	}
	l.out.Tuned = true
	before := &Knowledge{}
	if l.Before != nil {
		before = &l.Before.Judged
	}
	k, err := l.make(ctx, *numbers, before, func(p part) bool { return p == toLearn })
	if err != nil {
		return err
	}
	best := -1
	try := func() error {
		e, err := l.errors(ctx, s, &k)
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
	s, err := l.sample(ctx, toJudge, rowsToJudge)
	if err != nil {
		return err
	}
	j := &out.Judgement
	if j.Passages = s.len(); j.Passages == 0 {
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
		if *v.e, err = l.errors(ctx, s, v.k); err != nil {
			return err
		}
	}
	for _, k := range l.Earlier {
		e, err := l.errors(ctx, s, k)
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
