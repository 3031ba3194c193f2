package projects

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/asr-backend/asr-backend/jobs"
)

// shared is the project under which values are kept that belong to no project, and
// keyProjects the list of all projects among them.
const (
	shared      = "service"
	keyProjects = "projects"
)

// list adds a project to the stored list.
func list(ctx context.Context, q *jobs.Queue, project int64) error {
	ids, err := listed(ctx, q)
	if err != nil || slices.Contains(ids, project) {
		return err
	}
	return q.Values(shared).Update(ctx, keyProjects, func(old string) (string, error) {
		ids, err := parseIDs(old)
		if err != nil {
			return "", err
		}
		if !slices.Contains(ids, project) {
			ids = append(ids, project)
		}
		slices.Sort(ids)
		list, err := json.Marshal(ids)
		return string(list), err
	})
}

// unlist takes a project out of the stored list.
func unlist(ctx context.Context, q *jobs.Queue, project int64) error {
	return q.Values(shared).Update(ctx, keyProjects, func(old string) (string, error) {
		ids, err := parseIDs(old)
		if err != nil {
			return "", err
		}
		list, err := json.Marshal(slices.DeleteFunc(ids, func(id int64) bool { return id == project }))
		return string(list), err
	})
}

// Forget drops a project with everything that is kept for it.
func (r *Registry) Forget(ctx context.Context, project int64) error {
	q, err := r.options.Queue.Get()
	if err != nil {
		return err
	}
	r.mu.Lock()
	maps.DeleteFunc(r.values, func(k valueKey, _ value) bool { return k.project == project })
	delete(r.written, project)
	r.mu.Unlock()
	r.note(project, keyLearnt, "")
	r.note(project, keyTrained, "")
	if err := unlist(ctx, q, project); err != nil {
		return fmt.Errorf("forget project %d: %w", project, err)
	}
	keys, err := q.Values(Name(project)).Keys(ctx)
	for _, key := range keys {
		err = errors.Join(err, q.Values(Name(project)).Delete(ctx, key))
	}
	if err != nil {
		return fmt.Errorf("forget project %d: %w", project, err)
	}
	return nil
}

func listed(ctx context.Context, q *jobs.Queue) ([]int64, error) {
	list, _, err := q.Values(shared).Get(ctx, keyProjects)
	if err != nil {
		return nil, err
	}
	return parseIDs(list)
}

func parseIDs(list string) (ids []int64, err error) {
	if list == "" {
		return nil, nil
	}
	if err := json.Unmarshal([]byte(list), &ids); err != nil {
		return nil, fmt.Errorf("list of projects: %w", err)
	}
	return ids, nil
}
