package jobs

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Values stores strings for one project, such as its settings. They do not expire.
type Values struct {
	q       *Queue
	project string
}

// Values returns the values of a project, which need not exist.
func (q *Queue) Values(project string) Values { return Values{q, project} }

func (v Values) name(key string) (string, error) {
	err := errors.Join(checkName("project", v.project), checkName("key", key))
	return escape(v.project) + "." + escape(key), err
}

// Get returns a value; ok is false if there is none.
func (v Values) Get(ctx context.Context, key string) (value string, ok bool, err error) {
	value, rev, err := v.get(ctx, key)
	return value, rev > 0, fail("get value", key, err)
}

func (v Values) get(ctx context.Context, key string) (string, uint64, error) {
	name, err := v.name(key)
	if err != nil {
		return "", 0, err
	}
	for tries := 0; ; tries++ {
		actx, cancel := v.q.attempt(ctx)
		e, err := v.q.projects.Get(actx, name)
		cancel()
		if err == nil {
			return string(e.Value()), e.Revision(), nil
		}
		if !errors.Is(err, jetstream.ErrKeyNotFound) {
			return "", 0, v.q.answer(ctx, err)
		}
		// It may have been set meanwhile.
		if err = v.absent(ctx, name); !errors.Is(err, ErrDamaged) || tries == 2 {
			return "", 0, err
		}
	}
}

// absent distinguishes a value that does not exist from one that the server cannot read. The
// server reports both as not found, but still counts the latter.
func (v Values) absent(ctx context.Context, name string) error {
	subject := v.q.subject(bucketProjects, name)
	left, err := v.q.subjects(ctx, bucketProjects, subject)
	if err != nil || left[subject] == 0 {
		return err
	}
	actx, cancel := v.q.attempt(ctx)
	defer cancel()
	_, err = v.q.streams[bucketProjects].GetLastMsgForSubject(actx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return fmt.Errorf("%w: the value cannot be read", ErrDamaged)
	}
	return v.q.answer(ctx, err) // nil: a delete marker of an earlier version
}

// Set stores a value of up to MaxValue bytes.
func (v Values) Set(ctx context.Context, key, value string) error {
	_, err := v.put(ctx, key, value, nil)
	return fail("set value", key, err)
}

// put stores a value; with rev, only in place of that revision.
func (v Values) put(ctx context.Context, key, value string, rev *uint64) (conflict bool, err error) {
	name, err := v.name(key)
	if err != nil {
		return false, err
	}
	if len(value) > MaxValue {
		return false, tooLarge("value", len(value), MaxValue)
	}
	if err := v.q.gate(true); err != nil {
		return false, err
	}
	actx, cancel := v.q.attempt(ctx)
	defer cancel()
	switch {
	case rev == nil:
		_, err = v.q.projects.Put(actx, name, []byte(value))
	case *rev == 0:
		_, err = v.q.projects.Create(actx, name, []byte(value))
	default:
		_, err = v.q.projects.Update(actx, name, []byte(value), *rev)
	}
	if conflicting(err) {
		return true, nil
	}
	return false, v.q.answer(ctx, err)
}

// Update replaces a value by change(value); a missing value is an empty string. It calls
// change again if another writer was faster. After an error the value may have been stored
// all the same.
func (v Values) Update(ctx context.Context, key string, change func(old string) (string, error)) error {
	for {
		old, rev, err := v.get(ctx, key)
		if err != nil {
			return fail("update value", key, err)
		}
		next, err := change(old)
		if err != nil {
			return fail("update value", key, err)
		}
		conflict, err := v.put(ctx, key, next, &rev)
		if !conflict {
			return fail("update value", key, err)
		}
	}
}

// Delete removes a value, if there is one.
func (v Values) Delete(ctx context.Context, key string) error {
	return fail("delete value", key, v.delete(ctx, key))
}

// deletedName holds the name of the value that was deleted last. Like sourceName it is one
// token.
const deletedName = "deleted"

func (v Values) delete(ctx context.Context, key string) error {
	name, err := v.name(key)
	if err != nil {
		return err
	}
	if err := v.q.gate(false); err != nil {
		return err
	}
	if v.q.embedded != nil {
		// A purge takes no revision. This one explains to the watermark why there is one
		// value less, should the process be killed before it writes the next.
		actx, cancel := v.q.attempt(ctx)
		defer cancel()
		if _, err := v.q.projects.Put(actx, deletedName, []byte(name)); err != nil {
			return v.q.answer(ctx, err)
		}
	}
	return v.q.purge(ctx, bucketProjects, name)
}

// Keys returns the keys of the project's values in no particular order.
func (v Values) Keys(ctx context.Context) ([]string, error) {
	keys, err := v.keys(ctx)
	return keys, fail("list values of", v.project, err)
}

func (v Values) keys(ctx context.Context) ([]string, error) {
	if err := checkName("project", v.project); err != nil {
		return nil, err
	}
	all := v.q.subject(bucketProjects, escape(v.project)+".")
	subjects, err := v.q.subjects(ctx, bucketProjects, all+"*")
	if err != nil {
		return nil, err
	}
	var keys []string
	for subject := range subjects {
		key, err := unescape(subject[len(all):])
		if err != nil {
			continue
		}
		_, rev, err := v.get(ctx, key)
		switch {
		case err != nil && !errors.Is(err, ErrDamaged):
			return nil, err
		case err == nil && rev == 0: // deleted meanwhile, or a delete marker
		default:
			keys = append(keys, key)
		}
	}
	return keys, nil
}
