package projects

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
)

// Predictions of older versions are replaced, and that must never happen to one that another
// program wrote. No form of a version says who wrote it: "nemo-202311171530" and a UUID end in
// twelve hex digits as ours do. So every version is written down before anything that carries
// it leaves, and nothing else counts as ours.

// keyWritten is the value of a project that lists the versions written to it, as JSON.
const keyWritten = "written_versions"

// Write writes down that predictions of a project's version, and the transcripts that they are
// built from, leave for Label Studio. It returns once that is stored.
func (r *Registry) Write(ctx context.Context, p *Project) error {
	r.mu.Lock()
	known := r.written[p.ID]
	r.mu.Unlock()
	versions := []string{p.Version, p.TranscriptVersion}
	if p.Settings.Partial > 0 {
		versions = append(versions, labelstudio.PartialVersion(p.Version))
	}
	if !slices.ContainsFunc(versions, func(v string) bool { return !known[v] }) {
		return nil
	}
	q, err := r.options.Queue.Get()
	if err != nil {
		return err
	}
	var all Written
	err = q.Values(Name(p.ID)).Update(ctx, keyWritten, func(old string) (string, error) {
		if all, err = r.parseWritten(ctx, q, p.ID, old); err != nil {
			return "", err
		}
		for _, v := range versions {
			all[v] = true
		}
		raw, err := json.Marshal(slices.Sorted(maps.Keys(all)))
		return string(raw), err
	})
	if err != nil {
		return fmt.Errorf("write down the versions of project %d: %w", p.ID, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.written[p.ID] = all
	return nil
}

// Written returns what was written to a project, also by other processes on the same store.
func (r *Registry) Written(ctx context.Context, project int64) (Written, error) {
	q, err := r.options.Queue.Get()
	if err != nil {
		return nil, err
	}
	list, _, err := q.Values(Name(project)).Get(ctx, keyWritten)
	if err != nil {
		return nil, fmt.Errorf("read the versions of project %d: %w", project, err)
	}
	return r.parseWritten(ctx, q, project, list)
}

func (r *Registry) parseWritten(ctx context.Context, q *jobs.Queue, project int64, list string) (Written, error) {
	var versions []string
	if list == "" || json.Unmarshal([]byte(list), &versions) != nil {
		var err error
		if versions, err = writtenBefore(ctx, q, project); err != nil {
			return nil, err
		}
	}
	out := make(Written, len(versions)+2)
	for _, v := range versions {
		out[v] = true
	}
	return out, nil
}

// writtenBefore returns the versions written to a project by a program that did not write them
// down. Jobs are named after them:
//
//	deliver/<project>/<task>/<version>    transcribe/<version>/<digest>
func writtenBefore(ctx context.Context, q *jobs.Queue, project int64) ([]string, error) {
	var out []string
	for _, job := range q.List(jobs.Filter{Project: Name(project)}) {
		if parts := strings.SplitN(job.Key, "/", 4); len(parts) == 4 && parts[0] == "deliver" {
			out = append(out, parts[3])
		}
	}
	// A transcription belongs to the project that asked first, and to all that show it.
	for _, job := range q.List(jobs.Filter{Kind: "transcribe"}) {
		if parts := strings.Split(job.Key, "/"); len(parts) == 3 {
			out = append(out, parts[1])
		}
	}
	last, ok, err := q.Values(Name(project)).Get(ctx, labelstudio.KeyModelVersion)
	if ok {
		out = append(out, last)
	}
	return out, err
}
