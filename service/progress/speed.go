package progress

import "time"

// speed measures how fast a recording gets on, over the last ten to twenty seconds: others begin
// and end, and it may have to wait for its turn.
type speed struct {
	counts    bool // what is done from now on
	from, mid mark
}

// mark is how far a recording was at a time.
type mark struct {
	at   time.Time
	done time.Duration
}

// recent is how old a mark is at least from which the speed is measured, once there is one.
const recent = 10 * time.Second

// note takes note of how far the recording is.
func (s *speed) note(now time.Time, done time.Duration) {
	switch {
	case !s.counts:
	case s.from.at.IsZero():
		s.from = mark{now, done}
		s.mid = s.from
	case now.Sub(s.mid.at) >= recent:
		s.from, s.mid = s.mid, mark{now, done}
	}
}

// of returns the speed, in seconds of audio a second, or 0 if it is not measured yet.
func (s *speed) of(now time.Time, done time.Duration) float64 {
	took := now.Sub(s.from.at)
	if s.from.at.IsZero() || took <= 0 || done <= s.from.done {
		return 0
	}
	return (done - s.from.done).Seconds() / took.Seconds()
}

// whole measures how fast a recording has been from its beginning on.
type whole struct {
	from    time.Duration // what an earlier attempt had done
	waited  time.Duration
	waiting time.Time // since when; zero: it does not wait
}

// wait notes that the recording begins or ends to wait for its turn.
func (w *whole) wait(now time.Time, begins bool) {
	if begins {
		w.waiting = now
		return
	}
	w.waited += now.Sub(w.waiting)
	w.waiting = time.Time{}
}

func (w *whole) speed(now, since time.Time, done time.Duration) float64 {
	took := now.Sub(since) - w.waited
	if !w.waiting.IsZero() {
		took -= now.Sub(w.waiting)
	}
	if took <= 0 || done <= w.from {
		return 0
	}
	return (done - w.from).Seconds() / took.Seconds()
}
