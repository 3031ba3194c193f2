// Package learning makes projects learn from what people correct, so that the next prediction knows it.
//
//	correction stored ──> enough of them, or a while of quiet ──┐
//	Start Training (webhook) ───────────────────────────────────┼──> job "learn" ──> package learn
//	POST /learn, asr-backend learn ─────────────────────────────┘        │
//	                                                                     ├──> a version, in package knowledge
//	                                                                     └──> taken up: the project's version changes,
//	                                                                          and its tasks are predicted anew
//
// # The job
//
// There is one job a project, with the key learn/<project>; asking again while it waits changes
// nothing. It has the lowest priority but where a person asked for it, and a worker of its own, so that it
// delays nothing else. It reads the corrections, the texts of the project and the rows that are kept
// of its recordings, and hands them to package learn, which makes a candidate and judges it. The
// result is stored before the one value changes that says which version is used: a process that is
// killed leaves the old version or the new one.
//
// # What is forgotten
//
// A correction whose annotation was deleted, or a text that was dropped, is gone from the next candidate.
// Versions that were made of it are dropped with it, those kept for a rollback as well; if one of them is used, the
// candidate replaces it whatever it is worth (learn.Options.Gone). A project that Label Studio
// deletes takes everything with it. Nothing of one project is seen by another.
//
// # What people can do
//
// They see what was learnt at /status and GET /projects/7, remove phrases, go back to the version
// before, forget everything, pin a version or turn learning off ("learn" in the extra params). After a
// rollback nothing is taken up until somebody asks for a new run.
package learning

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/corrections"
	"github.com/asr-backend/asr-backend/service/knowledge"
	"github.com/asr-backend/asr-backend/service/modelpool"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/queue"
	"github.com/asr-backend/asr-backend/service/recordings"

	"github.com/prometheus/client_golang/prometheus"
)

// Defaults of Options.
const (
	DefaultAfter = 20
	DefaultQuiet = 10 * time.Minute
)

// Options are what a Learning is made of. All but Folder, After, Quiet, Logger and Registry are
// required.
type Options struct {
	Queue       *queue.Queue
	Projects    *projects.Registry
	Models      *modelpool.Pool
	Knowledge   *knowledge.Store
	Recordings  *recordings.Recordings
	Corrections *corrections.Corrections
	Due         *projects.Due
	// Folder has a folder for each project, by number, with texts to learn from; empty: none has.
	Folder string
	// After is how many new corrections make a project learn, and Quiet for how long none has come
	// if there are fewer; 0 means the defaults.
	After int
	Quiet time.Duration

	Logger   *slog.Logger          // nil: no log
	Registry prometheus.Registerer // of metrics; nil: not registered
}

// Learning makes projects learn. It is safe for concurrent use.
type Learning struct {
	Options
	log     *slog.Logger
	metrics *metrics
}

// New returns a Learning.
func New(o Options) (*Learning, error) {
	if o.Queue == nil || o.Projects == nil || o.Models == nil || o.Knowledge == nil || o.Recordings == nil || o.Corrections == nil || o.Due == nil {
		return nil, errors.New("learning: Options are incomplete")
	}
	if o.After <= 0 {
		o.After = DefaultAfter
	}
	if o.Quiet <= 0 {
		o.Quiet = DefaultQuiet
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Learning{Options: o, log: o.Logger, metrics: newMetrics(o.Registry)}, nil
}

// Kind is the kind of job that learns.
const Kind = "learn"

// learnJob is the arguments of such a job.
type learnJob struct {
	ProjectID int64 `json:"project"`
	// Why is what made the project learn.
	Why Trigger `json:"why"`
}

// Trigger is what makes a project learn.
type Trigger string

// The triggers.
const (
	Enough  Trigger = "enough corrections"
	Quiet   Trigger = "no more corrections for a while"
	Deleted Trigger = "corrections were deleted"
	Asked   Trigger = "a person asked"
)

// Kind implements jobs.Args.
func (learnJob) Kind() string { return Kind }

// Project implements jobs.Args.
func (j learnJob) Project() string { return projects.Name(j.ProjectID) }

// Key implements jobs.Args.
func (j learnJob) Key() string { return Kind + "/" + projects.Name(j.ProjectID) }

// reviveAfter is when a run that was given up is tried again by itself.
const reviveAfter = time.Hour

// Enqueue makes a project learn soon. One that learns just now does so again if it was asked for by
// a person. It reports whether a job was made.
func (l *Learning) Enqueue(ctx context.Context, project int64, why Trigger) (bool, error) {
	q, err := l.Queue.Get()
	if err != nil {
		return false, err
	}
	args := learnJob{project, why}
	class, revive := priority.Background, reviveAfter
	if why == Asked {
		class, revive = priority.Interactive, time.Nanosecond
		if err := l.change(ctx, project, func(s *State) { s.RolledBack = false }); err != nil {
			return false, err
		}
	}
	job, created, err := jobs.Insert(ctx, q, args, jobs.InsertOptions{Class: class, Title: fmt.Sprintf("project %d", project), ReviveAfter: revive})
	switch {
	case err != nil || created:
	case job.State == jobs.Done: // killed before the record was removed
		_, err = q.Restart(ctx, job.Key, jobs.RestartOptions{Class: class, Done: true})
	case job.State == jobs.Running && why == Asked:
		err = l.change(ctx, project, func(s *State) { s.Again = true })
	case job.Class < class:
		_, err = q.Raise(ctx, job.Key, class)
	}
	if jobs.Overtaken(err) {
		err = nil // it ended, or began, in between
	}
	if err != nil {
		return false, fmt.Errorf("enqueue the learning of project %d: %w", project, err)
	}
	return created, nil
}
