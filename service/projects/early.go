package projects

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"time"

	"github.com/asr-backend/asr-backend/internal/sealed"
)

// opening is how long after its start the queue is waited for where nothing else says what a value
// is: Label Studio waits three seconds for /setup.
const opening = 2 * time.Second

// early are the values of projects on which the version of predictions depends, as far as they are
// known without the queue: what they have learnt and use, and their trained models. A version that
// leaves one out would have Label Studio ask for everything again, so they are also kept in a file
// that can be read in the first moments of the process.
type early struct {
	file  string            // or empty
	known map[string]string // of the file, by name
}

// earlyName names a value in the file. That of what was learnt is the project's alone, as in files of
// programs that knew no other.
func earlyName(project int64, key string) string {
	if key == keyLearnt {
		return Name(project)
	}
	return key + "/" + Name(project)
}

func openEarly(file string) early {
	e := early{file: file, known: map[string]string{}}
	if file == "" {
		return e
	}
	if _, err := sealed.Read(file, &e.known); err != nil {
		e.known = map[string]string{}
		if !errors.Is(err, fs.ErrNotExist) {
			e.file = "" // a damaged file: the queue is waited for, and the next change writes it anew
		}
	}
	return e
}

// early returns a value that may be in memory for so long; empty if there is none.
func (r *Registry) early(ctx context.Context, project int64, key string, age time.Duration) (string, error) {
	if project == 0 {
		return "", nil // a request made by hand
	}
	name := earlyName(project, key)
	if _, err := r.options.Queue.Get(); err != nil {
		r.mu.Lock()
		file, text := r.noted.file, r.noted.known[name]
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
	text, ok, err := r.get(ctx, project, key, age)
	if err != nil {
		return "", err
	}
	r.mu.Lock()
	failed := r.values[valueKey{project, key}].failed
	if failed && !ok {
		text = r.noted.known[name]
	}
	r.mu.Unlock()
	if !failed {
		r.note(project, key, text)
	}
	return text, nil
}

// setEarly stores a value. It returns once that is stored.
func (r *Registry) setEarly(ctx context.Context, project int64, key, text string) error {
	q, err := r.options.Queue.Get()
	if err == nil {
		err = q.Values(Name(project)).Set(ctx, key, text)
	}
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.values[valueKey{project, key}] = value{text: text, ok: true, read: time.Now()}
	r.mu.Unlock()
	r.note(project, key, text)
	return nil
}

// note keeps the file as the queue is.
func (r *Registry) note(project int64, key, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := earlyName(project, key)
	if r.options.LearntFile == "" || r.noted.known[name] == text {
		return
	}
	now := maps.Clone(r.noted.known)
	now[name] = text
	maps.DeleteFunc(now, func(_, v string) bool { return v == "" })
	if err := sealed.Write(r.options.LearntFile, now); err != nil {
		r.log.Warn("what projects use of what they have learnt was not noted for the next start", "file", r.options.LearntFile, "error", err)
		return
	}
	r.noted = early{r.options.LearntFile, now}
}
