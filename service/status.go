package service

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/hint"
	"github.com/asr-backend/asr-backend/internal/parallel"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/service/overview"
	"github.com/asr-backend/asr-backend/service/progress"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/recordings"
	"github.com/asr-backend/asr-backend/service/statuspage"
)

// What /status says; see package statuspage.
type (
	Status        = statuspage.Status
	ProjectStatus = statuspage.ProjectStatus
	TaskStatus    = overview.Task
	VersionRate   = statuspage.VersionRate
)

func modelStatus(name string, d asr.Device) statuspage.ModelStatus {
	out := statuspage.ModelStatus{Name: name, Provider: d.Provider, Reason: d.Reason, Precision: d.Precision, Threads: d.Threads, Batch: d.Batch}
	if d.Provider == ort.CUDA {
		out.GPU, out.Difference, out.Speed = d.GPU.String(), d.Difference, d.Speed
	}
	return out
}

// How many tasks are listed: a page that shows one project lists more of them, and a page
// with many projects stays one that a browser and a person can take in.
const (
	mostTasksAlone = 1000
	mostTasks      = 200  // of a project among others
	mostTasksTotal = 1000 // of all projects, but
	leastTasks     = 20   // of each
)

// mostReaders bounds how many projects are read at once. Those seen for the first time have
// values in the store.
const mostReaders = 8

// mostListed returns how many tasks of each project are listed.
func mostListed(projects int, alone bool) int {
	if alone {
		return mostTasksAlone
	}
	return min(max(mostTasksTotal/max(projects, 1), leastTasks), mostTasks)
}

// Ready returns nil once requests can be worked on, else what is missing.
func (s *Service) Ready() error {
	if err := s.models.Ready(s.options.Defaults.ModelKey()); err != nil {
		return err
	}
	return s.queue.Health()
}

// asked is what a request for /status wants to know.
type asked struct {
	project int64 // alone; 0: all
	deleted bool  // also projects that Label Studio does not know any more
	query   overview.Query
	// plain is set for a request without a query: tasks are chosen by urgency and listed by their
	// latest change then, as they were before there were queries.
	plain bool
}

// open returns the queue, or nil while there is none: what is known without it is shown all the same.
func (s *Service) open() *jobs.Queue {
	q, _ := s.queue.Get() // Health says why there is none
	return q
}

func (s *Service) gather(ctx context.Context, a asked) Status {
	out := Status{Version: s.options.Version, Started: s.started, Running: s.recordings.Running(), Projects: []ProjectStatus{}}
	if err := s.Ready(); err != nil {
		out.NotReady, out.ReadyHint = err.Error(), hint.Of(err)
	}
	out.Ready = out.NotReady == ""
	name := s.options.Defaults.Model
	if s.options.CanonicalModel != nil {
		name = s.options.CanonicalModel(name)
	}
	out.Model = statuspage.ModelStatus{Name: name}
	if d, ok := s.models.Device(s.options.Defaults.ModelKey()); ok {
		out.Model = modelStatus(name, d)
		out.Model.Decoding = s.models.DecodedBy(s.options.Defaults.ModelKey(), 0)
	}
	if s.client != nil {
		out.API = s.client.Base().Redacted()
	} else {
		out.APIProblem = s.noClient.Error()
	}
	if err := s.queue.Health(); err != nil {
		out.Store, out.StoreHint = err.Error(), hint.Of(err)
	}
	q := s.open()
	if q != nil {
		for _, g := range q.Stats().Groups {
			if g.Kind == recordings.Kind && g.State == jobs.Queued {
				out.Waiting += g.Jobs
			}
		}
	}
	ids := s.projects.List(ctx)
	if a.project != 0 {
		ids = slices.DeleteFunc(ids, func(id int64) bool { return id != a.project })
		out.Running = slices.DeleteFunc(out.Running, func(r progress.Running) bool { return r.Project != a.project })
	}
	if a.query.Limit == 0 {
		a.query.Limit = mostListed(len(ids), a.project != 0)
	}
	all := make([]*ProjectStatus, len(ids))
	parallel.For(len(ids), mostReaders, func(i int) { all[i] = s.projectStatus(ctx, q, ids[i], a, len(ids) == 1) })
	for _, p := range all {
		if a.project == 0 && !a.deleted && left(p) {
			out.Deleted++
			continue
		}
		out.Projects = append(out.Projects, *p)
	}
	return out
}

// left reports whether a project is deleted, and nothing of it is under way or needs attention.
func left(p *ProjectStatus) bool {
	c := p.Counts
	return !p.Missing.IsZero() && p.Attention == 0 && c[overview.Waiting]+c[overview.Transcribing]+c[overview.ToBePushed] == 0
}

// projectStatus gathers what is known of a project and of those of its tasks that are asked for,
// and more of one that is alone. q is nil while there is no queue.
func (s *Service) projectStatus(ctx context.Context, q *jobs.Queue, id int64, a asked, alone bool) *ProjectStatus {
	out := &ProjectStatus{ID: id, Title: s.projects.Title(ctx, id), URL: s.links().Project(id), Missing: s.projects.Missing(ctx, id)}
	out.Problem, _ = s.problems.Of(id)
	p, err := s.projects.Show(ctx, id)
	if err == nil { // else its problem says why
		s.describe(ctx, out, p)
	} else {
		p = nil
	}
	out.Learning = s.learnt(ctx, id, p, alone)
	if alone {
		out.Training = s.trained(ctx, id)
	}
	if s.reconciler != nil {
		if look, ok := s.reconciler.Last(id); ok {
			out.Reconciled = &look
		}
	}
	page := s.overview.Query(ctx, q, []int64{id}, a.query)
	if a.plain {
		slices.SortStableFunc(page.Tasks, func(a, b TaskStatus) int {
			return cmp.Or(b.Updated.Compare(a.Updated), cmp.Compare(b.ID, a.ID))
		})
	}
	out.Tasks, out.Counts, out.Attention, out.Matching = page.Tasks, page.Counts, page.Attention, page.Total
	out.Omitted = page.Total - len(page.Tasks)
	if rates, err := s.corrections.ErrorRates(ctx, id); err == nil {
		for version, e := range rates {
			annotations := map[string]int{} // templates cannot look up other keys
			for outcome, n := range e.Outcomes {
				annotations[string(outcome)] = n
			}
			out.ErrorsBy = append(out.ErrorsBy, statuspage.VersionRate{Version: version, Words: e.Errors.Words, Rate: e.Errors.Rate(), Annotations: annotations})
		}
		slices.SortFunc(out.ErrorsBy, func(a, b statuspage.VersionRate) int { return strings.Compare(a.Version, b.Version) })
	}
	return out
}

// describe says what is served for a project.
func (s *Service) describe(ctx context.Context, out *ProjectStatus, p *projects.Project) {
	out.Version = p.Version
	out.Decoding = s.models.DecodedBy(p.Settings.ModelKey(), len(p.Settings.Hotwords))
	for _, plan := range p.Plans {
		out.Serves = append(out.Serves, plan.String())
		out.Notes = append(out.Notes, plan.Notes...)
	}
	if len(p.Plans) == 0 && p.Why != "" {
		out.Notes = append(out.Notes, p.Why)
	}
	if longest, err := s.projects.Longest(ctx, out.ID); err == nil {
		out.Page = pageProblem(p, longest)
	}
}
