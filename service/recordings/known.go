package recordings

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/media"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/parts"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/transcribe"
	"github.com/asr-backend/asr-backend/transcript"
)

// Recorded names the recording of a transcription within its project, given the key of the job: the
// same in all versions. It is empty for an empty key.
func Recorded(key string) string { return key[strings.LastIndexByte(key, '/')+1:] }

// Earlier returns the key of the last transcription of a recording in another version that is done
// and kept, given the key of one; ok is false if there is none.
func (r *Recordings) Earlier(project int64, key string) (earlier string, ok bool) {
	q, err := r.queue.Get()
	if err != nil {
		return "", false
	}
	var ended time.Time
	for job := range q.Jobs(jobs.Filter{Project: projects.Name(project), Kind: Kind, States: []jobs.State{jobs.Done}}) {
		if job.Key != key && Recorded(job.Key) == Recorded(key) && job.Ended.After(ended) {
			earlier, ok, ended = job.Key, true, job.Ended
		}
	}
	return earlier, ok
}

// Length returns how long the recording of a transcription is, given the key of the job, if that is
// done and kept.
func (r *Recordings) Length(key string) (time.Duration, bool) {
	q, err := r.queue.Get()
	if err != nil {
		return 0, false
	}
	job, ok := q.Peek(key)
	if !ok {
		return 0, false
	}
	s, ok := ParseSummary(job.Summary)
	return time.Duration(s.LengthS * float64(time.Second)), ok
}

// Passage transcribes a part of the recording of a transcription, given the key of the job, as its
// project does now but for what is known of its language. An end of 0 stands for that of the recording.
func (r *Recordings) Passage(ctx context.Context, p *projects.Project, key string, channel int, start, end time.Duration, k *transcribe.Knowledge) (string, error) {
	var text string
	err := r.again(ctx, p, key, k, func(o *opened, split bool) error {
		t, err := o.transcriber.Transcribe(ctx, transcribe.Source{Path: o.Path, Name: o.Name},
			transcribe.Request{Request: asr.Request{Priority: priority.Background}, Start: start, End: end})
		if err != nil {
			return err
		}
		if split {
			t.Segments = slices.DeleteFunc(t.Segments, func(s transcript.Segment) bool { return s.Channel != channel })
		}
		text = t.Text()
		return nil
	})
	return text, err
}

// RowsOf returns the rows of a part of a recording's channel as KeptRows does, and some on either side. It
// runs the model for them. An end of 0 stands for that of the recording.
func (r *Recordings) RowsOf(ctx context.Context, p *projects.Project, key string, channel int, from, to timeline.Row) (rows *asr.KeptRows, err error) {
	err = r.again(ctx, p, key, nil, func(o *opened, _ bool) error {
		width, stored := o.recognizer.Contract().Width, map[int][]byte{}
		_, err := o.transcriber.Transcribe(ctx, transcribe.Source{Path: o.Path, Name: o.Name}, transcribe.Request{Start: from.Duration(), End: to.Duration(), Request: asr.Request{
			Priority: priority.Background, Candidates: true,
			Save: func(of int, start timeline.Row, rows *ctc.Saved) {
				if of == channel {
					stored[parts.Index(of, start)] = rows.Encode()
				}
			}}})
		if err != nil {
			return err
		}
		windows, err := parts.Channel(stored, channel, width)
		if err != nil || len(windows) == 0 {
			return errors.Join(err, ErrNoRows) // silence has none
		}
		// They start where the part does, and are joined as those of a recording are.
		first := slices.Min(slices.Collect(maps.Keys(windows)))
		moved := make(map[timeline.Row]ctc.Saved, len(windows))
		for start, w := range windows {
			moved[start-first] = w
		}
		if rows, err = o.recognizer.Stitch(moved); err == nil {
			rows.First += first
		}
		return err
	})
	return rows, err
}

// again opens the recording of a transcription, given the key of the job, as its project does now but for
// what is known of its language.
func (r *Recordings) again(ctx context.Context, p *projects.Project, key string, k *transcribe.Knowledge, do func(o *opened, split bool) error) error {
	q, err := r.queue.Get()
	if err != nil {
		return err
	}
	job, err := q.Get(ctx, key)
	if err != nil {
		return err
	}
	rec, err := parseRecording(job.Payload)
	if err != nil {
		return err
	}
	rec.Settings = p.Settings
	options, err := r.options(ctx, rec)
	if err != nil {
		return err
	}
	options.Knowledge = k
	o, err := r.open(ctx, rec, options, nil)
	if err != nil {
		return err
	}
	defer o.close()
	return do(o, options.Channels == audio.Split)
}

// Text returns a file of up to most bytes as a project gets its recordings: from where the project
// may, with its credentials. It asks anew each time.
func (r *Recordings) Text(ctx context.Context, p *labelstudio.Project, address string, most int) ([]byte, error) {
	g, err := r.fetcher.Peek(ctx, media.Request{Value: address, Project: p.ID, Login: p.Login, Password: p.Password}, most+1)
	if err != nil {
		return nil, err
	}
	if len(g.Head) > most {
		return nil, fmt.Errorf("%s has more than %d MB", g.Name, most>>20)
	}
	return g.Head, nil
}
