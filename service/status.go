package service

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/hint"
	"github.com/asr-backend/asr-backend/internal/parallel"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/service/overview"
	"github.com/asr-backend/asr-backend/service/problems"
	"github.com/asr-backend/asr-backend/service/progress"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/reconcile"
	"github.com/asr-backend/asr-backend/service/recordings"
)

// Status is what /status says.
type Status struct {
	Version    string             `json:"version"`
	Started    time.Time          `json:"started"`
	Ready      bool               `json:"ready"`
	NotReady   string             `json:"not_ready,omitempty"`      // why
	ReadyHint  string             `json:"not_ready_hint,omitempty"` // what to do
	Model      ModelStatus        `json:"model"`
	Store      string             `json:"store,omitempty"`      // what is wrong with it
	StoreHint  string             `json:"store_hint,omitempty"` // what to do
	API        string             `json:"label_studio,omitempty"`
	APIProblem string             `json:"label_studio_problem,omitempty"`
	Running    []progress.Running `json:"running"`
	Waiting    int64              `json:"waiting"` // recordings
	Projects   []ProjectStatus    `json:"projects"`
}

// ModelStatus is what computes.
type ModelStatus struct {
	Name       string        `json:"name"`
	Provider   ort.Provider  `json:"provider,omitempty"`
	Reason     string        `json:"reason,omitempty"` // why there is no GPU
	Precision  asr.Precision `json:"precision,omitempty"`
	GPU        string        `json:"gpu,omitempty"`            // its name, memory, driver and cuDNN
	Difference float64       `json:"gpu_difference,omitempty"` // see asr.Device
	Speed      float64       `json:"gpu_rtfx,omitempty"`
	Threads    int           `json:"threads,omitempty"`
	Batch      int           `json:"batch,omitempty"`
}

func modelStatus(name string, d asr.Device) ModelStatus {
	out := ModelStatus{Name: name, Provider: d.Provider, Reason: d.Reason, Precision: d.Precision, Threads: d.Threads, Batch: d.Batch}
	if d.Provider == ort.CUDA {
		out.GPU, out.Difference, out.Speed = d.GPU.String(), d.Difference, d.Speed
	}
	return out
}

// ProjectStatus is a project as the service sees it.
type ProjectStatus struct {
	ID      int64             `json:"id"`
	Version string            `json:"model_version,omitempty"`
	Serves  []string          `json:"serves,omitempty"`
	Notes   []string          `json:"notes,omitempty"`
	Problem *problems.Problem `json:"problem,omitempty"`
	// Page is what keeps Label Studio's page from showing the project's recordings.
	Page    *PageProblem           `json:"page_problem,omitempty"`
	Tasks   []TaskStatus           `json:"tasks"`
	Omitted int                    `json:"tasks_omitted,omitempty"` // that are not listed
	Counts  map[overview.State]int `json:"counts"`                  // of tasks, by state
	// Reconciled is the last look for tasks that no event announced.
	Reconciled *reconcile.Look `json:"reconciled,omitempty"`
	ErrorsBy   []VersionRate   `json:"word_error_rates,omitempty"`
}

// TaskStatus is the state of a task's prediction.
type TaskStatus = overview.Task

// VersionRate is the word error rate of a version, by what people corrected.
type VersionRate struct {
	Version string  `json:"model_version"`
	Words   int     `json:"words"`
	Rate    float64 `json:"rate"`
	// Annotations are how many there are: changed, submitted unchanged, or copied from predictions in bulk,
	// of which the last do not count in the rate.
	Annotations map[string]int `json:"annotations"` // by corrections.Outcome
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
	if err := s.models.Ready(s.options.Defaults.Model); err != nil {
		return err
	}
	return s.queue.Health()
}

