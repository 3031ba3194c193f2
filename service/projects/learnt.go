package projects

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"time"

	"github.com/asr-backend/asr-backend/internal/sealed"
	"github.com/asr-backend/asr-backend/transcribe"
)

// keyLearnt is the value of a project that holds the version of what it has learnt and uses now;
// empty, or no value, stands for nothing. It is part of the version of its predictions.
const keyLearnt = "learnt"

// opening is how long after its start the queue is waited for where nothing else says what was
// learnt: Label Studio waits three seconds for /setup.
const opening = 2 * time.Second

// learnt is what projects have learnt, as far as it is known without the queue. A version of
// predictions that leaves it out would have Label Studio ask for everything again, so it is also kept
// in a file that can be read in the first moments of the process.
type learnt struct {
	file  string            // or empty
	known map[string]string // of the file, by project
}

func openLearnt(file string) learnt {
	l := learnt{file: file, known: map[string]string{}}
	if file == "" {
		return l
	}
	if _, err := sealed.Read(file, &l.known); err != nil {
		l.known = map[string]string{}
		if !errors.Is(err, fs.ErrNotExist) {
			l.file = "" // a damaged file: the queue is waited for, and the next change writes it anew
		}
	}
	return l
}

// Learnt returns the version of what a project has learnt and uses now, empty for nothing.
func (r *Registry) Learnt(ctx context.Context, project int64) (string, error) {
	return r.learntWithin(ctx, project, fresh)
}

// learntWithin is Learnt for a value that may be in memory for so long.
func (r *Registry) learntWithin(ctx context.Context, project int64, age time.Duration) (string, error) {
	if project == 0 {
		return "", nil // a request made by hand
	}
	if _, err := r.options.Queue.Get(); err != nil {
		r.mu.Lock()
		file, text := r.learnt.file, r.learnt.known[Name(project)]
		r.mu.Unlock()
		if file != "" {
			return text, nil
		}
		wait, cancel := context.WithDeadline(ctx, r.made.Add(opening))
		defer cancel()
		if r.options.Queue.Wait(wait); ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
	}
	text, ok, err := r.get(ctx, project, keyLearnt, age)
	if err != nil {
		return "", err
	}
	r.mu.Lock()
	failed := r.values[valueKey{project, keyLearnt}].failed
	if failed && !ok {
		text = r.learnt.known[Name(project)]
	}
	r.mu.Unlock()
	if !failed {
		r.noteLearnt(project, text)
	}
	return text, nil
}

// SetLearnt stores which version of what a project has learnt is used from now on. It returns once
// that is stored.
func (r *Registry) SetLearnt(ctx context.Context, project int64, version string) error {
	q, err := r.options.Queue.Get()
	if err == nil {
		err = q.Values(Name(project)).Set(ctx, keyLearnt, version)
	}
	if err != nil {
		return fmt.Errorf("set what project %d uses of what it has learnt: %w", project, err)
	}
	r.mu.Lock()
	r.values[valueKey{project, keyLearnt}] = value{text: version, ok: true, read: time.Now()}
	r.mu.Unlock()
	r.noteLearnt(project, version)
	return nil
}

// noteLearnt keeps the file as the queue is.
func (r *Registry) noteLearnt(project int64, version string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := Name(project)
	if r.options.LearntFile == "" || r.learnt.known[name] == version {
		return
	}
	now := maps.Clone(r.learnt.known)
	now[name] = version
	maps.DeleteFunc(now, func(_, v string) bool { return v == "" })
	if err := sealed.Write(r.options.LearntFile, now); err != nil {
		r.log.Warn("which versions projects have learnt was not noted for the next start", "file", r.options.LearntFile, "error", err)
		return
	}
	r.learnt = learnt{r.options.LearntFile, now}
}

// Knowledge names what is known of the language of recordings of a project with such settings; it is
// nil for nothing, and has nothing but its version.
func (r *Registry) Knowledge(ctx context.Context, project int64, s *Settings) (*transcribe.Knowledge, error) {
	return r.knowledge(ctx, project, s, fresh)
}

func (r *Registry) knowledge(ctx context.Context, project int64, s *Settings, age time.Duration) (*transcribe.Knowledge, error) {
	version := s.Learn
	switch s.Learn {
	case LearnOff:
		return nil, nil
	case "", LearnOn:
		var err error
		if version, err = r.learntWithin(ctx, project, age); err != nil {
			return nil, err
		}
	}
	if version == "" {
		return nil, nil
	}
	return &transcribe.Knowledge{Version: version}, nil
}

// keyLastLearnt is the value of a project that says when it learnt last, and from how many
// corrections, as JSON.
const keyLastLearnt = "last_learnt"

type lastLearnt struct {
	At          time.Time `json:"at"`
	Corrections int       `json:"corrections"`
}

// LastLearnt returns when a project learnt last, and how many corrections it had then.
func (r *Registry) LastLearnt(ctx context.Context, project int64) (time.Time, int, error) {
	return r.lastLearnt(ctx, project, fresh)
}

// ShowLastLearnt is LastLearnt for a page, as Show is: a run of another process may be missing for a
// minute.
func (r *Registry) ShowLastLearnt(ctx context.Context, project int64) (time.Time, int, error) {
	return r.lastLearnt(ctx, project, shown)
}

func (r *Registry) lastLearnt(ctx context.Context, project int64, age time.Duration) (time.Time, int, error) {
	text, ok, err := r.get(ctx, project, keyLastLearnt, age)
	var last lastLearnt
	if err != nil || !ok {
		return last.At, 0, err
	}
	if err := json.Unmarshal([]byte(text), &last); err != nil {
		return time.Time{}, 0, nil // it learns again
	}
	return last.At, last.Corrections, nil
}

// SetLastLearnt notes that a project has learnt from all corrections up to a time.
func (r *Registry) SetLastLearnt(ctx context.Context, project int64, at time.Time, corrections int) error {
	raw, err := json.Marshal(lastLearnt{at, corrections})
	if err != nil {
		return err
	}
	return r.Set(ctx, project, keyLastLearnt, string(raw))
}
