package projects

import (
	"context"
	"encoding/json"
	"fmt"
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
