package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// moment is a copy of the data folder, and what Label Studio had when it was taken.
type moment struct {
	dir    string
	frozen bool // the process stood still meanwhile
	tasks  []int64
	has    map[int64]bool // tasks with a prediction
}

// copies takes copies of the data folder at random moments. Each is what a disk may hold after
// the power went. Then Label Studio is set back to that moment and the copy is started.
func copies(r *run) error {
	count, tasks := r.size(0, 3, 40), r.size(r.tasks, 30, 200)
	s, n, project, err := r.setup(nodeOptions{})
	if err != nil {
		return err
	}
	s.delayMedia(time.Second)
	var ids []int64
	var moments []moment
	for k := range count {
		batch, err := s.bring(project, r.mixed(max(1, tasks/count))...)
		if err != nil {
			return err
		}
		ids = append(ids, batch...)
		if err := r.sleep(r.between(0, 1500*time.Millisecond)); err != nil {
			return err
		}
		m := moment{dir: filepath.Join(r.dir, fmt.Sprintf("copy-%d", k)), frozen: k%2 == 0, tasks: append([]int64{}, ids...), has: map[int64]bool{}}
		if m.frozen {
			n.signal(syscall.SIGSTOP)
		}
		err = copyTree(m.dir, n.dir)
		// After the copy: what the copy holds as stored is there, as it is after a power cut.
		for _, id := range ids {
			m.has[id] = len(s.Predictions(id)) > 0
		}
		n.signal(syscall.SIGCONT)
		if err != nil {
			return err
		}
		moments = append(moments, m)
	}
	s.settle(n, project, ids, 3*time.Minute)
	n.end()
	refused := 0
	for _, m := range moments {
		ok, err := r.resume(s, project, m)
		if err != nil {
			return err
		}
		if !ok {
			refused++
		}
	}
	r.figure("%d copies started, half of them taken file by file from a process at work", count)
	if refused > 0 {
		r.figure("%d of those were refused as damaged", refused)
	}
	return nil
}

// resume starts a copy. ok is false if it was refused as damaged, which may only happen to
// copies that were taken file by file.
func (r *run) resume(s *studio, project int64, m moment) (ok bool, err error) {
	for _, id := range m.tasks {
		if !m.has[id] {
			s.DeletePredictions(id)
		}
	}
	n, err := s.newNode(nodeOptions{name: filepath.Base(m.dir), dir: m.dir})
	if err != nil {
		return false, err
	}
	s.set(n)
	if err := n.start(); err != nil {
		return false, err
	}
	defer n.end()
	if err := n.ready(); err != nil {
		if r.Err() != nil {
			return false, context.Cause(r)
		}
		p, _ := n.status(project) // of a process that may not answer
		if m.frozen || p.Store == "" {
			r.fault("%s: not ready, store: %q", n.name, p.Store)
		}
		return false, nil
	}
	s.settle(n, project, m.tasks, 2*time.Minute)
	return true, os.RemoveAll(m.dir)
}

// copyTree copies a folder in which files come and go.
func copyTree(to, from string) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		rel, relErr := filepath.Rel(from, path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil || relErr != nil:
			return errors.Join(err, relErr)
		case e.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		case !e.Type().IsRegular():
			return nil
		}
		content, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), content, 0o644)
	})
}
