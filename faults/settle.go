package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// statusPage is /status as far as this program reads it.
type statusPage struct {
	Store    string
	Problem  string `json:"label_studio_problem"`
	Waiting  int
	Running  []any
	Projects []struct {
		ID      int64
		Problem *struct{ What string }
		Tasks   []struct {
			ID            int64
			State, Reason string
		}
		Counts map[string]int
	}
}

// notAccepted is the state of tasks that could not be stored, which is to pass.
const notAccepted = "not accepted"

// ended are the states of tasks for which nothing more will be done.
var ended = []string{"pushed", "failed", "not pushed", notAccepted}

// status reads the status page of a project.
func (n *node) status(project int64) (p statusPage, err error) {
	ctx, cancel := context.WithTimeout(n.run, 20*time.Second)
	defer cancel()
	code, err := n.get(ctx, fmt.Sprintf("/status?project=%d", project), &p)
	if err == nil && code != 200 {
		err = fmt.Errorf("/status: %d", code)
	}
	return p, err
}

// stated returns the tasks of a project that have failed, with their reasons. Those that were
// not accepted are among them when the time is over.
func (n *node) stated(project int64, over bool) map[int64]string {
	out := map[int64]string{}
	p, err := n.status(project)
	if err != nil {
		return out // asked again
	}
	for _, one := range p.Projects {
		for _, t := range one.Tasks {
			if t.State != "pushed" && slices.Contains(ended, t.State) && (over || t.State != notAccepted) && t.Reason != "" {
				out[t.ID] = t.Reason
			}
		}
	}
	return out
}

// verdict counts what has become of tasks.
func (s *studio) verdict(stated map[int64]string, ids []int64) (t Tally, lost []int64) {
	t.Tried = len(ids)
	for _, id := range ids {
		s.mu.Lock()
		want := s.want[id]
		s.mu.Unlock()
		switch rows := s.Predictions(id); {
		case len(rows) > 1:
			t.Doubled++
		case len(rows) == 1 && text(rows[0]) != want:
			t.Wrong++
		case len(rows) == 1:
			t.One++
		case stated[id] != "":
			t.Stated++
		default:
			t.Lost++
			lost = append(lost, id)
		}
	}
	return t, lost
}

// settle waits until each task of a project has a prediction or a stated failure, and then
// until the node has nothing more to do for them. The result is the scene's.
func (s *studio) settle(n *node, project int64, ids []int64, within time.Duration) {
	s.run.count(s.wait(n, project, ids, within))
}

// wait is settle that returns the tally.
func (s *studio) wait(n *node, project int64, ids []int64, within time.Duration) Tally {
	var tally Tally
	var lost []int64
	var reasons map[int64]string
	began := time.Now()
	s.run.until(within, func() bool {
		if tally, lost = s.verdict(nil, ids); tally.Lost > 0 && len(lost) < 100 {
			reasons = n.stated(project, false)
			tally, lost = s.verdict(reasons, ids)
		}
		return tally.Lost == 0
	})
	if tally.Lost > 0 {
		reasons = n.stated(project, true)
	}
	s.run.logf("settled after %.1f s, %d lost", time.Since(began).Seconds(), tally.Lost)
	// Pushes of tasks that were answered come later.
	began = time.Now()
	s.run.wg.Wait()
	s.run.until(3*time.Minute, func() bool { return n.idle(project) })
	s.run.logf("nothing more to do after %.1f s", time.Since(began).Seconds())
	tally, lost = s.verdict(reasons, ids)
	if tally.Lost > 0 {
		s.run.logf("lost %v; /status: %s", lost[:min(len(lost), 10)], n.describe(project))
	}
	return tally
}

// idle reports whether all tasks of a project have come to an end.
func (n *node) idle(project int64) bool {
	p, err := n.status(project)
	if err != nil {
		return false
	}
	for _, one := range p.Projects {
		for state, count := range one.Counts {
			if count > 0 && !slices.Contains(ended, state) {
				return false
			}
		}
	}
	return true
}

// describe returns the counts and the problem of a project in one line.
func (n *node) describe(project int64) string {
	p, err := n.status(project)
	if err != nil {
		return err.Error()
	}
	out := ""
	for _, one := range p.Projects {
		out += fmt.Sprint(one.Counts)
		if one.Problem != nil {
			out += " " + one.Problem.What
		}
	}
	return out
}
