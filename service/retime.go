package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"asr-backend/jobs"
	"asr-backend/labelstudio"
	"asr-backend/labelstudio/media"
	"asr-backend/labelstudio/results"
	"asr-backend/service/projects"
)

// Times of what people write.
//
// A text that was predicted has the times of its words in its item's meta. Once a person
// changes it these are those of other words, and a region that a person drew and wrote has
// none. So each annotation that is saved is looked at (in the job of its event, never in
// the webhook's request), and texts of people's own are found in the recording by a job of
// their own, with the lowest priority since nobody waits for it:
//
//	saved ──> pair kept ──> job "retime": hear the stretches, align their texts
//	                             │
//	                             ├──> Pair.Corrected[i].Words
//	                             └──> the rows of Paragraphs, see paragraphs.go
//
// An annotation is never written to. Label Studio cannot be asked to change one only if it
// is what it was, so the change of a person who saves at the same moment would be lost;
// and no page shows what an annotation's meta says of words. Nor is there a prediction of
// what a person wrote: it would be shown to others who annotate the same task.
//
// Nothing here answers to itself: what is written to Label Studio is a task's data, of
// which no webhook tells, and a text whose words are kept is not asked for again.

// WordTime is a word of a text that a person wrote, and when it is said, in seconds. One
// that is not said has no length and no confidence.
type WordTime struct {
	Text       string  `json:"text"`
	Start      float64 `json:"start"`
	End        float64 `json:"end"`
	Confidence float64 `json:"confidence"`
}

// retiming is the payload of a job that finds texts of people in a recording.
type retiming struct {
	hearing
	Annotation int64 `json:"annotation"`
	Plan       int   `json:"plan"`
	// Content is that of the pair when the job was made: another one has a job of its own.
	Content string `json:"content"`
	// Stretches are indices in the pair's Corrected.
	Stretches []int `json:"stretches"`
}

// hasWords reports whether a region's words are those of its text and lie within it.
func hasWords(r *results.Region) bool {
	texts := make([]string, len(r.Words))
	for i, w := range r.Words {
		texts[i] = w.Text
		if middle := w.Start + (w.End-w.Start)/2; middle < r.Span.Start || middle > r.Span.End {
			return false
		}
	}
	return strings.Join(texts, " ") == strings.Join(strings.Fields(r.Text), " ")
}

// content is a digest of what an annotation says.
func (p *Pair) content() string {
	said := slices.Clone(p.Corrected)
	for i := range said {
		said[i].Words, said[i].Timed = nil, false
	}
	return projects.Fingerprint(said)
}

// tell notes which whole texts are as they were predicted.
func (p *Pair) tell() {
	for i := range p.Corrected {
		c := &p.Corrected[i]
		c.written = c.written && !(c.End == 0 && slices.ContainsFunc(p.Predicted, func(q Stretch) bool { return q.End == 0 && q.Plan == c.Plan && q.Text == c.Text }))
	}
}

// recall takes over the words of what an annotation said before and still says.
func (s *Service) recall(ctx context.Context, project int64, pair *Pair) error {
	before, err := s.kept(ctx, project, pair.Annotation)
	if err != nil || before == nil {
		return err
	}
	for i := range pair.Corrected {
		c := &pair.Corrected[i]
		for _, b := range before.Corrected {
			if c.written && b.Timed && b.Start == c.Start && b.End == c.End && b.Text == c.Text && b.Plan == c.Plan && b.Channel == c.Channel {
				c.Words, c.Timed, c.written = b.Words, true, false
			}
		}
	}
	return nil
}

// kept returns the pair of an annotation, or nil.
func (s *Service) kept(ctx context.Context, project, annotation int64) (*Pair, error) {
	q, err := s.queue.Get()
	if err != nil {
		return nil, err
	}
	value, ok, err := q.Values(projects.Name(project)).Get(ctx, keyPair+strconv.FormatInt(annotation, 10))
	var pair Pair
	if err != nil || !ok || json.Unmarshal([]byte(value), &pair) != nil {
		return nil, err // one that cannot be read is as good as none
	}
	return &pair, nil
}

