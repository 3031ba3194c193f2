package progress

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/priority"
)

func left(p *Progress, key string) expected {
	return p.expect(nil, &jobs.Job{Key: key, State: jobs.Running, Attempted: time.Now().Add(-3 * time.Second)})
}

// advance transcribes so much audio at a speed.
func advance(r *Recording, audio time.Duration, speed float64) {
	const window = 20 * time.Second
	for end := r.Done + audio; r.Done < end; {
		time.Sleep(time.Duration(float64(window) / speed))
		r.Computed()
		r.Transcribed(r.Done + window)
	}
}

func TestTheEstimateFollowsTheSpeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(2)
		if e := left(p, "a"); e.measured || e.left != 3*time.Second || !strings.Contains(e.what, "downloaded") {
			t.Errorf("while it is downloaded: %+v", e)
		}
		r := p.Begin("a", priority.Batch, 1, 2, "a.wav")
		defer r.End(false)
		r.SetLength(2 * time.Hour)
		time.Sleep(time.Second)
		// What an earlier attempt has stored is there at once.
		r.Transcribed(time.Hour)
		if e := left(p, "a"); e.measured || e.left != time.Second {
			t.Errorf("nothing is computed yet: %+v", e)
		}
		advance(r, 10*time.Minute, 100)
		if e := left(p, "a"); !e.measured || e.left.Round(time.Second) != 30*time.Second || !strings.Contains(e.what, "1:10:00 of 2:00:00 are done, and the rest takes about 30 s") {
			t.Errorf("at a hundred times real time: %+v", e)
		}
		// It shares the machine with others now.
		advance(r, 10*time.Minute, 20)
		if e := left(p, "a"); e.left.Round(time.Second) != 2*time.Minute {
			t.Errorf("at twenty times real time: %+v", e)
		}
		// It waits for its turn: the estimate grows.
		r.SetWaiting(true)
		time.Sleep(10 * time.Second)
		if e := left(p, "a"); e.left < 150*time.Second {
			t.Errorf("after ten seconds without progress: %+v", e)
		}
	})
}

func TestARecordingThatBeginsIsExpectedToBeAsFastAsOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(2)
		first := p.Begin("a", priority.Batch, 1, 2, "a.wav")
		defer first.End(false)
		first.SetLength(2 * time.Hour)
		advance(first, 10*time.Minute, 60)
		imported, opened := p.Begin("b", priority.Batch, 1, 3, "b.wav"), p.Begin("c", priority.Opened, 1, 4, "c.wav")
		for _, r := range []*Recording{imported, opened} {
			r.SetLength(10 * time.Minute)
			defer r.End(false)
		}
		// The opened one goes first, the imported one shares with both.
		if e := left(p, "c"); !e.measured || e.left.Round(time.Second) != 10*time.Second {
			t.Errorf("opened: %+v", e)
		}
		if e := left(p, "b"); !e.measured || e.left.Round(time.Second) != 30*time.Second {
			t.Errorf("imported: %+v", e)
		}
	})
}

func TestWithoutALengthItIsExpectedToTakeThatLongAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(1)
		r := p.Begin("a", priority.Batch, 1, 2, "a.opus")
		defer r.End(false)
		advance(r, 10*time.Minute, 60)
		if e := left(p, "a"); e.measured || e.left.Round(time.Second) != 10*time.Second || !strings.Contains(e.what, "10:00 are done") {
			t.Errorf("%+v", e)
		}
	})
}

// queue opens a queue with jobs of two projects.
func openQueue(t *testing.T) *jobs.Queue {
	t.Helper()
	q, err := jobs.Open(t.Context(), jobs.Options{Dir: t.TempDir(), Reserve: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := q.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, key := range []string{"a", "b", "c"} {
		if _, _, err := q.Enqueue(t.Context(), jobs.Spec{Key: key, Project: "1", Kind: "transcribe", Class: priority.Batch}); err != nil {
			t.Fatal(err)
		}
	}
	return q
}

func TestWaitIsOverOnceTheQueueIsTooLong(t *testing.T) {
	q := openQueue(t)
	p := New(1)
	p.work = time.Hour // what a recording takes
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	sure := time.Now().Add(time.Hour) // no wait is unsure
	_, err := p.Wait(ctx, q, "c", sure)
	late, ok := errors.AsType[*LateError](err)
	if !ok || !late.Queued || !strings.Contains(late.What, "after 2 others") {
		t.Fatalf("the third: %v", err)
	}
	// What fails is not there before it is tried again.
	l, err := q.Take(ctx, "transcribe", priority.Batch)
	if err == nil {
		err = l.Retry(ctx, time.Hour, errors.New("the disk is full"))
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(ctx, q, "a", sure); err == nil || !strings.Contains(err.Error(), "the disk is full") || !strings.Contains(err.Error(), "about 60 min") {
		t.Errorf("one that failed: %v", err)
	}
	// What is done is there.
	l, err = q.Take(ctx, "transcribe", priority.Batch)
	if err == nil {
		err = l.Finish(ctx, []byte("said"))
	}
	if err != nil {
		t.Fatal(err)
	}
	if job, err := p.Wait(ctx, q, "b", sure); err != nil || job.State != jobs.Done {
		t.Errorf("one that is done: %+v, %v", job, err)
	}
	if _, err := p.Wait(ctx, q, "unknown", sure); !errors.Is(err, jobs.ErrNotFound) {
		t.Errorf("one that there is not: %v", err)
	}
}

// What the device did when its model was loaded stands in until a recording has shown how fast it
// is, and no longer.
func TestTheFirstRecordingIsExpectedToBeAsFastAsTheDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(1)
		r := p.Begin("a", priority.Batch, 1, 2, "a.wav")
		defer r.End(false)
		r.SetSpeed(50)
		r.SetLength(100 * time.Second)
		time.Sleep(500 * time.Millisecond)
		if e := left(p, "a"); !e.measured || e.left != 1500*time.Millisecond {
			t.Errorf("at first: %+v", e)
		}
		time.Sleep(3 * time.Second)
		if e := left(p, "a"); !e.measured || e.left != 0 {
			t.Errorf("a little late: %+v", e)
		}
		time.Sleep(time.Second)
		if e := left(p, "a"); e.measured {
			t.Errorf("far too late: %+v", e)
		}
	})
}

