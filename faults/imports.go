package main

import (
	"fmt"
	"time"
)

// imports crashes the process within imports, always at the same moment of its start, as a
// crash loop does.
func imports(r *run) error {
	tasks, count := r.size(r.tasks, 300, 3000), r.size(r.options.kills, 3, 6)
	s, n, project, err := r.setup(nodeOptions{})
	if err != nil {
		return err
	}
	for round := range r.size(0, 1, 2) {
		ids, err := s.bring(project, repeat(2, tasks)...)
		if err != nil {
			return err
		}
		for k := range count {
			n.kill()
			if round == 1 && k == count/2 {
				// What has been lost several times in a row rests before the next attempt.
				if err := r.sleep(35 * time.Second); err != nil {
					return err
				}
			}
			if err := n.start(); err != nil {
				return err
			}
			if err := r.sleep(1300 * time.Millisecond); err != nil {
				return err
			}
		}
		n.kill()
		t, _ := s.verdict(nil, ids)
		if err := n.start(); err != nil {
			return err
		}
		began := time.Now()
		s.settle(n, project, ids, 20*time.Minute)
		r.figure("%d of %d after the kills, all after %.0f s more", t.One, tasks, time.Since(began).Seconds())
	}
	return nil
}

// away imports tasks while the process is down, after an orderly stop and after a crash.
func away(r *run) error {
	tasks, times := r.size(r.tasks, 20, 50), r.size(0, 2, 10)
	s, n, project, err := r.setup(nodeOptions{})
	if err != nil {
		return err
	}
	ids, err := s.bring(project, repeat(2, tasks)...)
	if err != nil {
		return err
	}
	slowest := time.Duration(0)
	for k := range times {
		if k%2 == 0 {
			if code, err := n.stop(); err != nil || code != 0 {
				r.fault("SIGTERM: status %d, %v", code, err)
			}
		} else {
			n.kill()
		}
		batch, err := s.bring(project, repeat(3, tasks)...) // nobody listens
		if err != nil {
			return err
		}
		if ids = append(ids, batch...); r.sleep(3*time.Second) != nil {
			return r.Err()
		}
		began := time.Now()
		if err := n.start(); err != nil {
			return err
		}
		_, ok := r.until(time.Minute, func() bool { t, _ := s.verdict(nil, ids); return t.One == t.Tried })
		if took := time.Since(began); !ok {
			r.fault("tasks imported while the process was down are not all there a minute after its start: %s", n.describe(project))
		} else {
			slowest = max(slowest, took)
		}
	}
	r.figure("all there %.1f s after the start at the latest", slowest.Seconds())
	s.settle(n, project, ids, time.Minute)
	return nil
}

// config lets somebody save a wrong labelling configuration and a mistake in the settings,
// and correct them, while recordings wait.
func config(r *run) error {
	tasks, wrong := r.size(r.tasks, 15, 60), time.Duration(r.size(0, 6, 15))*time.Second
	s, n, project, err := r.setup(nodeOptions{})
	if err != nil {
		return err
	}
	s.delayMedia(2 * time.Second)
	ids, err := s.bring(project, repeat(3, tasks)...)
	if err != nil {
		return err
	}
	right := s.configure(project, `<View><Audio name="audio" value="$audio"/><Choices name="c" toName="audio"><Choice value="x"/></Choices></View>`)
	more, err := s.bring(project, repeat(5, tasks)...)
	if err != nil {
		return err
	}
	if err := r.sleep(wrong); err != nil {
		return err
	}
	s.Intercept(nil)
	s.configure(project, right)
	began := time.Now()
	ids = append(ids, more...)
	if err := s.mistake(project); err != nil {
		r.logf("what the person sees who made the mistake: %v", err)
	}
	more, err = s.bring(project, repeat(8, tasks)...)
	if err != nil {
		return err
	}
	if err := r.sleep(wrong); err != nil {
		return err
	}
	r.logf("with the mistake /status has %s", n.describe(project))
	corrected := time.Now()
	if err := s.correct(project); err != nil {
		return fmt.Errorf("settings corrected: %w", err)
	}
	s.settle(n, project, append(ids, more...), 3*time.Minute)
	r.figure("wrong for %.0f s; done %.1f s after the configuration, %.1f s after the settings were right", wrong.Seconds(), time.Since(began).Seconds(), time.Since(corrected).Seconds())
	return nil
}
