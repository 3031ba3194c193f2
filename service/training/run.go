package training

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/internal/atomicfile"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/models"
	"github.com/asr-backend/asr-backend/service/modelpool"
	"github.com/asr-backend/asr-backend/service/projects"
)

// Worker returns the worker that trains.
func (t *Training) Worker() jobs.Worker { return jobs.NewWorker(t.work) }

func (t *Training) work(ctx context.Context, a *jobs.Attempt[trainJob]) error {
	start, project, created := time.Now(), a.Args.ProjectID, a.Job().Created
	run := &Run{At: start.UTC()}
	var err error
	run.Reason, err = t.train(ctx, project, created, run)
	switch {
	case ctx.Err() != nil:
		if t.gone(project, created) {
			t.tidy(project, "")
		}
		return context.Cause(ctx)
	case err != nil:
		// They are cut anew in the next attempt, if there is one.
		return errors.Join(err, os.RemoveAll(filepath.Join(t.runFolder(project, created), clipsFolder)))
	}
	t.tidy(project, "")
	run.TookS = time.Since(start).Seconds()
	if err := t.note(ctx, project, *run); err != nil {
		return err
	}
	t.log.Info("training ended", "project", project, "model", run.Model, "base", run.Base, "learn_clips", run.Learn, "judge_clips", run.Judge,
		"taken_up", run.TakenUp, "reason", run.Reason, "took_s", run.TookS)
	if err := a.Finish(nil); err != nil {
		return err
	}
	t.Queue.Discard(ctx, a.Job().Key) // so that it is made anew
	return nil
}

// runFolder has the files of a run, given when its job was made: all attempts have the same.
func (t *Training) runFolder(project int64, created time.Time) string {
	return filepath.Join(t.folder(project), created.UTC().Format("20060102-150405.000"))
}

// gone reports whether a job is not to be run again: a person stopped it, or its project is forgotten.
func (t *Training) gone(project int64, created time.Time) bool {
	q, err := t.Queue.Get()
	if err != nil {
		return false
	}
	job, ok := q.Peek(trainJob{project}.Key())
	return !ok || job.Cancelled || !job.Created.Equal(created)
}

// tidy removes the folders of runs of a project but one, and what belongs to them: processes, the state
// of the command, and a model that it has not made to its end.
func (t *Training) tidy(project int64, but string) {
	if !t.On() {
		return
	}
	folder := t.folder(project)
	killLeft(folder)
	entries, err := os.ReadDir(folder)
	for _, e := range entries {
		if !e.IsDir() || e.Name() == but {
			continue
		}
		of := filepath.Join(folder, e.Name())
		if out, errOut := os.ReadFile(filepath.Join(of, fileOut)); errOut == nil {
			err = errors.Join(err, os.RemoveAll(string(out)+stateSuffix))
			if _, errMade := os.Stat(filepath.Join(of, fileMade)); errMade != nil {
				err = errors.Join(err, os.RemoveAll(string(out))) // it may not be whole
			}
		}
		err = errors.Join(err, os.RemoveAll(of))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.log.Warn("files of a training run were not removed", "project", project, "error", err)
	}
}

// Files of a run beside those that the command gets.
const (
	fileOut  = "out"  // the folder of the new model
	fileMade = "made" // is there once the command has made it

	clipsFolder = "clips"
)

// stateSuffix and the folder of the new model are where the command may keep what it needs to
// continue.
const stateSuffix = ".training"

// present is the model that a project uses.
type present struct {
	key      modelpool.Key
	name     string // without what names a trained model
	folder   string
	identity asr.Identity
	bundle   *asr.Bundle
}

