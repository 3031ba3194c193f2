package labelstudiotest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// What Label Studio waits for an answer.
const (
	healthTime  = time.Second
	setupTime   = 3 * time.Second
	predictTime = 100 * time.Second
	eventTime   = time.Second
)

// hostname is what Label Studio takes for its own address unless LABEL_STUDIO_HOST is set.
const hostname = "http://localhost:8080"

// Call sends one request to a backend as Label Studio does, with JSON unless body is nil,
// and returns the status, the reason phrase and the body of the answer. limit is how long
// Label Studio waits; 0 is for ever.
func (s *Server) Call(b Backend, method, path string, body any, limit time.Duration) (status int, reason string, answer []byte, err error) {
	agent := "heartex/" + s.options.Version
	if path == "" { // a webhook's own address
		agent = "python-requests/2.34.2"
	}
	var raw []byte
	if body != nil {
		if raw, err = json.Marshal(body); err != nil {
			return 0, "", nil, fmt.Errorf("%s %s: %w", method, path, err)
		}
	}
	ctx := context.Background()
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(b.URL, "/")+path, bytes.NewReader(raw))
	if err != nil {
		return 0, "", nil, err
	}
	r.Header.Set("User-Agent", agent)
	r.Header.Set("Content-Type", "application/json")
	if b.User != "" && b.Password != "" {
		r.SetBasicAuth(b.User, b.Password)
	}
	w, err := s.options.Backends.RoundTrip(r)
	if err != nil {
		return 0, "", nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer w.Body.Close()
	answer, err = io.ReadAll(w.Body)
	reason = strings.TrimSpace(strings.TrimPrefix(w.Status, fmt.Sprint(w.StatusCode)))
	return w.StatusCode, reason, answer, err
}

// Refresh asks the first backend of a project for /health and /setup and keeps what it
// says, as Label Studio does before each request for predictions.
func (s *Server) Refresh(project int64) error {
	all := s.Backends(project)
	if len(all) == 0 {
		return fmt.Errorf("project %d has no backend", project)
	}
	err := s.refresh(&all[0])
	s.AddBackend(all[0])
	return err
}

// refresh asks a backend for /health and /setup.
func (s *Server) refresh(b *Backend) error {
	status, reason, _, err := s.Call(*b, "GET", "/health", nil, healthTime)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("disconnected: %d %s", status, reason)
	}
	if err != nil {
		b.State, b.Error = "DI", err.Error()
		return err
	}
	s.mu.Lock()
	p := s.projects.rows[b.Project]
	if p == nil {
		s.mu.Unlock()
		return fmt.Errorf("there is no project %d", b.Project)
	}
	body := map[string]any{"project": p.name(), "schema": p.Config, "hostname": hostname, "access_token": s.Token, "extra_params": b.extra()}
	s.mu.Unlock()
	status, reason, answer, err := s.Call(*b, "POST", "/setup", body, setupTime)
	var said struct {
		Version string `json:"model_version"`
	}
	switch {
	case err != nil:
	case status != http.StatusOK:
		err = fmt.Errorf("%d %s", status, reason)
	case json.Unmarshal(answer, &said) != nil || said.Version == "":
		err = fmt.Errorf("/setup answered %s", answer)
	}
	if err != nil {
		b.State, b.Error = "ER", err.Error()
		return err
	}
	b.State, b.Error, b.ModelVersion = "CO", "", said.Version
	return nil
}

// ask refreshes the backend of a project, asks it for the predictions of tasks and returns
// the answers by position.
func (s *Server) ask(project int64, tasks []map[string]any, context any) ([]json.RawMessage, error) {
	b := s.Backends(project)
	if len(b) == 0 {
		return nil, fmt.Errorf("project %d has no backend", project)
	}
	s.mu.Lock()
	p := s.projects.rows[project]
	body := map[string]any{
		"tasks": tasks, "project": p.name(), "label_config": p.Config,
		"params": map[string]any{"login": orNull(p.Login), "password": orNull(p.Password), "context": context},
	}
	s.mu.Unlock()
	status, reason, raw, err := s.Call(b[0], "POST", "/predict", body, predictTime)
	var answer struct{ Results []json.RawMessage }
	switch {
	case err != nil:
		return nil, err
	case status != http.StatusOK:
		return nil, fmt.Errorf("/predict: %d %s", status, reason)
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, fmt.Errorf("/predict: %w", err)
	}
	if len(answer.Results) != len(tasks) {
		s.errorf("/predict answered %d of %d tasks: %.300s", len(answer.Results), len(tasks), raw)
		return nil, errors.New("/predict answered another number of tasks")
	}
	return answer.Results, nil
}
