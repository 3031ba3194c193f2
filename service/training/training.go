// Package training fine-tunes the acoustic model of a project on its corrections, with a command of the
// operator's.
//
//	Start Training (webhook) ───────────────────┐
//	POST /learn/train, asr-backend learn --train ┴──> job "train"
//	                                                     │ clips and two manifests
//	                                                     v
//	                                        sh -c COMMAND, a child process
//	                                                     │ a folder of a model
//	                                                     v
//	                     judged ──> taken up: the project's model, and so its version, changes
//
// Package learning teaches the decoder words, in seconds and without the model. This package changes
// the model itself, which takes minutes to hours and a program for training, such as
// models/train/finetune.py. It is off unless the service has a command, and only a person starts it.
//
// # The job
//
// There is one job a project, with the key train/<project>, and one worker in a process. It
//
//   - cuts the passages of corrections into WAV clips of 0.5 to 30 s, and writes NeMo manifests of them:
//     learn.jsonl, and judge.jsonl with those of the recordings that judge (learn.Judges);
//   - runs the command, with the manifests, the folder of the present model and the name of a folder
//     to make in environment variables (environment.go), in a process group of its own;
//   - checks the new model and transcribes the judging clips with both models, each with what the
//     project has learnt from other recordings. The new one is used from then on if its word error rate
//     is not higher.
//
// A run that leads to no better model ends with a reason, and is not tried again by itself. What
// fails for another reason, as when Label Studio is away, is tried again as other jobs are.
//
// # How it ends early
//
// A stop by a person, the timeout, the loss of the lease and the end of the service send SIGTERM to
// the process group, and SIGKILL after ten seconds. After the end of the service the job is run again.
// Its folders have the same names then, as long as the corrections are the same: a command that keeps
// its state in ASR_BACKEND_OUT.training can continue. If the command had ended, only the judging is
// done again. A service that is killed takes the shell with it; what is left of the others is
// killed before the next attempt.
//
// # What is on the disk
//
//	<Folder>/<project>/<time>/    the run: clips, manifests; removed at its end
//	<Folder>/<project>/last.log   output of the last command, its beginning and its end
//	<ModelsDir>/<model>-p<project>-<digest>            the new model, which stays
//	<ModelsDir>/<model>-p<project>-<digest>.training   state of the command; removed at the end of the run
//
// Which model a project uses is one of its values, see projects.Trained.
package training

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/knowledge"
	"github.com/asr-backend/asr-backend/service/learning"
	"github.com/asr-backend/asr-backend/service/modelpool"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/queue"
	"github.com/asr-backend/asr-backend/service/recordings"
)

// Options are what a Training is made of. Those before Client are required.
type Options struct {
	Queue      *queue.Queue
	Projects   *projects.Registry
	Models     *modelpool.Pool
	Knowledge  *knowledge.Store
	Recordings *recordings.Recordings
	Learning   *learning.Learning
	Due        *projects.Due
	// Client is asked for the tasks whose recordings are cut. Without one nothing is trained.
	Client *api.Client

	Settings
	FFmpeg string // see audio.Options
	// Secrets are replaced in the output of the command. It gets none of them; they may be in its
	// files.
	Secrets []labelstudio.Secret
	Logger  *slog.Logger // nil: no log
}

// Settings say what trains, and where.
type Settings struct {
	// Command is a command line for sh; empty: nothing is trained.
	Command string
	// Timeout is how long the command may run; 0 means DefaultTimeout.
	Timeout time.Duration
	// Folder is where runs have their clips, and ModelsDir where new models are made. Both are
	// required with a Command.
	Folder, ModelsDir string
}

// DefaultTimeout is how long a command may run if Settings do not say.
const DefaultTimeout = 12 * time.Hour

// grace is how long a command has to end itself after SIGTERM.
const grace = 10 * time.Second

// Training trains models of projects. It is safe for concurrent use.
type Training struct {
	Options
	log *slog.Logger

	mu      sync.Mutex
	outputs map[int64]*commandLog // of commands that run here, by project
}

