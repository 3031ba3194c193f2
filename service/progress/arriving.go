package progress

import (
	"fmt"
	"time"
)

// Arriving is a recording that is being fetched and opened.
type Arriving struct {
	p     *Progress
	key   string
	speed float64 // see Recording.SetSpeed
	mark  time.Time
	from  int64 // bytes at mark
	have  int64
	total int64     // 0: not known
	whole time.Time // when the last byte had come; zero before
}

// Fetch follows a recording of a job from now on until it is opened. speed is as that of
// SetSpeed. The caller calls End.
func (p *Progress) Fetch(key string, speed float64) *Arriving {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := &Arriving{p: p, key: key, speed: speed}
	p.arriving[key] = a
	return a
}

// Downloaded notes how many bytes have come, and of how many; total is 0 if that is not known.
func (a *Arriving) Downloaded(have, total int64) {
	a.p.mu.Lock()
	defer a.p.mu.Unlock()
	now := time.Now()
	if a.mark.IsZero() || have < a.have { // begun, or begun anew
		a.mark, a.from = now, have
	}
	a.have, a.total = have, total
	if a.whole = (time.Time{}); total > 0 && have >= total {
		a.whole = now
	}
}

// End ends following the recording.
func (a *Arriving) End() {
	a.p.mu.Lock()
	defer a.p.mu.Unlock()
	if a.p.arriving[a.key] == a {
		delete(a.p.arriving, a.key)
	}
}

const (
	// settling is how long a download has to have lasted for its speed to be known.
	settling = 300 * time.Millisecond
	// density is how many bytes a second of a recording has at least, but for rare ones: it is
	// that of speech at 32 kbit/s.
	density = 4000
)

// expect adds to e what is known about a recording that is being fetched, if its length is not
// known, but that it is at most what its bytes may hold. speed is 0 if it is not known.
func (a *Arriving) expect(e expected, now time.Time, speed float64) expected {
	took := now.Sub(a.mark)
	switch {
	case a.mark.IsZero(), a.total <= 0, a.whole.IsZero() && took < settling:
		return e
	case a.whole.IsZero():
		const mb = 1e6
		// The last byte may come late, but one that does not come makes the rest longer.
		e.left, e.measured = time.Duration(float64(took)*float64(a.total-a.have)/float64(max(a.have-a.from, 1))), true
		e.what = fmt.Sprintf("the recording is being downloaded: %.1f of %.1f MB are there, and the rest takes %s", float64(a.have)/mb, float64(a.total)/mb, about(e.left))
		if speed > 0 {
			e.perhaps = atSpeed(time.Duration(a.total)*time.Second/density, speed)
		} else {
			e.perhaps = never
		}
	default:
		e.left = now.Sub(a.whole)
		if e.guess(time.Duration(a.total)*time.Second/density, speed, e.left); e.measured {
			e.left, e.perhaps = 0, e.left
		}
	}
	return e
}
