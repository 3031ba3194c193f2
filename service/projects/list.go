package projects

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"asr-backend/jobs"
	"asr-backend/labelstudio"
)

// shared is the project under which values are kept that belong to no project, and
// keyProjects the list of all projects among them.
const (
	shared      = "service"
	keyProjects = "projects"
)

// List returns the projects that have asked so far, in order.
func (r *Registry) List(ctx context.Context) []int64 {
	known := map[int64]bool{}
	if q, err := r.options.Queue.Get(); err == nil {
		ids, err := listed(ctx, q)
		if err != nil {
			r.log.Error("list of projects not read", "error", err)
		}
		for _, id := range ids {
			known[id] = true
		}
	}
	r.mu.Lock()
	for k, v := range r.values {
		if k.key == labelstudio.KeyLabelConfig && v.ok && k.project != 0 {
			known[k.project] = true
		}
	}
	r.mu.Unlock()
	return slices.Sorted(maps.Keys(known))
}

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
