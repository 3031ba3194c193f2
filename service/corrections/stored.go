package corrections

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/service/projects"
)

// Keys of a project's values, each followed by the number of an annotation. They are on
// disks of users.
const (
	keyCorrection = "pair/" // a Correction
	keyRate       = "rate/" // a rate, the small part of it
)

// values returns the values of a project.
func (c *Corrections) values(project int64) (jobs.Values, error) {
	q, err := c.Queue.Get()
	if err != nil {
		return jobs.Values{}, err
	}
	return q.Values(projects.Name(project)), nil
}

func (c *Corrections) loadRates(ctx context.Context, project int64) (*projectRates, error) {
	c.rates.mu.Lock()
	known := c.rates.projects[project]
	c.rates.mu.Unlock()
	if known != nil {
		return known, nil
	}
	values, err := c.values(project)
	if err != nil {
		return nil, err
	}
	keys, err := values.Keys(ctx)
	if err != nil {
		return nil, err
	}
	read := newProjectRates()
	for _, key := range keys {
		name, ok := strings.CutPrefix(key, keyRate)
		id, convErr := strconv.ParseInt(name, 10, 64)
		if !ok || convErr != nil {
			continue
		}
		value, _, err := values.Get(ctx, key)
		if err != nil {
			return nil, err
		}
		var one rate
		if json.Unmarshal([]byte(value), &one) == nil {
			read.set(id, one)
		}
	}
	c.rates.mu.Lock()
	defer c.rates.mu.Unlock()
	if known := c.rates.projects[project]; known != nil {
		return known, nil // somebody else was faster
	}
	c.rates.projects[project] = read
	return read, nil
}

// keep stores a correction and counts it. One too large to store is counted all the same.
func (c *Corrections) keep(ctx context.Context, project int64, correction *Correction) error {
	known, err := c.loadRates(ctx, project)
	if err != nil {
		return err
	}
	values, err := c.values(project)
	if err != nil {
		return err
	}
	small := rate{correction.Version, correction.Errors, correction.NotCompared != "", correction.Outcome, correction.Task, correction.At}
	whole, err1 := json.Marshal(correction)
	part, err2 := json.Marshal(small)
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Errorf("keep a correction: %w", err)
	}
	id := strconv.FormatInt(correction.Annotation, 10)
	if err := values.Set(ctx, keyCorrection+id, string(whole)); err != nil && !errors.Is(err, jobs.ErrTooLarge) {
		return err
	}
	if err := values.Set(ctx, keyRate+id, string(part)); err != nil {
		return err
	}
	known.set(correction.Annotation, small)
	return nil
}

// Load returns the correction of an annotation, or nil.
func (c *Corrections) Load(ctx context.Context, project, annotation int64) (*Correction, error) {
	values, err := c.values(project)
	if err != nil {
		return nil, err
	}
	value, ok, err := values.Get(ctx, keyCorrection+strconv.FormatInt(annotation, 10))
	var out Correction
	if err != nil || !ok || json.Unmarshal([]byte(value), &out) != nil {
		return nil, err // one that cannot be read counts as none
	}
	return &out, nil
}

// errChanged says that a person has changed an annotation since its words were asked for.
var errChanged = errors.New("the annotation has changed since")

// keepWords stores the words of passages, given by their indices, unless the annotation says
// something else by now than it did when it had the digest.
func (c *Corrections) keepWords(ctx context.Context, project int64, correction *Correction, digest string, passages []int) error {
	values, err := c.values(project)
	if err != nil {
		return err
	}
	err = values.Update(ctx, keyCorrection+strconv.FormatInt(correction.Annotation, 10), func(old string) (string, error) {
		var now Correction
		if json.Unmarshal([]byte(old), &now) != nil || now.digest() != digest {
			return "", errChanged
		}
		for _, i := range passages {
			now.Corrected[i].Words, now.Corrected[i].Timed = correction.Corrected[i].Words, true
		}
		raw, err := json.Marshal(now)
		return string(raw), err
	})
	if errors.Is(err, jobs.ErrTooLarge) {
		c.log.Warn("word times are not kept: the annotation is too large", "project", project, "annotation", correction.Annotation)
		return nil
	}
	return err
}

// Forget drops the corrections of annotations that were deleted.
func (c *Corrections) Forget(ctx context.Context, project int64, annotations []labelstudio.Annotation) error {
	known, err := c.loadRates(ctx, project)
	if err != nil {
		return err
	}
	values, err := c.values(project)
	if err != nil {
		return err
	}
	for i := range annotations {
		id := strconv.FormatInt(annotations[i].ID, 10)
		if err := errors.Join(values.Delete(ctx, keyCorrection+id), values.Delete(ctx, keyRate+id)); err != nil {
			return err
		}
		known.remove(annotations[i].ID)
	}
	return nil
}
