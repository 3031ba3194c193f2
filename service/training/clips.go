package training

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/atomicfile"
	"github.com/asr-backend/asr-backend/internal/clips"
	"github.com/asr-backend/asr-backend/internal/diskspace"
	"github.com/asr-backend/asr-backend/internal/output"
	"github.com/asr-backend/asr-backend/labelstudio/media"
	"github.com/asr-backend/asr-backend/learn"
	"github.com/asr-backend/asr-backend/service/learning"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/recordings"
	"github.com/asr-backend/asr-backend/timeline"
)

// Bounds of clips: what is shorter says nothing, and what is longer does not fit into training.
const (
	shortest = 500 * time.Millisecond
	longest  = 30 * time.Second
)

// leastLearn is how many clips there must be to learn from.
const leastLearn = 10

// Reasons why a passage is left out, beside those of package learn.
const (
	tooShort   = "shorter than 0.5 s"
	tooLong    = "longer than 30 s"
	notFetched = "of a recording that cannot be had"
)

// clip is a passage that was cut, as NeMo manifests have it. Recording says which clips are of one
// recording.
type clip struct {
	Audio     string  `json:"audio_filepath"`
	Duration  float64 `json:"duration"` // seconds
	Text      string  `json:"text"`
	Recording string  `json:"recording"`
}

// files are what the command gets.
type files struct {
	learn, judge string // manifests
	judging      []clip
	digest       string // of both manifests
	texts        []string
}

// spoken is the passages of one recording of a task.
type spoken struct {
	task     int64
	plan     int
	passages []learning.Passage
}

// prepare cuts the corrections of a project into a folder and writes the manifests. The reason says
// why nothing can be trained with them.
func (t *Training) prepare(ctx context.Context, p *projects.Project, v *ctc.Vocabulary, folder string, run *Run) (f *files, reason string, err error) {
	all, err := t.spoken(ctx, p.ID, v, run)
	if err != nil {
		return nil, "", err
	}
	cut, err := t.cutAll(ctx, p, all, filepath.Join(folder, clipsFolder), run)
	if err != nil {
		return nil, "", err
	}
	names := make([]string, len(cut))
	for i := range cut {
		names[i] = cut[i].Recording
	}
	judges := learn.Judges(names)
	f = &files{learn: filepath.Join(folder, "learn.jsonl"), judge: filepath.Join(folder, "judge.jsonl")}
	var learning, judging bytes.Buffer
	for _, c := range cut {
		f.texts = append(f.texts, c.Text)
		to := &learning
		if judges[c.Recording] {
			to = &judging
			f.judging = append(f.judging, c)
		}
		e := json.NewEncoder(to)
		e.SetEscapeHTML(false)
		if err := e.Encode(c); err != nil {
			return nil, "", err
		}
	}
	run.Judge = len(f.judging)
	run.Learn = len(cut) - run.Judge
	switch {
	case run.Judge == 0:
		return nil, "no clip judges a new model: there must be corrections of at least two recordings", nil
	case run.Learn < leastLearn:
		return nil, fmt.Sprintf("there are %d clips to learn from; at least %d are needed", run.Learn, leastLearn), nil
	}
	for path, content := range map[string][]byte{f.learn: learning.Bytes(), f.judge: judging.Bytes()} {
		if err := atomicfile.WriteFile(path, content); err != nil {
			return nil, "", fmt.Errorf("write a manifest: %w", err)
		}
	}
	f.digest = projects.Fingerprint(learning.String(), judging.String())
	return f, "", nil
}

// spoken returns the passages that can be trained with, by recording.
func (t *Training) spoken(ctx context.Context, project int64, v *ctc.Vocabulary, run *Run) ([]spoken, error) {
	passages, err := t.Learning.Passages(ctx, project)
	if err != nil {
		return nil, err
	}
	corrections := make([]learn.Correction, len(passages))
	for i := range passages {
		corrections[i] = passages[i].Correction
	}
	texts, left := learn.Texts(v, corrections)
	for reason, n := range left {
		run.leave(string(reason), n)
	}
	var out []spoken
	for _, text := range texts { // those of a recording follow one another
		passage := passages[text.Correction]
		passage.Wrote = text.Text
		switch length := passage.End - passage.Start; {
		case passage.End == 0: // all of the recording, whose length shows when it is cut
		case length < shortest:
			run.leave(tooShort, 1)
			continue
		case length > longest:
			run.leave(tooLong, 1)
			continue
		}
		if n := len(out); n == 0 || out[n-1].task != passage.Task || out[n-1].plan != passage.Plan {
			out = append(out, spoken{task: passage.Task, plan: passage.Plan})
		}
		last := &out[len(out)-1]
		last.passages = append(last.passages, passage)
	}
	return out, nil
}

