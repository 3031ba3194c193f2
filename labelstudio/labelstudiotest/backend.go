package labelstudiotest

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// Backend is a machine learning backend of a project.
type Backend struct {
	ID          int64 // 0: the next one
	Project     int64
	URL         string
	Title       string
	Interactive bool
	// User and Password make Label Studio use HTTP Basic authentication, except for events.
	User, Password string
	ExtraParams    json.RawMessage // what a person typed; empty: null
	// State is CO, connected, DI, disconnected, or ER, with Error to say why.
	State, Error string
	ModelVersion string // what /setup returned last
}

// AddBackend adds a backend as it is: nothing is asked, and no webhook is registered.
func (s *Server) AddBackend(b Backend) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addBackend(b)
}

func (s *Server) addBackend(b Backend) int64 {
	s.assign(&b.ID)
	s.backends.add(b)
	return b.ID
}

// Backends returns the backends of a project. Only the first is asked for predictions.
func (s *Server) Backends(project int64) []Backend {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.backends.owned(project)
}

// DeleteBackends removes the backends of a project. Their webhooks stay, as they do.
func (s *Server) DeleteBackends(project int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.backends.removeOwned(project)
}

// Connect does what "Validate and Save" does: it asks the backend for /health and /setup,
// keeps it, registers a webhook and asks again. A backend with the ID of one that is there
// changes that one; empty fields keep what they were. The error has the status and reason
// that the person sees; then nothing was kept.
func (s *Server) Connect(b Backend) (id int64, err error) {
	s.mu.Lock()
	if old := s.backends.rows[b.ID]; old != nil {
		b = merged(*old, b)
	}
	s.mu.Unlock()
	if err := s.refresh(&b); err != nil {
		return 0, err
	}
	s.mu.Lock()
	isNew := s.backends.rows[b.ID] == nil
	b.ID = s.addBackend(b)
	if isNew && hasValidName(b.URL) {
		s.addWebhook(Webhook{Project: b.Project, URL: strings.TrimSuffix(b.URL, "/") + "/webhook", SendPayload: true, AllActions: true, Active: true})
	}
	s.mu.Unlock()
	return b.ID, s.Refresh(b.Project)
}

// merged returns a backend with what was changed.
func merged(old, b Backend) Backend {
	for to, from := range map[*string]string{&old.URL: b.URL, &old.Title: b.Title, &old.User: b.User, &old.Password: b.Password} {
		if from != "" {
			*to = from
		}
	}
	if len(b.ExtraParams) > 0 {
		old.ExtraParams = b.ExtraParams
	}
	old.Interactive = old.Interactive || b.Interactive
	return old
}

// hasValidName reports whether a webhook's address is taken: Django wants a dot in a name
// that is neither "localhost" nor an IP address.
func hasValidName(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Hostname() == "localhost" || net.ParseIP(u.Hostname()) != nil || strings.Contains(u.Hostname(), "."))
}

func (b Backend) extra() any {
	if len(b.ExtraParams) == 0 {
		return nil
	}
	return b.ExtraParams
}

func (b Backend) encode(int64) map[string]any {
	return map[string]any{
		"id": b.ID, "project": b.Project, "url": b.URL, "title": b.Title, "is_interactive": b.Interactive, "state": b.State,
		"error_message": orNull(b.Error), "model_version": orNull(b.ModelVersion), "extra_params": b.extra(),
	}
}

func (s *Server) listBackends(r request) reply {
	return reply{http.StatusOK, encodeAll(s.Backends(r.number("project")), 0)}
}

// saveBackend connects a backend, new or known.
func (s *Server) saveBackend(r request) reply {
	var in struct {
		URL         string          `json:"url"`
		Title       string          `json:"title"`
		Project     int64           `json:"project"`
		Interactive bool            `json:"is_interactive"`
		User        string          `json:"basic_auth_user"`
		Password    string          `json:"basic_auth_pass"`
		ExtraParams json.RawMessage `json:"extra_params"`
	}
	if err := r.parse(&in); err != nil {
		return s.fail(http.StatusBadRequest, err.Error())
	}
	id := r.number("backend")
	s.mu.Lock()
	known := s.projects.rows[in.Project] != nil
	old := s.backends.rows[id]
	s.mu.Unlock()
	status := http.StatusCreated
	switch {
	case id != 0 && old == nil:
		return s.missing("MLBackend")
	case id != 0:
		status, in.Project = http.StatusOK, old.Project
	case in.Project == 0:
		return s.invalid("project", "This field is required.")
	case !known:
		return s.invalid("project", fmt.Sprintf(`Invalid pk "%d" - object does not exist.`, in.Project))
	}
	b := Backend{ID: id, Project: in.Project, URL: in.URL, Title: in.Title, Interactive: in.Interactive, User: in.User, Password: in.Password, ExtraParams: in.ExtraParams}
	id, err := s.Connect(b)
	if err != nil {
		return s.invalid("non_field_errors", fmt.Sprintf("Can't connect to ML backend %s: %v", in.URL, err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return reply{status, s.backends.rows[id].encode(0)}
}
