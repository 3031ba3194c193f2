package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"github.com/asr-backend/asr-backend/labelstudio"
)

// User is who the token belongs to.
type User struct {
	ID       int64  `json:"id"`
	Email    string `json:"email"`
	Username string `json:"username"`
}

// Whoami asks who the token belongs to: the cheapest way to try address and token.
func (c *Client) Whoami(ctx context.Context) (User, error) {
	var u User
	err := c.do(ctx, call{op: "ask who the token belongs to", method: http.MethodGet, path: "/api/current-user/whoami", reply: &u})
	return u, err
}

// Project is a project as the API shows it.
type Project struct {
	ID           int64  `json:"id"`
	Title        string `json:"title"`
	LabelConfig  string `json:"label_config"`
	ModelVersion string `json:"model_version"`
	Tasks        int    `json:"task_number"`
}

// Project returns one project.
func (c *Client) Project(ctx context.Context, id int64) (Project, error) {
	var p Project
	err := c.do(ctx, call{op: fmt.Sprintf("read project %d", id), method: http.MethodGet,
		path: fmt.Sprintf("/api/projects/%d/", id), reply: &p})
	return p, err
}

// SetModelVersion has a project use the predictions of a version. Label Studio refuses one that no prediction
// and no title of a backend has.
func (c *Client) SetModelVersion(ctx context.Context, project int64, version string) error {
	return c.do(ctx, call{op: fmt.Sprintf("select the version of predictions of project %d", project), method: http.MethodPatch,
		path: fmt.Sprintf("/api/projects/%d/", project), body: map[string]string{"model_version": version}})
}

// Projects returns all projects that the user can see. An error ends the sequence.
func (c *Client) Projects(ctx context.Context) iter.Seq2[Project, error] {
	return func(yield func(Project, error) bool) {
		const size = 100
		for page := 1; ; page++ {
			var reply struct {
				Count   int       `json:"count"`
				Results []Project `json:"results"`
			}
			err := c.do(ctx, call{op: "list projects", method: http.MethodGet, path: "/api/projects/",
				query: url.Values{"page": {strconv.Itoa(page)}, "page_size": {strconv.Itoa(size)}}, reply: &reply})
			if err != nil {
				yield(Project{}, err)
				return
			}
			for _, p := range reply.Results {
				if !yield(p, nil) {
					return
				}
			}
			if len(reply.Results) == 0 || page*size >= reply.Count {
				return
			}
		}
	}
}

// CreateProject makes a project with a labelling configuration, which Label Studio checks.
func (c *Client) CreateProject(ctx context.Context, title, config string) (Project, error) {
	var p Project
	err := c.do(ctx, call{op: "make a project", method: http.MethodPost, path: "/api/projects/",
		body: map[string]string{"title": title, "label_config": config}, reply: &p})
	return p, err
}

// Export writes a project's tasks with their annotations to w, as JSON in Label Studio's
// own format. Without all, tasks without annotations are left out.
func (c *Client) Export(ctx context.Context, project int64, all bool, w io.Writer) error {
	return c.do(ctx, call{op: fmt.Sprintf("export project %d", project), method: http.MethodGet,
		path:  fmt.Sprintf("/api/projects/%d/export", project),
		query: url.Values{"exportType": {"JSON"}, "download_all_tasks": {strconv.FormatBool(all)}}, stream: w})
}

// Backend is a machine learning backend as a project has it.
type Backend struct {
	ID           int64           `json:"id"`
	URL          string          `json:"url"`
	Title        string          `json:"title"`
	Project      int64           `json:"project"`
	State        string          `json:"state"` // CO connected, DI disconnected, ER error, ...
	Error        string          `json:"error_message"`
	ModelVersion string          `json:"model_version"`
	Interactive  bool            `json:"is_interactive"`
	ExtraParams  json.RawMessage `json:"extra_params"`
}

// Backends returns the backends of a project. Label Studio asks only the first.
func (c *Client) Backends(ctx context.Context, project int64) ([]Backend, error) {
	var list []Backend
	err := c.do(ctx, call{op: fmt.Sprintf("list the backends of project %d", project), method: http.MethodGet, path: "/api/ml/",
		query: url.Values{"project": {strconv.FormatInt(project, 10)}}, reply: &list})
	return list, err
}

// BackendSettings are what a backend is connected with. Zero fields are left out.
type BackendSettings struct {
	URL         string
	Title       string
	Project     int64
	Interactive *bool
	// User and Password make Label Studio use HTTP Basic authentication.
	User        string
	Password    labelstudio.Secret
	ExtraParams json.RawMessage
}

// connection is BackendSettings as the API takes them.
type connection struct {
	AuthMethod  string          `json:"auth_method,omitempty"`
	Password    string          `json:"basic_auth_pass,omitempty"`
	User        string          `json:"basic_auth_user,omitempty"`
	ExtraParams json.RawMessage `json:"extra_params,omitempty"`
	Interactive *bool           `json:"is_interactive,omitempty"`
	Project     int64           `json:"project,omitempty"`
	Title       string          `json:"title,omitempty"`
	URL         string          `json:"url,omitempty"`
}

// AddBackend connects a backend: Label Studio checks its address, asks it for /health and
// /setup, and registers a webhook. The backend may be saved even though this fails, when
// it is the webhook that is refused; look before trying again.
func (c *Client) AddBackend(ctx context.Context, s BackendSettings) (Backend, error) {
	body := connection{User: s.User, ExtraParams: s.ExtraParams, Interactive: s.Interactive, Project: s.Project, Title: s.Title, URL: s.URL}
	if s.User != "" {
		body.AuthMethod, body.Password = "BASIC_AUTH", s.Password.Reveal()
	}
	var b Backend
	err := c.do(ctx, call{op: "connect the backend", method: http.MethodPost, path: "/api/ml/", body: body, reply: &b})
	return b, err
}

// Webhook is a registered webhook.
type Webhook struct {
	ID          int64  `json:"id"`
	URL         string `json:"url"`
	Active      bool   `json:"is_active"`
	SendPayload bool   `json:"send_payload"`
	AllActions  bool   `json:"send_for_all_actions"`
}

// Webhooks returns the webhooks of a project.
func (c *Client) Webhooks(ctx context.Context, project int64) ([]Webhook, error) {
	var list []Webhook
	err := c.do(ctx, call{op: fmt.Sprintf("list the webhooks of project %d", project), method: http.MethodGet, path: "/api/webhooks/",
		query: url.Values{"project": {strconv.FormatInt(project, 10)}}, reply: &list})
	return list, err
}
