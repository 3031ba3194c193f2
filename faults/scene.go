package main

import (
	"context"
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// scene is one kind of harm.
type scene struct {
	name, what string
	do         func(*run) error
	// within bounds the whole scene at full size.
	within time.Duration
}

// scenes are those that take longest first: several are played at once.
var scenes = []scene{
	{"kills", "SIGKILL at random moments while tasks are imported, opened and transcribed", kills, 2 * time.Hour},
	{"cluster2", "tasks are opened on two nodes that are restarted meanwhile", func(r *run) error { return cluster(r, 2) }, time.Hour},
	{"cluster3", "the same on three nodes", func(r *run) error { return cluster(r, 3) }, time.Hour},
	{"busy", "long recordings, a huge annotation and a huge request, while others wait", busy, 20 * time.Minute},
	{"import", "crashes 1.3 s after each start, within imports of thousands of tasks", imports, time.Hour},
	{"away", "tasks are imported while the process is down", away, 20 * time.Minute},
	{"copies", "copies of the data folder, taken at random moments, are started", copies, time.Hour},
	{"disk", "the data folder is full, then read-only", disk, 10 * time.Minute},
	{"studio", "Label Studio stalls, answers with pages, redirects, cuts connections, refuses, and is away", faultyStudio, 20 * time.Minute},
	{"config", "a wrong labelling configuration, and a mistake in the project's settings, for a while", config, 10 * time.Minute},
	{"strangers", "forged events, invented projects, huge bodies and idle connections", strangers, 20 * time.Minute},
	{"bombs", "files with wrong headers, that unpack to days of sound or refer to other files", bombs, 20 * time.Minute},
}

// play plays a scene and ends all that it started.
func (s scene) play(ctx context.Context, o options) Result {
	h := fnv.New64a()
	h.Write([]byte(s.name))
	r := &run{options: o, name: s.name, dir: filepath.Join(o.dir, s.name), random: rand.New(rand.NewPCG(o.seed, h.Sum64())), result: Result{Scene: s.name}}
	within := s.within
	if o.short {
		within = min(within, 4*time.Minute)
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	r.Context = ctx
	began := time.Now()
	err := os.MkdirAll(r.dir, 0o755)
	if err == nil {
		err = s.do(r)
	}
	if ctx.Err() != nil && err == nil {
		err = context.Cause(ctx) // tasks that are lost in the result may only be late
	}
	cancel()
	r.wg.Wait()
	r.end()
	var skip errSkip
	switch {
	case errors.As(err, &skip):
		r.result.Skipped = skip.Error()
	case err != nil:
		r.fault("the scene could not be played to its end: %v", err)
	}
	r.result.Seconds = time.Since(began).Seconds()
	r.logf("%d tried, %d one, %d stated, %d lost, %d doubled, %d wrong", r.result.Tried, r.result.One, r.result.Stated, r.result.Lost, r.result.Doubled, r.result.Wrong)
	return r.result
}