func TestADownloadIsExpectedToGoOnAsItDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(1)
		a := p.Fetch("a", 100)
		defer a.End()
		check := func(when string, measured bool, rest, perhaps time.Duration, what string) {
			t.Helper()
			if e := left(p, "a"); e.measured != measured || measured && e.left != rest || e.perhaps != perhaps || !strings.Contains(e.what, what) {
				t.Errorf("%s: %+v", when, e)
			}
		}
		time.Sleep(5 * time.Second) // the server thinks
		check("before the first byte", false, 0, 0, "downloaded and opened")
		a.Downloaded(0, 0)
		time.Sleep(time.Second)
		a.Downloaded(1e6, 0)
		check("of an unknown size", false, 0, 0, "downloaded and opened")
		a.Downloaded(0, 4e6) // by another route
		time.Sleep(100 * time.Millisecond)
		a.Downloaded(3e6, 4e6)
		check("a moment", false, 0, 0, "downloaded and opened")
		time.Sleep(900 * time.Millisecond)
		a.Downloaded(1e6, 4e6) // and again
		a.Downloaded(0, 4e6)
		time.Sleep(time.Second)
		a.Downloaded(1e6, 4e6)
		// 4 MB hold a thousand seconds of speech, unless it is compressed beyond all measure.
		check("a quarter", true, 3*time.Second, 10*time.Second, "1.0 of 4.0 MB are there, and the rest takes about 3 s")
		time.Sleep(3 * time.Second)
		check("a quarter, and nothing since", true, 12*time.Second, 10*time.Second, "takes about 12 s")
		a.Downloaded(4e6, 4e6)
		time.Sleep(time.Second)
		check("all", true, 0, 9*time.Second, "downloaded and opened")
		time.Sleep(time.Hour)
		check("all, and not opened since", false, 0, 0, "downloaded and opened")
		other := p.Fetch("a", 0) // the next attempt, of a model that is not loaded
		a.End()
		other.Downloaded(0, 4e6)
		time.Sleep(time.Second)
		other.Downloaded(2e6, 4e6)
		check("without a speed", true, time.Second, never, "2.0 of 4.0 MB")
		other.End()
		check("at last", false, 0, 0, "downloaded and opened")
	})
}

// The speed of a whole recording leaves out what an earlier attempt had done, and waits for turns.
func TestTheSpeedOfAWholeRecording(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(2)
		r := p.Begin("a", priority.Batch, 1, 2, "a.wav")
		defer r.End(true)
		r.SetLength(2 * time.Hour)
		r.Transcribed(time.Hour)
		if got := r.Speed(); got != 0 {
			t.Errorf("before anything is computed: %g", got)
		}
		advance(r, 10*time.Minute, 100)
		r.SetWaiting(true)
		time.Sleep(time.Minute)
		r.SetWaiting(false)
		advance(r, 10*time.Minute, 50)
		if got := r.Speed(); got < 66 || got > 67 { // 20 minutes in 18 s
			t.Errorf("%g times real time", got)
		}
		now, ok := p.Of("a")
		if !ok || now.Speed < 49 || now.Speed > 101 || now.LeftS <= 0 || now.Done != 80*time.Minute {
			t.Errorf("%+v", now)
		}
		if left, ok := p.Expected(nil, &jobs.Job{Key: "a", State: jobs.Running}); !ok || left <= 0 {
			t.Errorf("expected to take %v, %v", left, ok)
		}
		if _, ok := p.Of("b"); ok {
			t.Error("a recording that nobody transcribes is under way")
		}
	})
}
