package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// node is an asr-backend as a child process, which is killed and started again.
type node struct {
	name string
	url  string
	dir  string // its data
	args []string
	env  []string
	run  *run
	wrap []string // a command that the program is an argument of

	mu    sync.Mutex // guards the fields below
	cmd   *exec.Cmd  // nil: not running
	done  chan struct{}
	code  int // exit status of the last life
	lives int // how often it was started
}

// freePort returns a port at which nothing listens.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}

// start starts the process, for the first time or again on what is left.
func (n *node) start() error {
	log, err := os.OpenFile(filepath.Join(n.run.dir, n.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	line := append(append(append([]string{}, n.wrap...), n.run.program), n.args...)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = n.env, log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	n.mu.Lock()
	n.cmd, n.done = cmd, done
	n.lives++
	n.mu.Unlock()
	go func() {
		_ = cmd.Wait() // the status is what counts
		n.mu.Lock()
		n.code = cmd.ProcessState.ExitCode()
		n.mu.Unlock()
		close(done)
	}()
	return nil
}

// kill ends the process as a power cut would, and waits until it is gone.
func (n *node) kill() {
	if n.signal(syscall.SIGKILL) {
		<-n.done
		n.run.mu.Lock()
		n.run.result.Kills++
		n.run.mu.Unlock()
	}
}

// stop ends the process in an orderly way and returns its exit status.
func (n *node) stop() (code int, err error) {
	if !n.signal(syscall.SIGTERM) {
		return n.code, nil
	}
	select {
	case <-n.done:
		return n.code, nil
	case <-time.After(20 * time.Second):
		n.end()
		return 0, errors.New("the process did not stop within 20 s of SIGTERM")
	}
}

// end ends the process if it runs.
func (n *node) end() {
	if n.signal(syscall.SIGKILL) {
		<-n.done
	}
}

// signal sends a signal, and reports whether there was a process.
func (n *node) signal(sig syscall.Signal) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cmd != nil && n.cmd.Process.Signal(sig) == nil
}

// alive reports whether the process runs.
func (n *node) alive() bool {
	n.mu.Lock()
	done := n.done
	n.mu.Unlock()
	select {
	case <-done:
		return false
	default:
		return true
	}
}

// client keeps no connections: the process behind them comes and goes.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}

// get reads a page; into may be nil.
func (n *node) get(ctx context.Context, path string, into any) (status int, err error) {
	r, err := http.NewRequestWithContext(ctx, "GET", n.url+path, nil)
	if err != nil {
		return 0, err
	}
	if n.user() {
		r.SetBasicAuth(user, password)
	}
	w, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	defer w.Body.Close()
	raw, err := io.ReadAll(w.Body)
	if err == nil && into != nil {
		err = json.Unmarshal(raw, into)
	}
	return w.StatusCode, err
}

// The credentials of nodes that ask for them.
const user, password = "label-studio", "secret"

// withPassword makes a node ask for credentials.
var withPassword = []string{"BASIC_AUTH_USER=" + user, "BASIC_AUTH_PASS=" + password}

func (n *node) user() bool { return strings.Contains(strings.Join(n.env, "\n"), withPassword[0]) }

// is reports whether a page answers 200 within a second.
func (n *node) is(path string) bool {
	ctx, cancel := context.WithTimeout(n.run, time.Second)
	defer cancel()
	status, err := n.get(ctx, path, nil)
	return err == nil && status == http.StatusOK
}

// ready waits until the process has a model and a queue.
func (n *node) ready() error {
	if _, ok := n.run.until(time.Minute, func() bool { return n.is("/ready") }); !ok {
		return fmt.Errorf("%s: /ready did not answer 200 within a minute", n.name)
	}
	return nil
}
