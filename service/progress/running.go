package progress

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/asr-backend/asr-backend/priority"
)

// Progress follows the recordings that this process transcribes. It is safe for concurrent use.
type Progress struct {
	mu       sync.Mutex // guards the fields below, and what is in running
	running  map[string]*Recording
	arriving map[string]*Arriving
	places   int
	rate     float64       // seconds of audio a second, of all recordings together; 0: not measured
	work     time.Duration // what a recording takes, on average; 0: not measured
	whole    float64       // as rate, of whole recordings from their beginning to their end
}

// Recording is one recording on its way.
type Recording struct {
	p     *Progress
	key   string
	class priority.Class
	Running
	speed  speed
	device float64
	whole  whole
}

// Running is a recording that is being transcribed, as /status shows it.
type Running struct {
	Project int64         `json:"project"`
	Task    int64         `json:"task"`
	File    string        `json:"file"`
	Since   time.Time     `json:"since"`
	Done    time.Duration `json:"-"`
	Length  time.Duration `json:"-"` // as far as it is known; zero if it is not
	DoneS   float64       `json:"transcribed_s"`
	LengthS float64       `json:"length_s,omitempty"`
	// Waiting says that it waits for its next turn.
	Waiting bool `json:"waiting,omitempty"`
	// Speed is that of its last seconds, in seconds of audio a second, and LeftS what is left at
	// this speed; 0: not known.
	Speed float64 `json:"speed,omitempty"`
	LeftS float64 `json:"left_s,omitempty"`
}

// New returns a Progress of which so many recordings are transcribed at once.
func New(places int) *Progress {
	return &Progress{running: map[string]*Recording{}, arriving: map[string]*Arriving{}, places: max(places, 1)}
}

// Resize changes how many recordings are transcribed at once.
func (p *Progress) Resize(places int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.places = max(places, 1)
}

// Begin follows the recording of a job from now on. The caller calls End.
func (p *Progress) Begin(key string, class priority.Class, project, task int64, file string) *Recording {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := &Recording{p: p, key: key, class: class, Running: Running{Project: project, Task: task, File: file, Since: time.Now()}}
	p.running[key] = r
	return r
}

// SetLength notes how long the recording is.
func (r *Recording) SetLength(d time.Duration) {
	r.p.mu.Lock()
	defer r.p.mu.Unlock()
	r.Length, r.LengthS = d, d.Seconds()
}

// SetSpeed notes how many seconds of audio the device computes in a second if it has nothing else
// to do; 0 if that is not known. It counts until a recording has shown how fast it is.
func (r *Recording) SetSpeed(device float64) {
	r.p.mu.Lock()
	defer r.p.mu.Unlock()
	r.device = device
}

// Computed notes that the model has run over a window. What was done before was stored by an
// earlier attempt, and says nothing about the speed.
func (r *Recording) Computed() {
	r.p.mu.Lock()
	defer r.p.mu.Unlock()
	if !r.speed.counts {
		r.speed.counts, r.whole.from = true, r.Done
	}
}

// Transcribed notes how far the recording is.
func (r *Recording) Transcribed(d time.Duration) {
	r.p.mu.Lock()
	defer r.p.mu.Unlock()
	r.Done, r.DoneS = d, d.Seconds()
	now := time.Now()
	r.speed.note(now, d)
	rate := 0.0
	for _, other := range r.p.running {
		if !other.Waiting {
			rate += other.speed.of(now, other.Done)
		}
	}
	if rate > 0 {
		r.p.rate = rate
	}
}

// SetClass notes that the job was raised to a class.
func (r *Recording) SetClass(class priority.Class) {
	r.p.mu.Lock()
	defer r.p.mu.Unlock()
	r.class = class
}

// SetWaiting notes whether the recording waits for its next turn.
func (r *Recording) SetWaiting(yes bool) {
	r.p.mu.Lock()
	defer r.p.mu.Unlock()
	if now := time.Now(); yes != r.Waiting {
		r.whole.wait(now, yes)
	}
	r.Waiting = yes
}

// Speed returns how fast the recording has been transcribed since Begin, in seconds of audio a
// second, without waits for turns and what an earlier attempt had done; 0 if that is not known.
func (r *Recording) Speed() float64 {
	r.p.mu.Lock()
	defer r.p.mu.Unlock()
	return r.whole.speed(time.Now(), r.Since, r.Done)
}

// End ends following the recording. done says that it has been transcribed.
func (r *Recording) End(done bool) {
	p := r.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running[r.key] == r {
		delete(p.running, r.key)
	}
	if !done {
		return
	}
	took := time.Since(r.Since)
	if p.work == 0 {
		p.work = took
	}
	p.work += (took - p.work) / 4
	if took > 0 {
		p.whole = r.Done.Seconds() / took.Seconds()
	}
}

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

// List returns what is being transcribed, the longest under way first.
func (p *Progress) List() []Running {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]Running, 0, len(p.running))
	now := time.Now()
	for _, r := range p.running {
		out = append(out, p.shown(r, now))
	}
	slices.SortFunc(out, func(a, b Running) int {
		if c := a.Since.Compare(b.Since); c != 0 {
			return c
		}
		return strings.Compare(a.File, b.File)
	})
	return out
}

// Of returns how far the recording of a job is; ok is false if it is not under way here.
func (p *Progress) Of(key string) (now Running, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.running[key]; r != nil {
		return p.shown(r, time.Now()), true
	}
	return Running{}, false
}

// shown is a recording with its speed as of now.
func (p *Progress) shown(r *Recording, now time.Time) Running {
	out := r.Running
	if speed := p.speed(r, now); speed > 0 {
		out.Speed = speed
		out.LeftS = max((r.Length-r.Done).Seconds(), 0) / speed
	}
	return out
}

// Left is how much audio is still to be transcribed, as far as lengths are known.
func (p *Progress) Left() time.Duration {
	left := time.Duration(0)
	for _, r := range p.List() {
		left += max(r.Length-r.Done, 0)
	}
	return left
}
