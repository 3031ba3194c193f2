package learning

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/learn"
	"github.com/asr-backend/asr-backend/service/knowledge"
	"github.com/asr-backend/asr-backend/service/projects"
)

// Worker returns the worker that learns.
func (l *Learning) Worker() jobs.Worker { return jobs.NewWorker(l.work) }

func (l *Learning) work(ctx context.Context, a *jobs.Attempt[learnJob]) error {
	start := time.Now()
	run, err := l.learn(ctx, a.Args.ProjectID, a.Args.Why)
	took := time.Since(start)
	l.metrics.seconds.Observe(took.Seconds())
	if err != nil {
		l.metrics.runs.WithLabelValues(failed).Inc()
		return err
	}
	outcome := notTakenUp
	if run.TakenUp {
		outcome = takenUp
	}
	l.metrics.runs.WithLabelValues(outcome).Inc()
	run.At, run.TookS, run.Why = start.UTC(), took.Seconds(), a.Args.Why
	if err := l.change(ctx, a.Args.ProjectID, func(s *State) { s.Last = run }); err != nil {
		return err
	}
	l.log.Info("project learnt", "project", a.Args.ProjectID, "why", string(run.Why), "corrections", run.Corrections, "passages", run.Passages,
		"version", run.Version, "taken_up", run.TakenUp, "reason", run.Reason, "took_s", took.Seconds())
	if err := a.Finish(nil); err != nil {
		return err
	}
	l.Queue.Discard(ctx, a.Job().Key) // so that it is made anew
	return l.again(ctx, a.Args.ProjectID)
}

// askingAgain bounds how long the store may take to note that a project learns once more.
const askingAgain = 10 * time.Second

// again makes a project learn once more if somebody asked for that while it learnt.
func (l *Learning) again(ctx context.Context, project int64) error {
	// That of the attempt has ended with it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askingAgain)
	defer cancel()
	state, err := l.State(ctx, project)
	if err != nil || !state.Again {
		return err
	}
	if err := l.change(ctx, project, func(s *State) { s.Again = false }); err != nil {
		return err
	}
	_, err = l.Enqueue(ctx, project, Asked)
	return err
}

// learn makes a candidate of what a project has, and takes it up if it is better.
func (l *Learning) learn(ctx context.Context, project int64, why Trigger) (*Run, error) {
	began := time.Now().UTC()
	p, err := l.Projects.Present(ctx, project)
	if err != nil {
		return nil, err
	}
	if !p.Settings.Learns() {
		return &Run{Reason: `the project does not learn: "learn" is off`}, nil
	}
	m, err := l.corrections(ctx, project)
	if err != nil {
		return nil, err
	}
	if err := l.documents(ctx, p, m); err != nil {
		return nil, err
	}
	state, err := l.State(ctx, project)
	if err != nil {
		return nil, err
	}
	m.Removed = state.Removed
	before, current, err := l.before(ctx, project)
	if err != nil {
		return nil, err
	}
	gone := state.gone(m)
	out, earlier, err := l.candidate(ctx, p, m, before, current, slices.Contains(gone, current), state)
	if err != nil {
		return nil, err
	}
	run := &Run{Reason: out.Reason, Corrections: m.corrections, Passages: out.Passages, LeftOut: out.LeftOut, Documents: m.documents, TakenUp: out.TakeUp}
	if out.TakeUp && !slices.Contains(gone, current) && why != Asked && (state.RolledBack || p.Settings.Chosen() != "") {
		run.TakenUp, run.Reason = false, out.Reason+"; it is not taken up, as a person went back to, or chose, another version"
	}
	version := Version{At: began, Corrections: m.corrections, Recordings: out.Recordings, Words: out.Words, Documents: out.Documents, Phrases: len(out.Candidate.Used.Phrases),
		TakenUp: run.TakenUp, Reason: run.Reason, Judgement: out.Judgement, Judged: out.Judgement.Candidate.Rate(), JudgedOn: out.Judgement.Passages, Annotations: m.annotations, Texts: m.texts()}
	if version.Version = out.Candidate.Used.Digest(); version.Version == "" {
		version.Judged = out.Judgement.General.Rate() // a candidate that was dropped was judged
	}
	if run.TakenUp {
		if _, err := l.Knowledge.Put(ctx, project, &out.Candidate); err != nil {
			return nil, err
		}
		version.Kept = version.Version != ""
	}
	run.Version = version.Version
	if err := l.change(ctx, project, func(s *State) { s.made(version, out, gone, earlier) }); err != nil {
		return nil, err
	}
	if run.TakenUp && version.Version != current {
		if err := l.Projects.SetLearnt(ctx, project, version.Version); err != nil {
			return nil, err
		}
		l.Due.Now(project)
	}
	if err := l.Projects.SetLastLearnt(ctx, project, began, m.corrections); err != nil {
		return nil, err
	}
	return run, l.tidy(ctx, project)
}

