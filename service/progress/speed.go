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
