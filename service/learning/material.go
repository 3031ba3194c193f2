package learning

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/learn"
	"github.com/asr-backend/asr-backend/service/corrections"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/recordings"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/transcribe"
)

// material is what a project learns from.
type material struct {
	learn.Material
	from        []source       // of each correction in Material
	annotations []int64        // those that Material has a text of
	there       map[int64]bool // all annotations of which there is a correction
	corrections int            // of people, as they are counted
	documents   map[string]string
}

// source says where a passage is, and where its rows are.
type source struct {
	task       int64
	plan       int
	start, end time.Duration // end is 0 for the whole recording

	transcription string // the key of a job
	channel       int
	from, to      timeline.Row // to is 0 for the whole recording
}

// corrections reads the corrections of a project. Of several annotations of a task the one recorded last
// counts.
func (l *Learning) corrections(ctx context.Context, project int64) (*material, error) {
	m := &material{there: map[int64]bool{}}
	type place struct {
		task int64
		plan int
	}
	type found struct {
		annotation int64
		at         time.Time
		texts      []learn.Correction
		from       []source
	}
	latest := map[place]*found{}
	for c, err := range l.Corrections.All(ctx, project) {
		if err != nil {
			return nil, err
		}
		m.corrections++
		m.there[c.Annotation] = true
		now := map[int]*found{} // by plan
		for i := range c.Corrected {
			p := &passage{Passage: c.Corrected[i], predicted: predicted(c.Predicted, &c.Corrected[i])}
			f := now[p.Plan]
			if f == nil {
				f = &found{annotation: c.Annotation, at: c.At}
				now[p.Plan] = f
			}
			parts, err := l.divide(ctx, project, c, p)
			if err != nil {
				return nil, err
			}
			for _, part := range parts {
				text, from := l.passage(c, part)
				f.texts, f.from = append(f.texts, text), append(f.from, from)
			}
		}
		for plan, f := range now {
			at := place{c.Task, plan}
			if before := latest[at]; before == nil || !f.at.Before(before.at) {
				latest[at] = f
			}
		}
	}
	places := slices.SortedFunc(maps.Keys(latest), func(a, b place) int {
		return cmp.Or(cmp.Compare(a.task, b.task), cmp.Compare(a.plan, b.plan))
	})
	for _, at := range places {
		f := latest[at]
		m.Corrections, m.from = append(m.Corrections, f.texts...), append(m.from, f.from...)
		if !slices.Contains(m.annotations, f.annotation) {
			m.annotations = append(m.annotations, f.annotation)
		}
	}
	return m, nil
}

// Passage is a text that a person wrote, and where in the recording of a task it lies.
type Passage struct {
	learn.Correction
	Task int64
	// Plan is which of the recordings that the task shows it is.
	Plan int
	// Start and End are where it is said; an End of zero stands for the whole recording.
	Start, End time.Duration
	Channel    int // of a page that shows channels apart
}

// Passages returns the texts that a project learns from. Of several annotations of a task the one
// recorded last counts.
func (l *Learning) Passages(ctx context.Context, project int64) ([]Passage, error) {
	m, err := l.corrections(ctx, project)
	if err != nil {
		return nil, err
	}
	out := make([]Passage, len(m.Corrections))
	for i, c := range m.Corrections {
		s := &m.from[i]
		out[i] = Passage{Correction: c, Task: s.task, Plan: s.plan, Start: s.start, End: s.end, Channel: s.channel}
	}
	return out, nil
}

// passage is a text that a person wrote, and what was predicted in its place.
type passage struct {
	corrections.Passage
	predicted string
}

// passage returns what is learnt from a text of a correction.
func (l *Learning) passage(c *corrections.Correction, p *passage) (learn.Correction, source) {
	key := c.Transcripts[p.Plan]
	out := learn.Correction{Recording: recordings.Recorded(key), Wrote: p.Text, Predicted: p.predicted}
	if out.Recording == "" {
		out.Recording = fmt.Sprintf("task %d", c.Task)
	}
	s := source{task: c.Task, plan: p.Plan, start: timeline.FromSeconds(p.Start), end: timeline.FromSeconds(p.End), transcription: key, channel: max(p.Channel, 0)}
	if p.End > 0 {
		out.Length = max(s.end-s.start, 0)
		s.from = timeline.Row(math.Floor(p.Start / timeline.RowDuration.Seconds()))
		s.to = max(timeline.Row(math.Ceil(p.End/timeline.RowDuration.Seconds())), s.from+1)
	}
	if length, ok := l.Recordings.Length(key); ok {
		out.Length = cmp.Or(out.Length, length)
		out.Outside = p.End > 0 && p.Start >= length.Seconds()
	}
	return out, s
}