// before returns what is used now, nil for nothing, and its version.
func (l *Learning) before(ctx context.Context, project int64) (*learn.Version, string, error) {
	current, err := l.Projects.Learnt(ctx, project)
	if err != nil || current == "" {
		return nil, "", err
	}
	v, err := l.Knowledge.Get(ctx, project, current)
	if errors.Is(err, knowledge.ErrNone) {
		return nil, current, nil // nothing is used, as it is not there
	}
	return v, current, err
}

// candidate makes and judges a candidate. before is what is used now, of the version current; earlier are the errors of versions that are kept on the
// recordings that judge now.
func (l *Learning) candidate(ctx context.Context, p *projects.Project, m *material, before *learn.Version, current string, gone bool, state *State) (_ *learn.Outcome, earlier map[string]float64, err error) {
	r, release, err := l.Models.Use(ctx, p.Settings.ModelKey())
	if err != nil {
		return nil, nil, err
	}
	defer release()
	o := learn.Options{Vocabulary: r.Bundle().Vocabulary, Hotwords: p.Transcription.Hotwords, Before: before, Gone: gone}
	if r.Transducer() {
		o.Transcribe = m.transcribing(l.Recordings, p)
		out, err := learn.Learn(ctx, &m.Material, o)
		return out, nil, err
	}
	read := rows{l: l, project: p, m: m, left: computed}
	o.Search, o.Rows = r.Searching(nil), read.read
	o.General, _ = r.Lexicon()
	var names []string
	for _, v := range state.Versions {
		if v.Kept && (before == nil || v.Version != current) { // that one is judged as before
			kept, err := l.Knowledge.Get(ctx, p.ID, v.Version)
			if err != nil {
				continue // it cannot be gone back to; tidy drops it
			}
			names, o.Earlier = append(names, v.Version), append(o.Earlier, &kept.Judged)
		}
	}
	out, err := learn.Learn(ctx, &m.Material, o)
	if err != nil {
		return nil, nil, err
	}
	earlier = map[string]float64{}
	if before != nil && out.Judgement.Passages > 0 {
		earlier[current] = out.Judgement.Before.Rate()
	}
	for i, e := range out.Judgement.Earlier {
		earlier[names[i]] = e.Rate()
	}
	return out, earlier, nil
}

// gone returns the versions that were made of annotations or texts which are not there any more.
func (s *State) gone(m *material) []string {
	var out []string
	for _, v := range s.Versions {
		if v.Kept && (slices.ContainsFunc(v.Annotations, func(id int64) bool { return !m.there[id] }) ||
			slices.ContainsFunc(v.Texts, func(name string) bool { return m.documents[name] == "" })) {
			out = append(out, v.Version)
		}
	}
	return out
}

// made notes a version that was made. One that is kept already, and was found again, stays as it
// is, with what it would be made of now.
func (s *State) made(v Version, out *learn.Outcome, gone []string, earlier map[string]float64) {
	s.Substitutions = out.Substitutions
	same := s.find(v.Version)
	for i := range s.Versions {
		old := &s.Versions[i]
		if rate, ok := earlier[old.Version]; ok && old.Kept {
			old.Judged, old.JudgedOn = rate, v.JudgedOn
		}
		if old != same && slices.Contains(gone, old.Version) {
			old.Kept = false
		}
	}
	if same != nil && !v.TakenUp {
		same.Annotations, same.Texts = v.Annotations, v.Texts
		return
	}
	if same != nil {
		same.Kept = false // it is kept as v
	}
	if n := len(s.Versions); n > 0 && !v.TakenUp && s.Versions[n-1].Version == v.Version && !s.Versions[n-1].TakenUp {
		s.Versions = s.Versions[:n-1] // the same candidate again
	}
	s.Versions = append(s.Versions, v)
}

// tidy drops versions that cannot be gone back to.
func (l *Learning) tidy(ctx context.Context, project int64) error {
	state, err := l.State(ctx, project)
	if err != nil {
		return err
	}
	current, err := l.Projects.Learnt(ctx, project)
	if err != nil {
		return err
	}
	stored, err := l.Knowledge.Versions(ctx, project)
	if err != nil {
		return err
	}
	for _, version := range stored {
		if version != current && state.find(version) == nil {
			if err := l.Knowledge.Delete(ctx, project, version); err != nil {
				return err
			}
		}
	}
	return nil
}