// New returns a Training.
func New(o Options) (*Training, error) {
	if o.Queue == nil || o.Projects == nil || o.Models == nil || o.Knowledge == nil || o.Recordings == nil || o.Learning == nil || o.Due == nil {
		return nil, errors.New("training: Options are incomplete")
	}
	if o.Command != "" {
		if o.Folder == "" || o.ModelsDir == "" {
			return nil, errors.New("training: with a command, a folder for its data and one for models are needed")
		}
		for _, folder := range []*string{&o.Folder, &o.ModelsDir} { // the command may change its own
			abs, err := filepath.Abs(*folder)
			if err != nil {
				return nil, fmt.Errorf("training: %w", err)
			}
			*folder = abs
		}
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Training{Options: o, log: o.Logger, outputs: map[int64]*commandLog{}}, nil
}

// On reports whether there is a command.
func (t *Training) On() bool { return t.Command != "" }

// Kind is the kind of job that trains.
const Kind = "train"

// trainJob is the arguments of such a job.
type trainJob struct {
	ProjectID int64 `json:"project"`
}

// Kind implements jobs.Args.
func (trainJob) Kind() string { return Kind }

// Project implements jobs.Args.
func (j trainJob) Project() string { return projects.Name(j.ProjectID) }

// Key implements jobs.Args.
func (j trainJob) Key() string { return Kind + "/" + projects.Name(j.ProjectID) }

// Enqueue has a model of a project trained. It reports whether a job was made: one that waits or runs
// stays as it is.
func (t *Training) Enqueue(ctx context.Context, project int64) (bool, error) {
	q, err := t.Queue.Get()
	if err != nil {
		return false, err
	}
	args := trainJob{project}
	job, created, err := jobs.Insert(ctx, q, args, jobs.InsertOptions{Class: priority.Batch, Title: fmt.Sprintf("project %d", project), ReviveAfter: time.Nanosecond})
	// It may have been killed, or the service may have, before the record was removed.
	if err == nil && !created && (job.State == jobs.Done || job.Cancelled) {
		_, err = q.Restart(ctx, args.Key(), jobs.RestartOptions{Class: priority.Batch, Done: true})
		created = true
	}
	if jobs.Overtaken(err) {
		err = nil // it ended, or began, in between
	}
	if err != nil {
		return false, fmt.Errorf("enqueue the training of project %d: %w", project, err)
	}
	return created, nil
}

// errNotTrained says that there is nothing to stop.
var errNotTrained = errors.New("nothing is trained for the project")

// Stop ends the training of a project, wherever it runs.
func (t *Training) Stop(ctx context.Context, project int64) error {
	q, err := t.Queue.Get()
	if err != nil {
		return err
	}
	key := trainJob{project}.Key()
	job, ok := q.Peek(key)
	if !ok || job.State != jobs.Queued && job.State != jobs.Running {
		return errNotTrained
	}
	if _, err := q.Cancel(ctx, key); err != nil {
		if errors.Is(err, jobs.ErrState) || errors.Is(err, jobs.ErrNotFound) {
			return errNotTrained
		}
		return fmt.Errorf("stop the training of project %d: %w", project, err)
	}
	t.Queue.Discard(ctx, key)
	if t.output(project) == nil {
		killLeft(t.folder(project)) // of an earlier process
	}
	t.log.Info("training stopped by a person", "project", project)
	return t.note(ctx, project, Run{At: time.Now().UTC(), Reason: "a person stopped it"})
}

// Forget removes what is on the disk for a project that is gone, but no model.
func (t *Training) Forget(project int64) {
	if !t.On() {
		return
	}
	if err := os.RemoveAll(t.folder(project)); err != nil {
		t.log.Warn("files of a project that is gone were not removed", "project", project, "error", err)
	}
}

// folder has what is kept of runs of a project.
func (t *Training) folder(project int64) string {
	return filepath.Join(t.Folder, projects.Name(project))
}

// output returns that of the command that runs here for a project, or nil.
func (t *Training) output(project int64) *commandLog {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.outputs[project]
}

// setOutput notes the output of a command that runs; nil: it has ended.
func (t *Training) setOutput(project int64, o *commandLog) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if delete(t.outputs, project); o != nil {
		t.outputs[project] = o
	}
}