// predicted returns what was predicted where a person wrote a text: in passages whose middle lies
// in it, or that its own middle lies in.
func predicted(all []corrections.Passage, p *corrections.Passage) string {
	var texts []string
	for i := range all {
		q := &all[i]
		if q.Plan != p.Plan || p.End > 0 && (q.Channel != p.Channel || q.End > 0 && !within(q, p) && !within(p, q)) {
			continue
		}
		texts = append(texts, q.Text)
	}
	return strings.Join(texts, " ")
}

// within reports whether the middle of a passage lies in another.
func within(q, p *corrections.Passage) bool {
	middle := (q.Start + q.End) / 2
	return middle >= p.Start && middle <= p.End
}

// edge is how many rows beside a passage are decoded: people cut closely, and models write words late.
const edge timeline.Row = 3

// rows reads the rows of passages. Those of the recording that was read last are in memory.
type rows struct {
	l       *Learning
	project *projects.Project
	m       *material

	of   source // whose rows are kept: transcription and channel count
	kept *asr.KeptRows
	left timeline.Row // for which the model may run
}

// computed is for how many rows of a run the model runs, where they are not kept: a transcript may be a
// copy of another project's, and rows have to make room in time.
const computed timeline.Row = 11_250 // 15 minutes

// read returns the rows of a correction, or nil if they are not to be had.
func (r *rows) read(ctx context.Context, correction int) (*learn.Rows, error) {
	s := r.m.from[correction]
	if s.transcription == "" {
		return nil, nil
	}
	if r.of.transcription != s.transcription || r.of.channel != s.channel {
		kept, err := r.l.Recordings.KeptRows(ctx, r.project, s.transcription, s.channel)
		if errors.Is(err, recordings.ErrNoRows) {
			kept, err = nil, nil
		}
		if err != nil {
			return nil, err
		}
		r.of, r.kept = s, kept
	}
	kept := r.kept
	if kept == nil {
		var err error
		if kept, err = r.compute(ctx, correction); kept == nil {
			return nil, err
		}
	}
	if s.to > 0 {
		kept = kept.Cut(max(s.from-edge, kept.First), min(s.to+edge, kept.End()))
	}
	return &learn.Rows{Blanks: kept.Blanks, Candidates: kept.Candidates}, nil
}

// compute runs the model for the rows of a correction. They are nil if there is no room for them, or if
// the recording cannot be had any more.
func (r *rows) compute(ctx context.Context, correction int) (*asr.KeptRows, error) {
	s, length := r.m.from[correction], r.m.Corrections[correction].Length
	n := timeline.Row(length / timeline.RowDuration)
	if length <= 0 || n > r.left {
		return nil, nil
	}
	rows, err := r.l.Recordings.RowsOf(ctx, r.project, s.transcription, s.channel, s.from, s.to)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		r.l.log.Info("a correction neither tunes nor judges, as there are no rows of its recording", "project", r.project.ID, "job", s.transcription, "error", err)
		return nil, nil
	}
	r.left -= n
	return rows, nil
}

// transcribing returns what finds the text of a passage with a model that no search is for.
func (m *material) transcribing(r *recordings.Recordings, p *projects.Project) func(context.Context, int, *learn.Knowledge) (string, error) {
	return func(ctx context.Context, correction int, k *learn.Knowledge) (string, error) {
		s := m.from[correction]
		if s.transcription == "" {
			return "", nil
		}
		known := &transcribe.Knowledge{Version: k.Digest(), Phrases: k.Expected()}
		if known.Version == "" {
			known = nil
		}
		return r.Passage(ctx, p, s.transcription, s.channel, s.from.Duration(), s.to.Duration(), known)
	}
}
