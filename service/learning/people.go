package learning

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/learn"
	"github.com/asr-backend/asr-backend/service/knowledge"
	"github.com/asr-backend/asr-backend/wer"
)

// Report returns what people may want to know of how a project learns.
func (l *Learning) Report(ctx context.Context, project int64) (*Report, error) {
	out := &Report{Project: project, Title: l.Projects.Title(ctx, project), Learns: true, Phrases: []learn.Phrase{}}
	if p, err := l.Projects.Show(ctx, project); err == nil {
		out.PredictionVersion, out.Learns, out.Chosen = p.Version, p.Settings.Learns(), p.Settings.Chosen()
		if k := p.Transcription.Knowledge; k != nil {
			out.Learnt = k.Version
		}
	}
	state, err := l.State(ctx, project)
	if err != nil {
		return nil, err
	}
	out.State = *state
	since, _, err := l.Projects.LastLearnt(ctx, project)
	if err != nil {
		return nil, err
	}
	news, err := l.Corrections.News(ctx, project, since)
	if err != nil {
		return nil, err
	}
	out.Corrections, out.New = news.Corrections, news.New
	if q, err := l.Queue.Get(); err == nil {
		job, ok := q.Peek(learnJob{ProjectID: project}.Key())
		out.Learning = ok && (job.State == jobs.Queued || job.State == jobs.Running)
		if ok && job.State != jobs.Done {
			out.Problem, out.Hint = job.Reason, job.Hint
		}
	}
	if out.Learnt != "" {
		used, err := l.Knowledge.Used(ctx, project, out.Learnt)
		if err != nil && !errors.Is(err, knowledge.ErrNone) {
			return nil, err
		}
		if err == nil {
			out.Part, out.PhraseWeight, out.Phrases = used.Part, used.PhraseWeight, used.Phrases
		}
	}
	out.Texts, err = l.Knowledge.Texts(ctx, project)
	return out, err
}

// Rollback has a project use the version before the present one, or the one that is named. It returns
// a sentence that says what it did.
func (l *Learning) Rollback(ctx context.Context, project int64, to string) (string, error) {
	state, err := l.State(ctx, project)
	if err != nil {
		return "", err
	}
	if p, err := l.Projects.Show(ctx, project); err == nil {
		switch chosen := p.Settings.Chosen(); {
		case !p.Settings.Learns():
			return "", Wrong(http.StatusConflict, `the project uses nothing that it has learnt: "learn" is off in its extra params, or --learn in the service`)
		case chosen != "":
			return "", Wrong(http.StatusConflict, `version %s is chosen by "learn" in the extra params of the project; take it out of them, or name another there`, chosen)
		}
	}
	current, err := l.Projects.Learnt(ctx, project)
	if err != nil {
		return "", err
	}
	switch {
	case to != "":
		if state.find(to) == nil {
			return "", Wrong(http.StatusNotFound, "version %q is not kept; GET /projects/%d lists those that are", to, project)
		}
	case current == "":
		return "", Wrong(http.StatusConflict, "the project uses nothing that it has learnt")
	default:
		to = state.before(current)
	}
	if err := l.change(ctx, project, func(s *State) { s.RolledBack = true }); err != nil {
		return "", err
	}
	if err := l.Projects.SetLearnt(ctx, project, to); err != nil {
		return "", err
	}
	l.log.Info("project went back to another version of what it has learnt", "project", project, "from", current, "to", to)
	l.Due.Now(project)
	if to == "" {
		return "the project uses nothing that it has learnt; nothing new is taken up until somebody asks for a run", nil
	}
	return fmt.Sprintf("the project uses version %s; nothing new is taken up until somebody asks for a run", to), nil
}

// Forget drops all that a project has learnt, and its texts.
func (l *Learning) Forget(ctx context.Context, project int64) error {
	if err := l.Projects.SetLearnt(ctx, project, ""); err != nil {
		return err
	}
	if err := l.change(ctx, project, func(s *State) { *s = State{} }); err != nil {
		return err
	}
	texts, err := l.Knowledge.Texts(ctx, project)
	if err != nil {
		return err
	}
	for name := range texts {
		if err := l.Knowledge.DeleteText(ctx, project, name); err != nil {
			return err
		}
	}
	l.log.Info("project forgot what it has learnt", "project", project)
	l.Due.Now(project)
	return l.tidy(ctx, project)
}

// ChangePhrases removes phrases from the list of a project, or lets them be learnt again, and has it
// learn.
func (l *Learning) ChangePhrases(ctx context.Context, project int64, remove, restore []string) error {
	if err := l.change(ctx, project, func(s *State) {
		for _, text := range restore {
			s.Removed = slices.DeleteFunc(s.Removed, func(r string) bool { return same(r, text) })
		}
		for _, text := range remove {
			if !slices.ContainsFunc(s.Removed, func(r string) bool { return same(r, text) }) {
				s.Removed = append(s.Removed, strings.TrimSpace(text))
			}
		}
	}); err != nil {
		return err
	}
	_, err := l.Enqueue(ctx, project, Asked)
	return err
}

// same reports whether two phrases are the same in whatever case and punctuation.
func same(a, b string) bool { return slices.Equal(wer.Normalize(a), wer.Normalize(b)) }