// askForTimes enqueues a job for each recording of which a person wrote something.
func (s *Service) askForTimes(ctx context.Context, p *labelstudio.Project, r *projects.Project, t *labelstudio.Task, pair *Pair) error {
	if r.Settings.Results().NoWords {
		return nil
	}
	q, err := s.queue.Get()
	if err != nil {
		return err
	}
	for _, plan := range r.Plans {
		value, ok := plan.Recording(t.Data)
		var written []int
		for i, c := range pair.Corrected {
			if c.Plan == plan.Index && c.written {
				written = append(written, i)
			}
		}
		if !ok || len(written) == 0 {
			continue
		}
		payload, err := json.Marshal(retiming{
			hearing: hearing{Value: value, Task: t.ID, Project: p.ID, Login: p.Login, Password: p.Password.Reveal(),
				Settings: r.Settings, Split: r.Split(), Version: r.TranscriptVersion},
			Annotation: pair.Annotation, Plan: plan.Index, Content: pair.content(), Stretches: written,
		})
		if err != nil {
			return fmt.Errorf("ask for the times of annotation %d: %w", pair.Annotation, err)
		}
		key := fmt.Sprintf("%s/%d/%d/%d/%s", kindRetime, p.ID, pair.Annotation, plan.Index, pair.content())
		job, _, err := q.Enqueue(ctx, jobs.Spec{Key: key, Project: projects.Name(p.ID), Kind: kindRetime, Class: jobs.Batch, Payload: payload})
		if err == nil {
			_, err = revive(ctx, q, job)
		}
		if err != nil && !errors.Is(err, jobs.ErrTooLarge) {
			return fmt.Errorf("ask for the times of annotation %d: %w", pair.Annotation, err)
		}
	}
	return nil
}

// errSuperseded says that a person has changed an annotation since its times were asked for.
var errSuperseded = errors.New("the annotation has changed since")

// retime works on a job of its kind.
func (s *Service) retime(ctx context.Context, lease *jobs.Lease) error {
	job := lease.Job()
	var a retiming
	if err := json.Unmarshal(job.Payload, &a); err != nil {
		return fmt.Errorf("the job cannot be read: %w", err)
	}
	pair, err := s.kept(ctx, a.Project, a.Annotation)
	if err != nil {
		return err
	}
	if pair != nil && pair.content() == a.Content {
		if err := s.retimePair(ctx, lease, &a, pair); err != nil && !errors.Is(err, errSuperseded) {
			return err
		}
	}
	if err := lease.Finish(s.last, nil); err != nil {
		return err
	}
	s.discard(ctx, job.Key) // so that it is made anew if the annotation says the same again
	return nil
}

func (s *Service) retimePair(ctx context.Context, lease *jobs.Lease, a *retiming, pair *Pair) error {
	start := time.Now()
	file, err := s.fetcher.Fetch(ctx, media.Request{Value: a.Value, Task: a.Task, Project: a.Project, Login: a.Login, Password: labelstudio.NewSecret(a.Password)})
	if err != nil {
		return err
	}
	defer file.Close()
	recognizer, release, err := s.models.Use(ctx, a.Settings.Model)
	if err != nil {
		return err
	}
	defer release()
	f := &finder{recording: file.Path, priority: priority(lease.Job().Class), recognizer: recognizer, options: a.Settings.Transcription(a.Split, s.options.FFmpeg)}
	if err := f.find(ctx, pair, a.Stretches); err != nil {
		return err
	}
	if err := s.keepTimes(ctx, a, pair); err != nil {
		return err
	}
	words := 0
	for _, i := range a.Stretches {
		words += len(pair.Corrected[i].Words)
	}
	s.log.Info("words of a person timed", "project", a.Project, "task", a.Task, "annotation", a.Annotation,
		"texts", len(a.Stretches), "words", words, "took_s", time.Since(start).Seconds())
	return s.returnTimes(ctx, a, pair, f.found)
}

// keepTimes stores the words with the pair, unless that says something else by now.
func (s *Service) keepTimes(ctx context.Context, a *retiming, pair *Pair) error {
	q, err := s.queue.Get()
	if err != nil {
		return err
	}
	err = q.Values(projects.Name(a.Project)).Update(ctx, keyPair+strconv.FormatInt(a.Annotation, 10), func(old string) (string, error) {
		var now Pair
		if json.Unmarshal([]byte(old), &now) != nil || now.content() != a.Content {
			return "", errSuperseded
		}
		for _, i := range a.Stretches {
			now.Corrected[i].Words, now.Corrected[i].Timed = pair.Corrected[i].Words, true
		}
		raw, err := json.Marshal(now)
		return string(raw), err
	})
	if errors.Is(err, jobs.ErrTooLarge) {
		s.log.Warn("word times are not kept: the annotation is too large", "project", a.Project, "annotation", a.Annotation)
		return nil
	}
	return err
}
