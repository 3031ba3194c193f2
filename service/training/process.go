package training

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// niceness is how far the command steps back behind the service.
const niceness = 10

// command is a command line that is run in a process group of its own.
type command struct {
	line  string
	env   []string
	out   io.Writer     // standard output and standard error
	grace time.Duration // between SIGTERM and SIGKILL
}

// run runs the command until it ends. When ctx ends, all of its process group get SIGTERM, and SIGKILL
// after a while; so do those that outlive the shell. The error is that of exec.Cmd.Wait, or the cause
// of ctx.
func (c *command) run(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	read, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("run the training command: %w", err)
	}
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		_, _ = io.Copy(c.out, read) // it ends when the pipe is closed
	}()
	defer func() {
		_ = read.Close() // somebody who left the group may still hold the other end
		<-copied
	}()
	cmd := exec.Command("/bin/sh", "-c", c.line)
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = c.env, write, write, attributes()
	started, ended := make(chan error, 1), make(chan error, 1)
	go func() {
		// The child inherits the priority of its thread, and gets a signal when that ends: the thread
		// belongs to it, and ends with this function.
		runtime.LockOSThread()
		_ = unix.Setpriority(unix.PRIO_PROCESS, 0, niceness) // where this is forbidden all goes on as before
		err := cmd.Start()
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	}()
	err = <-started
	_ = write.Close()
	if err != nil {
		return fmt.Errorf("run the training command: %w", err)
	}
	group := cmd.Process.Pid
	select {
	case err = <-ended:
		c.end(group)
	case <-ctx.Done():
		c.end(group)
		<-ended
		err = context.Cause(ctx)
	}
	select {
	case <-copied: // all of it, if nobody holds the pipe any more
	case <-time.After(time.Second):
	}
	return err
}

// end ends a process group. It returns when nobody is left.
func (c *command) end(group int) {
	for start, sent := time.Now(), syscall.Signal(0); alive(group); time.Sleep(50 * time.Millisecond) {
		switch {
		case sent == 0:
			sent = unix.SIGTERM
		case sent == unix.SIGTERM && time.Since(start) > c.grace:
			sent = unix.SIGKILL
		case sent == unix.SIGKILL && time.Since(start) > 2*c.grace+time.Second:
			return // one that waits for a disk ends later
		default:
			continue
		}
		_ = unix.Kill(-group, sent) // they may have ended
	}
}

// exitStatus returns the exit status of a command that ended by itself; ok is false for one that a signal
// ended, or that did not run.
func exitStatus(err error) (status int, ok bool) {
	if err == nil {
		return 0, true
	}
	exit, is := errors.AsType[*exec.ExitError](err)
	if !is || !exit.Exited() {
		return 0, false
	}
	return exit.ExitCode(), true
}
