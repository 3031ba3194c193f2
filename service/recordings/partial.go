package recordings

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/transcribe"
	"github.com/asr-backend/asr-backend/transcript"
)

// Partial says what becomes of transcripts of what has been transcribed so far.
type Partial struct {
	// After returns from which length on recordings of a project have such transcripts; 0 means
	// that none has.
	After func(ctx context.Context, project int64) time.Duration
	// Store takes the transcript of a job that is under way. It is not called any more once the
	// job has ended.
	Store func(ctx context.Context, project int64, job string, t *transcript.Transcript) error
}

// parts makes transcripts of what has been transcribed so far of a recording: the first once that
// is long enough, and the next each time it has doubled. The windows are those that were stored,
// so that the model does not run; the recording is decoded once more up to there, which all
// together costs what decoding it twice costs.
type parts struct {
	r       *Recordings
	opened  *opened
	rec     *Recording
	job     string
	windows func(ctx context.Context) (map[int][]byte, error)

	next    time.Duration // how much has to be transcribed for the next one; 0: there is none
	busy    atomic.Bool
	running sync.WaitGroup
	ctx     context.Context // ends when the work on the recording does
	stop    context.CancelFunc
}

// parts returns the parts of a recording. The caller calls end.
func (r *Recordings) parts(ctx context.Context, rec *Recording, job string, o *opened, windows func(ctx context.Context) (map[int][]byte, error)) *parts {
	p := &parts{r: r, opened: o, rec: rec, job: job, windows: windows}
	p.ctx, p.stop = context.WithCancel(ctx)
	if r.partial.After != nil {
		p.next = r.partial.After(ctx, rec.ProjectID)
	}
	return p
}

// reached notes how far the recording is, and how long, zero if that is not known.
func (p *parts) reached(recognized timeline.Sample, length time.Duration) {
	done := recognized.Duration()
	if p.next <= 0 || done < p.next || length > 0 && done > length*9/10 || p.busy.Swap(true) {
		return
	}
	p.next = 2 * done
	p.running.Go(func() {
		defer p.busy.Store(false)
		if err := p.store(recognized); err != nil && p.ctx.Err() == nil {
			p.r.log.Warn("what has been transcribed so far is not stored", "job", p.job, "project", p.rec.ProjectID, "task", p.rec.TaskID, "error", err)
		}
	})
}

// end returns once nothing is being stored any more. What is on its way to Label Studio is not
// broken off: it would arrive later, beside what is stored for the whole recording.
func (p *parts) end() {
	p.stop()
	p.running.Wait()
}

// storing bounds how long the end of a transcription can wait for a part to be stored.
const storing = 20 * time.Second

func (p *parts) store(recognized timeline.Sample) error {
	stored, err := p.windows(p.ctx)
	if err != nil {
		return err
	}
	width, around := p.opened.recognizer.Contract().Width, p.opened.recognizer.Window().Context.Duration()
	// The part ends where the last window does that has been recognized, so that its windows are
	// those of the recording.
	var end timeline.Row
	load := func(channel int, start timeline.Row) []ctc.Row {
		rows, err := ctc.ParseRows(stored[windowIndex(channel, start)], width)
		if err != nil || len(rows) == 0 {
			return nil
		}
		return rows
	}
	for index := range stored {
		channel, start := index>>40, timeline.Row(index&(1<<40-1))
		if last := start + timeline.Row(len(load(channel, start))); last.Sample() <= recognized {
			end = max(end, last)
		}
	}
	if end.Duration() <= around {
		return nil
	}
	t, err := p.opened.transcriber.Transcribe(p.ctx, transcribe.Source{Path: p.opened.Path}, transcribe.Request{
		Request: asr.Request{Priority: priority.Background, Load: load}, End: end.Duration() - around})
	if err != nil {
		return err
	}
	t.Source = p.opened.Name
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), storing)
	defer cancel()
	return p.r.partial.Store(ctx, p.rec.ProjectID, p.job, t)
}