// leave counts passages that are left out.
func (r *Run) leave(reason string, n int) {
	if r.LeftOut == nil {
		r.LeftOut = map[string]int{}
	}
	r.LeftOut[reason] += n
}

// cutAll cuts the passages of all recordings. A recording that cannot be had is left out, unless none
// can be.
func (t *Training) cutAll(ctx context.Context, p *projects.Project, all []spoken, folder string, run *Run) (out []clip, err error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	var space int64
	var ids []int64
	for _, s := range all {
		ids = append(ids, s.task)
		for i := range s.passages {
			length := min(cmp.Or(s.passages[i].End-s.passages[i].Start, longest), longest)
			space += int64(length.Seconds() * timeline.SampleRate * 2)
		}
	}
	if err := diskspace.Require(folder, space); err != nil {
		return nil, err
	}
	values, err := t.values(ctx, p, slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	var failed error
	for _, s := range all {
		value, ok := values[place{s.task, s.plan}]
		var cut []clip
		if ok {
			cut, err = t.cut(ctx, p, recordings.Of(p, s.task, value), &s, folder, run)
		}
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case !ok:
			run.leave(notFetched, len(s.passages))
		case err != nil:
			t.log.Warn("a recording is not trained with", "project", p.ID, "task", s.task, "error", err)
			if _, again := media.Retryable(err); again {
				failed = cmp.Or(failed, err)
			}
		}
		out = append(out, cut...)
	}
	if len(out) == 0 {
		return nil, failed
	}
	return out, nil
}

// place is a recording of a task.
type place struct {
	task int64
	plan int
}

// values returns where the recordings of tasks are.
func (t *Training) values(ctx context.Context, p *projects.Project, tasks []int64) (map[place]string, error) {
	out := map[place]string{}
	for task, err := range t.Client.TasksByID(ctx, p.ID, tasks, false) {
		if err != nil {
			return nil, err
		}
		for _, plan := range p.Plans {
			if value, ok := plan.Recording(task.Data); ok {
				out[place{task.ID, plan.Index}] = value
			}
		}
	}
	return out, nil
}

// cut cuts the passages of a recording, and counts those that it leaves out. With an error, some may
// have been cut.
func (t *Training) cut(ctx context.Context, p *projects.Project, rec recordings.Recording, s *spoken, folder string, run *Run) ([]clip, error) {
	file, err := t.Recordings.Fetch(ctx, rec)
	if err != nil {
		run.leave(notFetched, len(s.passages))
		return nil, err
	}
	defer file.Close()
	regions, paths := make([]clips.Region, len(s.passages)), make([]string, len(s.passages))
	for i := range s.passages {
		a := &s.passages[i]
		regions[i] = clips.Region{Start: a.Start, End: a.End, Channel: channel(p, a)}
		if a.End == 0 {
			regions[i].End = longest + shortest // what reaches so far is too long
		}
		paths[i] = filepath.Join(folder, fmt.Sprintf("%d-%d-%05d-%09d-%09d.wav", s.task, s.plan, i, a.Start.Milliseconds(), regions[i].End.Milliseconds()))
	}
	writer := output.New(os.Stdout)
	create := func(i int) (*output.File, error) {
		target, err := writer.Claim(paths[i])
		if err != nil {
			return nil, err
		}
		return target.Create(ctx)
	}
	cuts, _, err := clips.Cut(ctx, file.Path, regions, create, clips.Options{FFmpeg: t.FFmpeg})
	var out []clip
	for i, c := range cuts {
		why := ""
		switch length := c.Duration(); {
		case c.Frames == 0 && err != nil:
			why = notFetched
		case length < shortest:
			why = tooShort
		case length > longest:
			why = tooLong
		}
		if why != "" {
			run.leave(why, 1)
			if c.Frames > 0 {
				_ = os.Remove(paths[i]) // it goes with the folder
			}
			continue
		}
		a := &s.passages[i]
		out = append(out, clip{paths[i], math.Ceil(c.Duration().Seconds()*1e6) / 1e6, a.Wrote, a.Recording})
	}
	return out, err
}

// channel is the one of a recording on which a passage was transcribed.
func channel(p *projects.Project, a *learning.Passage) int {
	switch c := p.Transcription.Channels; {
	case c == audio.Mix, a.End == 0 && c == audio.Split:
		return clips.Mixed
	case c == audio.Split:
		return a.Channel
	default:
		return int(c) - int(audio.Only(0))
	}
}
