package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// commands runs programs and keeps a log of what they print.
type commands struct {
	program, dir string
	env          []string
	mu           sync.Mutex
	log          io.Writer
}

// newCommands gives programs a home of their own, and none of the settings of the machine's
// asr-backend.
func newCommands(o options, log io.Writer) *commands {
	c := &commands{program: o.program, dir: o.work, log: log}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "ASR_BACKEND_") && !strings.HasPrefix(v, "LABEL_STUDIO_") {
			c.env = append(c.env, v)
		}
	}
	c.env = append(c.env, "HOME="+o.work+"/home")
	if found := o.libraries; found != "" || o.provider == "cuda" {
		if found == "" {
			found = nvidiaLibraries()
		}
		c.env = append(c.env, "LD_LIBRARY_PATH="+strings.Trim(found+":"+os.Getenv("LD_LIBRARY_PATH"), ":"))
	}
	return c
}

// ended is a program that has ended.
type ended struct {
	code     int // -1: by a signal
	out, err string
	took     time.Duration
	peak     int64         // resident, bytes
	cpu      time.Duration // time of processors
	late     bool          // it was killed
}

// problem returns nil for status 0, else what the program said last.
func (e ended) problem() error {
	if e.code == 0 {
		return nil
	}
	last := "it said nothing"
	for line := range strings.Lines(e.out + "\n" + e.err) {
		if line = strings.TrimSpace(line); line != "" {
			last = line
		}
	}
	if len(last) > 400 {
		last = last[:400] + "..."
	}
	if e.late {
		return fmt.Errorf("it took too long; last it said: %s", last)
	}
	return fmt.Errorf("status %d: %s", e.code, last)
}

// crashed reports whether a program ended by a fault in itself.
func (e ended) crashed() bool {
	for _, s := range []string{"fatal error:", "panic:", "SIGSEGV", "SIGABRT", "goroutine "} {
		if strings.Contains(e.err, s) {
			return true
		}
	}
	return false
}

// asr runs asr-backend.
func (c *commands) asr(ctx context.Context, args ...string) (ended, error) {
	return c.run(ctx, c.program, args...)
}

// run runs a program until it ends or the context does, which kills it and its children. An error
// means that it could not be started.
func (c *commands) run(ctx context.Context, name string, args ...string) (ended, error) {
	p, err := c.start(ctx, name, args...)
	if err != nil {
		return ended{}, err
	}
	return p.wait(), nil
}

// process is a running program.
type process struct {
	c        *commands
	ctx      context.Context
	cmd      *exec.Cmd
	out, err bytes.Buffer
	began    time.Time
}

func (c *commands) start(ctx context.Context, name string, args ...string) (*process, error) {
	p := &process{c: c, ctx: ctx, cmd: exec.CommandContext(ctx, name, args...), began: time.Now()}
	p.cmd.Dir, p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = c.dir, c.env, &p.out, &p.err
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Cancel = func() error { return syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) }
	p.cmd.WaitDelay = 2 * time.Second
	return p, p.cmd.Start()
}

func (p *process) wait() ended {
	err := p.cmd.Wait()
	state := p.cmd.ProcessState
	e := ended{code: state.ExitCode(), out: p.out.String(), err: p.err.String(), took: time.Since(p.began),
		cpu: state.UserTime() + state.SystemTime(), late: p.ctx.Err() != nil}
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		e.peak = usage.Maxrss << 10
	}
	if err != nil && !errors.As(err, new(*exec.ExitError)) {
		e.err += "\n" + err.Error()
	}
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	fmt.Fprintf(p.c.log, "\n=== %s\n=== status %d, %.2f s\n%s\n%s\n", strings.Join(p.cmd.Args, " "), e.code, e.took.Seconds(), tail(e.out), tail(e.err))
	return e
}

// tail returns the end of what a program printed.
func tail(s string) string { return s[max(len(s)-20000, 0):] }