// Status gathers what /status says, of all projects or, unless it is zero, of one.
func (s *Service) Status(ctx context.Context, project int64) Status {
	out := Status{Version: s.options.Version, Started: s.started, Running: s.recordings.Running(), Projects: []ProjectStatus{}}
	if err := s.Ready(); err != nil {
		out.NotReady, out.ReadyHint = err.Error(), hint.Of(err)
	}
	out.Ready = out.NotReady == ""
	name := s.options.Defaults.Model
	if s.options.CanonicalModel != nil {
		name = s.options.CanonicalModel(name)
	}
	out.Model = ModelStatus{Name: name}
	if d, ok := s.models.Device(name); ok {
		out.Model = modelStatus(name, d)
	}
	if s.client != nil {
		out.API = s.client.Base().Redacted()
	} else {
		out.APIProblem = s.noClient.Error()
	}
	if err := s.queue.Health(); err != nil {
		out.Store, out.StoreHint = err.Error(), hint.Of(err)
	}
	q, err := s.queue.Get()
	if err != nil {
		q = nil // what is known without the queue is shown all the same
	}
	if q != nil {
		for _, g := range q.Stats().Groups {
			if g.Kind == recordings.Kind && g.State == jobs.Queued {
				out.Waiting += g.Jobs
			}
		}
	}
	ids := s.projects.List(ctx)
	if project != 0 {
		ids = slices.DeleteFunc(ids, func(id int64) bool { return id != project })
	}
	most := mostListed(len(ids), project != 0)
	out.Projects = make([]ProjectStatus, len(ids))
	parallel.For(len(ids), mostReaders, func(i int) { out.Projects[i] = s.projectStatus(ctx, q, ids[i], most) })
	return out
}

// projectStatus gathers what is known of a project, and lists at most so many of its tasks.
// q is nil while there is no queue.
func (s *Service) projectStatus(ctx context.Context, q *jobs.Queue, id int64, most int) ProjectStatus {
	out := ProjectStatus{ID: id, Tasks: []TaskStatus{}}
	whole, _ := s.problems.Of(id)
	out.Problem = whole
	s.describe(ctx, &out)
	if s.reconciler != nil {
		if look, ok := s.reconciler.Last(id); ok {
			out.Reconciled = &look
		}
	}
	page := s.overview.Query(ctx, q, []int64{id}, overview.Query{Limit: most})
	slices.SortStableFunc(page.Tasks, func(a, b TaskStatus) int { return b.Updated.Compare(a.Updated) })
	out.Tasks, out.Counts, out.Omitted = page.Tasks, page.Counts, page.Total-len(page.Tasks)
	if rates, err := s.corrections.ErrorRates(ctx, id); err == nil {
		for version, e := range rates {
			annotations := map[string]int{} // templates cannot look up other keys
			for outcome, n := range e.Outcomes {
				annotations[string(outcome)] = n
			}
			out.ErrorsBy = append(out.ErrorsBy, VersionRate{version, e.Errors.Words, e.Errors.Rate(), annotations})
		}
		slices.SortFunc(out.ErrorsBy, func(a, b VersionRate) int { return strings.Compare(a.Version, b.Version) })
	}
	return out
}

// describe says what is served for a project, as far as its configuration can be read.
func (s *Service) describe(ctx context.Context, out *ProjectStatus) {
	p, err := s.projects.Show(ctx, out.ID)
	if err != nil {
		return // its problem says why
	}
	out.Version = p.Version
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

// serveStatus answers with JSON, or with a page for a browser; "project" in the query asks for
// one project alone.
func (s *Service) serveStatus(w http.ResponseWriter, r *http.Request) {
	status := s.Status(r.Context(), projects.ParseName(r.URL.Query().Get("project")))
	if r.URL.Query().Get("format") != "html" && !strings.Contains(r.Header.Get("Accept"), "text/html") {
		w.Header().Set("Content-Type", "application/json")
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		_ = e.Encode(status) // the client is gone, and nobody is left to read an error
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	if err := statusTemplate.Execute(w, status); err != nil {
		s.log.Error("status page", "error", err)
	}
}
