package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// diskSize is that of the file system of the scene disk. The program keeps 64 MB free.
const diskSize = "400m"

// disk puts the data folder onto a small file system, fills it, and makes it read-only.
func disk(r *run) error {
	tasks, hold := r.size(r.tasks, 10, 30), time.Duration(r.size(0, 6, 30))*time.Second
	mount := filepath.Join(r.dir, "disk")
	if err := os.MkdirAll(mount, 0o755); err != nil {
		return err
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+diskSize, "tmpfs", mount).CombinedOutput(); err != nil {
		return errSkip(fmt.Sprintf("no right to mount: %v %.100s", err, out))
	}
	defer func() {
		r.end()
		if err := exec.Command("umount", mount).Run(); err != nil {
			r.fault("umount %s: %v", mount, err)
		}
	}()
	s, n, project, err := r.setup(nodeOptions{dir: filepath.Join(mount, "data")})
	if err != nil {
		return err
	}
	ids, err := s.bring(project, repeat(3, tasks)...)
	if err != nil {
		return err
	}
	filler := filepath.Join(mount, "filler")
	if err := fill(filler); err != nil {
		return err
	}
	more, err := s.bring(project, repeat(5, tasks)...) // refused: there is no room
	if err != nil {
		return err
	}
	ids = append(ids, more...)
	if err := r.sleep(hold); err != nil {
		return err
	}
	if p, err := n.status(project); err != nil || p.Store == "" {
		r.fault("the disk is full and /status does not say so: %v", err)
	}
	if err := os.Remove(filler); err != nil {
		return err
	}
	began := time.Now()
	if _, ok := r.until(time.Minute, func() bool { t, _ := s.verdict(nil, ids); return t.One == t.Tried }); !ok {
		r.fault("not all tasks have a prediction a minute after the disk has room again: %s", n.describe(project))
	}
	s.settle(n, project, ids, time.Second)
	r.figure("full for %.0f s, all there %.1f s after", hold.Seconds(), time.Since(began).Seconds())
	return r.readOnly(s, n, project, mount, hold)
}

// fill writes a file until there is no room for a byte.
func fill(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for size := 1 << 20; size > 0; size /= 16 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			return err
		}
	}
	return nil
}

// readOnly starts the process on a folder that it cannot write to.
func (r *run) readOnly(s *studio, n *node, project int64, mount string, hold time.Duration) error {
	n.kill()
	if out, err := exec.Command("mount", "-o", "remount,ro", mount).CombinedOutput(); err != nil {
		r.figure("not made read-only: %.100s", out)
		return nil
	}
	if err := n.start(); err != nil {
		return err
	}
	more, err := s.bring(project, repeat(8, 5)...)
	if err != nil {
		return err
	}
	if err := r.sleep(hold); err != nil {
		return err
	}
	if n.alive() {
		if p, err := n.status(project); err != nil || p.Store == "" {
			r.fault("the data folder is read-only and /status does not say so: %v", err)
		}
	}
	if out, err := exec.Command("mount", "-o", "remount,rw", mount).CombinedOutput(); err != nil {
		return fmt.Errorf("remount: %w %s", err, out)
	}
	began := time.Now()
	if !n.alive() {
		r.logf("the process ended on a read-only folder; it is started again")
		if err := n.start(); err != nil {
			return err
		}
	}
	s.settle(n, project, more, 2*time.Minute)
	r.figure("read-only for %.0f s, all there %.1f s after", hold.Seconds(), time.Since(began).Seconds())
	return nil
}
