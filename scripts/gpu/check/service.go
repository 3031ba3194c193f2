package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// signals stops the program at several moments of its start and its work, as Ctrl-C and as a
// supervisor do. It must end by itself, as interrupted, and must not crash: libraries for CUDA
// have handlers and threads of their own.
func (c *checker) signals(ctx context.Context) (string, error) {
	long, err := c.recording.long(ctx)
	if err != nil {
		return "", err
	}
	folder, err := c.recording.folder(ctx, "wav")
	if err != nil {
		return "", err
	}
	moments := []time.Duration{300, 1000, 2000, 4000}
	if c.quick {
		moments = []time.Duration{300, 1500}
	}
	var said []string
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		name := map[syscall.Signal]string{syscall.SIGINT: "Ctrl-C", syscall.SIGTERM: "SIGTERM"}[s]
		for _, m := range moments {
			after := m * time.Millisecond
			text, failure := c.interrupt(ctx, s, after, long, folder)
			said = append(said, fmt.Sprintf("%s after %v: %s", name, after, text))
			if failure != nil {
				err = errors.Join(err, fmt.Errorf("%s after %v: %w", name, after, failure))
			}
		}
	}
	return strings.Join(said, "; "), err
}

// interrupt sends a signal to the program a while after its start.
func (c *checker) interrupt(ctx context.Context, s syscall.Signal, after time.Duration, recordings ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, after+20*time.Second)
	defer cancel()
	args := append([]string{"transcribe", "-q", "-f", "json", "-o", filepath.Join(c.work, "interrupted")}, c.modelFlags(c.model, "fp32", 0)...)
	p, err := c.commands.start(ctx, c.commands.program, append(args, recordings...)...)
	if err != nil {
		return "", err
	}
	sent := make(chan time.Time, 1)
	timer := time.AfterFunc(after, func() {
		sent <- time.Now()
		p.cmd.Process.Signal(s) // it may have ended
	})
	e := p.wait()
	if timer.Stop() {
		return "it had ended", e.problem()
	}
	took := time.Since(<-sent)
	switch {
	case e.crashed():
		return "crash", errors.New("it crashed; see log.txt")
	case e.code == 0:
		return "it had ended", nil
	case e.code != 130:
		return "", e.problem()
	}
	return fmt.Sprintf("status 130 in %.1f s", took.Seconds()), nil
}

// service starts the service, waits until it is ready, asks it where its model is, and stops it.
func (c *checker) service(ctx context.Context) (said string, err error) {
	port, err := freePort()
	if err != nil {
		return "", err
	}
	args := append([]string{"serve", "--host", "127.0.0.1", "--port", fmt.Sprint(port), "--data-dir", filepath.Join(c.work, "data")}, c.modelFlags(c.model, "fp32", 0)...)
	p, err := c.commands.start(ctx, c.commands.program, args...)
	if err != nil {
		return "", err
	}
	ended := make(chan ended, 1)
	go func() { ended <- p.wait() }()
	began := time.Now()
	address := fmt.Sprintf("http://127.0.0.1:%d", port)
	for {
		if _, err := get(ctx, address+"/ready"); err == nil {
			break
		}
		select {
		case e := <-ended:
			return "", errors.Join(errors.New("the service has ended"), e.problem())
		case <-time.After(100 * time.Millisecond):
		}
	}
	said = fmt.Sprintf("ready after %.1f s", time.Since(began).Seconds())
	var status struct {
		Model struct {
			Provider, Reason, GPU string
			Difference            float64 `json:"gpu_difference"`
			Speed                 float64 `json:"gpu_rtfx"`
		}
	}
	raw, err := get(ctx, address+"/status")
	if err == nil {
		err = json.Unmarshal(raw, &status)
	}
	if m := status.Model; err == nil && m.Provider != c.provider {
		err = fmt.Errorf("/status says that the model is on %q: %s", m.Provider, m.Reason)
	} else if m.GPU != "" {
		said += fmt.Sprintf(", /status: %s, differs by %.2g, %.0fx", m.GPU, m.Difference, m.Speed)
	}
	stopped := time.Now()
	err = errors.Join(err, p.cmd.Process.Signal(syscall.SIGTERM))
	e := <-ended
	took := time.Since(stopped)
	said += fmt.Sprintf(", SIGTERM: status %d after %.1f s", e.code, took.Seconds())
	if e.crashed() {
		err = errors.Join(err, errors.New("it crashed; see log.txt"))
	}
	if took > 9*time.Second {
		err = errors.Join(err, errors.New("that is too late for Docker, which kills after 10 s"))
	}
	return said, errors.Join(err, e.problem())
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// get returns the body of an answer of status 200.
func get(ctx context.Context, address string) (_ []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", address, answer.Status)
	}
	return io.ReadAll(answer.Body)
}
