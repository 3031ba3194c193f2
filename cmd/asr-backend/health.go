package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/internal/cli"
	"github.com/asr-backend/asr-backend/internal/remote"
	"github.com/asr-backend/asr-backend/internal/without"
	"github.com/asr-backend/asr-backend/labelstudio"
)

// healthCommand asks a running service how it is, for container runtimes and scripts. The
// flags have the names and variables of serve, so that inside a container it needs none.
type healthCommand struct {
	URL   string `arg:"" optional:"" help:"Address of the service. Default: the address that serve uses on this machine."`
	Ready bool   `help:"Check that the service is ready to transcribe, not only that it responds."`

	Host string `help:"Address the service listens on." default:""`
	Port int    `help:"Port the service listens on." short:"p" default:"9090" min:"1" max:"65535" env:"ASR_BACKEND_PORT,PORT"`

	BasicUser     string             `help:"User name for HTTP Basic authentication." env:"BASIC_AUTH_USER"`
	BasicPassword labelstudio.Secret `help:"Password for HTTP Basic authentication." env:"BASIC_AUTH_PASS"`
}

// healthWithin bounds the question; health checks of containers are given about as long.
const healthWithin = 4 * time.Second

// Run prints the answer and returns an error unless it is a good one.
func (c *healthCommand) Run(ctx context.Context, std streams) error {
	target, err := c.target()
	if err != nil {
		return &cli.UsageError{Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, healthWithin)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return &cli.UsageError{Err: err}
	}
	if c.BasicUser != "" && target.User == nil {
		r.SetBasicAuth(c.BasicUser, c.BasicPassword.Reveal())
	}
	direct := &http.Client{Transport: &http.Transport{}} // a proxy would answer for itself
	w, err := direct.Do(r)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("no answer within %v", healthWithin)
		}
		return fmt.Errorf("%s: %w", target.Redacted(), without.URL(err))
	}
	defer w.Body.Close()
	body, err := io.ReadAll(io.LimitReader(w.Body, 4<<10))
	if err != nil {
		return fmt.Errorf("%s: %w", target.Redacted(), err)
	}
	answer := strings.TrimSpace(string(body))
	if w.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s %s", target.Redacted(), w.Status, answer)
	}
	_, err = fmt.Fprintln(std.out, answer)
	return err
}

// target is the address to ask.
func (c *healthCommand) target() (*url.URL, error) {
	u, ok := remote.Address(c.URL, c.Host, c.Port)
	if !ok {
		return nil, errors.New("the address is none with http:// or https://")
	}
	route := "health"
	if c.Ready {
		route = "ready"
	}
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), "/health")
	return u.JoinPath(route), nil
}
