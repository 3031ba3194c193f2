package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

// sourceName holds Options.Source in the bucket of project values. Values have names of two
// tokens, so no project has this one.
const sourceName = "source"

// checkSource returns the source of the store and the revision of that entry, 0 if there is
// none yet. It fails with ErrSource if the jobs are for another source.
func (q *Queue) checkSource(ctx context.Context) (stored string, rev uint64, err error) {
	actx, cancel := q.attempt(ctx)
	defer cancel()
	m, err := q.streams[bucketProjects].GetLastMsgForSubject(actx, q.subject(bucketProjects, sourceName))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return "", 0, nil
	}
	if err != nil {
		return "", 0, q.answer(ctx, err)
	}
	stored = string(m.Data) // empty after `nats kv del`
	if o := &q.o; stored != "" && o.Source != "" && stored != o.Source && !slices.Contains(o.Aliases, stored) {
		own := "--nats-prefix"
		if o.Dir != "" {
			own = "--data-dir"
		}
		return "", 0, &Error{
			Err:    fmt.Errorf("%w: they were made for %s, not for %s", ErrSource, stored, o.Source),
			Advice: fmt.Sprintf("if both are addresses of the same server, start once with --label-studio-alias http://%s; if not, give this service its own %s", stored, own),
		}
	}
	return stored, m.Sequence, nil
}

// claimSource writes Options.Source into a store that has none, or has it under an alias.
// Of several processes that open a new cluster for different sources, one gets it.
func (q *Queue) claimSource(ctx context.Context) error {
	for {
		stored, rev, err := q.checkSource(ctx)
		if err != nil || q.o.Source == "" || stored == q.o.Source {
			return err
		}
		actx, cancel := q.attempt(ctx)
		_, err = q.projects.Update(actx, sourceName, []byte(q.o.Source), rev)
		cancel()
		if !conflicting(err) {
			return q.answer(ctx, err)
		}
	}
}
