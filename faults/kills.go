package main

import "time"

// lengths are those of recordings, in seconds: most are short, as most are that people cut.
var lengths = []float64{0.3, 1, 2, 3, 3, 5, 8, 8, 13, 20, 33, 60, 125, 300, 1200}

// mixed returns n lengths.
func (r *run) mixed(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = lengths[i%len(lengths)]
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.random.Shuffle(n, func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// kills kills the process again and again while tasks come by webhook and by request.
func kills(r *run) error {
	tasks, count := r.size(r.tasks, 40, 1200), r.size(r.options.kills, 12, 980)
	s, n, project, err := r.setup(nodeOptions{})
	if err != nil {
		return err
	}
	s.delayMedia(2 * time.Second)
	s.storing = func() time.Duration { return r.between(0, 300*time.Millisecond) }
	ready := 0
	var ids []int64
	todo := r.mixed(tasks)
	per := max(1, len(todo)/max(1, count*4/5))
	for k := range count {
		if some := min(per, len(todo)); some > 0 {
			batch, err := s.add(project, todo[:some]...)
			if err != nil {
				return err
			}
			todo, ids = todo[some:], append(ids, batch...)
			r.wg.Go(func() { s.announce(project, batch...) })
		}
		if k%5 == 4 {
			recent := ids[max(0, len(ids)-20):]
			s.ask(project, r.sample(recent, []int{1, 1, 10}[r.intn(3)])...)
		}
		pauses := [][2]time.Duration{{0, 400 * time.Millisecond}, {500 * time.Millisecond, 2500 * time.Millisecond}, {time.Second, 5 * time.Second}}
		pause := pauses[r.intn(len(pauses))]
		if err := r.sleep(r.between(pause[0], pause[1])); err != nil {
			return err
		}
		if n.is("/ready") {
			ready++
		}
		n.kill()
		if err := n.start(); err != nil {
			return err
		}
		if k%25 == 24 {
			t, _ := s.verdict(nil, ids)
			r.logf("%d kills: %d of %d have a prediction", k+1, t.One, t.Tried)
		}
	}
	batch, err := s.bring(project, todo...)
	if err != nil {
		return err
	}
	r.figure("%d kills when ready, %d before", ready, count-ready)
	s.settle(n, project, append(ids, batch...), 10*time.Minute)
	return nil
}

// sample returns at most n of some tasks.
func (r *run) sample(ids []int64, n int) []int64 {
	out := append([]int64{}, ids...)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.random.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out[:min(n, len(out))]
}