// train trains a model of a project, and takes it up if it is not worse. The reason says how that ended.
// An error may end with time.
func (t *Training) train(ctx context.Context, project int64, created time.Time, run *Run) (reason string, err error) {
	p, err := t.Projects.Present(ctx, project)
	if err != nil {
		return "", err
	}
	switch {
	case !t.On():
		return "the service has no --train-command any more", nil
	case t.Client == nil:
		return "recordings are cut with LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY, which are not set", nil
	case !p.Settings.Learns():
		return `the project does not learn: "learn" is off`, nil
	}
	folder := t.runFolder(project, created)
	t.tidy(project, filepath.Base(folder))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	base, err := t.present(ctx, p, folder)
	if err != nil {
		return "", err
	}
	run.Base = base.key.Name
	f, reason, err := t.prepare(ctx, p, base.bundle.Vocabulary, folder, run)
	if err != nil || reason != "" {
		return reason, err
	}
	out := filepath.Join(t.ModelsDir, fmt.Sprintf("%s-p%d-%.6s", base.name, project, projects.Fingerprint(created, base.identity, f.digest)))
	if reason, err := t.make(ctx, p, base, f, folder, out); err != nil || reason != "" {
		return reason, err
	}
	run.Model = filepath.Base(out)
	return t.judge(ctx, p, base, f, out, run)
}

// named matches what ends the names of trained models.
var named = regexp.MustCompile(`-p[0-9]+-[0-9a-f]{6}$`)

// present returns the model that a project uses. The one inside the program gets a folder.
func (t *Training) present(ctx context.Context, p *projects.Project, folder string) (*present, error) {
	key := p.Settings.ModelKey()
	r, release, err := t.Models.Use(ctx, key)
	if err != nil {
		return nil, err
	}
	defer release()
	out := &present{key: key, bundle: r.Bundle(), folder: r.Bundle().Dir, identity: r.Identity()}
	if out.folder == "" {
		out.folder = filepath.Join(folder, "model")
		if err := os.RemoveAll(out.folder); err != nil { // it may not be whole
			return nil, err
		}
		if err := os.CopyFS(out.folder, models.Default()); err != nil {
			return nil, fmt.Errorf("write the model inside the program to a folder: %w", err)
		}
		out.name = models.EmbeddedName
		return out, nil
	}
	plain := strings.Map(func(r rune) rune {
		if r < 128 && (r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("._-", r)) {
			return r
		}
		return '-'
	}, filepath.Base(out.folder))
	out.name = cmp.Or(strings.TrimLeft(named.ReplaceAllString(plain, ""), "._-"), "model")
	return out, nil
}

// errTimeout ends a command that takes too long.
var errTimeout = errors.New("it took too long")

// make runs the command, unless it has made the model in an earlier attempt.
func (t *Training) make(ctx context.Context, p *projects.Project, base *present, f *files, folder, out string) (reason string, err error) {
	project, made := p.ID, filepath.Join(folder, fileMade)
	if before, err := os.ReadFile(made); err == nil && string(before) == out && isFolder(out) {
		return "", nil
	}
	if err := errors.Join(os.MkdirAll(t.ModelsDir, 0o777), os.RemoveAll(out), atomicfile.WriteFile(filepath.Join(folder, fileOut), []byte(out))); err != nil {
		return "", err
	}
	o := newLog(t.logFile(project), append(slices.Clone(t.Secrets), p.Password))
	t.setOutput(project, o)
	defer t.setOutput(project, nil)
	t.log.Info("training begins", "project", project, "model", base.key.String(), "new", filepath.Base(out))
	timed, cancel := context.WithTimeoutCause(ctx, t.Timeout, errTimeout)
	defer cancel()
	c := &command{line: t.Command, env: environment(project, base.folder, f, out), out: o, grace: grace}
	err = c.run(timed)
	killLeft(t.folder(project))
	if closing := o.close(); closing != nil {
		t.log.Warn("the log of a training run was not kept", "project", project, "error", closing)
	}
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	status, ended := exitStatus(err)
	switch {
	case ended && status == statusMade && isFolder(out):
		return "", atomicfile.WriteFile(made, []byte(out))
	case ended && status == statusMade:
		return fmt.Sprintf("the training command has ended, but has not made the folder that %s names", variableOut), nil
	case ended && status == statusNotBetter:
		reason = fmt.Sprintf("the training command says that the new model is not better (exit status %d)", statusNotBetter)
		return reason, atomicfile.WriteFile(made, []byte("not better")) // it is not judged, and stays if it is there
	case errors.Is(err, errTimeout):
		reason = fmt.Sprintf("the training command was ended after %v, see --train-timeout", t.Timeout)
	default:
		reason = fmt.Sprintf("the training command failed: %v", err)
	}
	if last := lastLines(o.String(), 1); len(last) > 0 {
		reason += "; its last line: " + last[0]
	}
	return reason, nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
