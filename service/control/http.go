package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/asr-backend/asr-backend/internal/jsonerr"
	"github.com/asr-backend/asr-backend/service/internal/back"
	"github.com/asr-backend/asr-backend/service/internal/reply"
	"github.com/asr-backend/asr-backend/service/overview"
)

// Route lists tasks. That of an action is Route, "/" and the action.
const Route = "/jobs"

// Actions are the handlers of what is done to tasks, by route.
func (c *Control) Actions() map[string]http.Handler {
	out := map[string]http.Handler{}
	for _, a := range []Action{Cancel, Retry, Prioritize} {
		out[Route+"/"+string(a)] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.act(w, r, a) })
	}
	return out
}

// List is what GET /jobs answers.
type List struct {
	Jobs      []overview.Task        `json:"jobs"`
	Total     int                    `json:"total"` // that match
	Counts    map[overview.State]int `json:"counts"`
	Attention int                    `json:"attention"` // how many of all tasks need somebody
}

// ServeHTTP answers GET with the tasks that a query matches, or with all about one.
func (c *Control) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	values := r.URL.Query()
	if values.Has("task") {
		c.show(w, r, values.Get("task"))
		return
	}
	query, err := overview.ParseQuery(values)
	if err != nil {
		reply.Error(w, http.StatusBadRequest, err)
		return
	}
	ids := c.Projects.List(r.Context())
	if values.Get("project") != "" {
		id, err := number(values.Get("project"))
		if err != nil {
			reply.Error(w, http.StatusBadRequest, fmt.Errorf("project=%w", err))
			return
		}
		if !slices.Contains(ids, id) {
			reply.Error(w, http.StatusNotFound, fmt.Errorf("project %d is not connected", id))
			return
		}
		ids = []int64{id}
	}
	q, err := c.queue(r.Context())
	if err != nil {
		reply.Error(w, http.StatusServiceUnavailable, err)
		return
	}
	page := c.Overview.Query(r.Context(), q, ids, query)
	reply.JSON(w, http.StatusOK, List{page.Tasks, page.Total, page.Counts, page.Attention})
}

func (c *Control) show(w http.ResponseWriter, r *http.Request, text string) {
	id, err := number(text)
	if err != nil {
		reply.Error(w, http.StatusBadRequest, fmt.Errorf("task=%w", err))
		return
	}
	detail, ok, err := c.Of(r.Context(), id)
	switch {
	case err != nil:
		reply.Error(w, http.StatusServiceUnavailable, err)
	case !ok:
		reply.Error(w, http.StatusNotFound, fmt.Errorf("task %d is not known: nobody has asked for it, or it belongs to a project that is not connected", id))
	default:
		reply.JSON(w, http.StatusOK, detail)
	}
}

// number reads the id of a task or a project.
func number(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("%q is not an id", text)
	}
	return n, nil
}

// act does something to the tasks of a request, whose body is bounded. Whoever serves it makes sure
// that the request does not come from a page of another site.
func (c *Control) act(w http.ResponseWriter, r *http.Request, action Action) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")) // one that cannot be read is none
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		reply.Error(w, http.StatusBadRequest, errors.New("the body broke off"))
		return
	}
	var s Selection
	form := url.Values{}
	switch kind {
	case "application/json":
		s, err = ParseJSON(raw)
	case "application/x-www-form-urlencoded":
		if form, err = url.ParseQuery(string(raw)); err == nil {
			s, err = ParseForm(form)
		}
	default:
		reply.Error(w, http.StatusUnsupportedMediaType, errors.New("send application/json or application/x-www-form-urlencoded"))
		return
	}
	if err != nil {
		reply.Error(w, http.StatusBadRequest, err)
		return
	}
	report, err := c.Do(r.Context(), action, s)
	var selection *SelectionError
	switch {
	case errors.As(err, &selection):
		reply.Error(w, http.StatusBadRequest, err)
	case err != nil:
		reply.Error(w, http.StatusServiceUnavailable, err)
	case form.Has(back.Field):
		back.To(w, Route+"/"+string(action), form.Get(back.Field))
	default:
		reply.JSON(w, http.StatusOK, report)
	}
}

// ParseJSON reads a selection.
func ParseJSON(raw []byte) (s Selection, err error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, fmt.Errorf("the body is not a selection of tasks: %w", jsonerr.Explain(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return s, errors.New("the body is not a selection of tasks: more follows it")
	}
	return s, nil
}

// ParseForm reads a selection: task and state may be repeated.
func ParseForm(form url.Values) (s Selection, err error) {
	for _, text := range form["task"] {
		id, err := number(text)
		if err != nil {
			return s, fmt.Errorf("task: %w", err)
		}
		s.Tasks = append(s.Tasks, id)
	}
	if text := form.Get("project"); text != "" {
		if s.Project, err = number(text); err != nil {
			return s, fmt.Errorf("project: %w", err)
		}
	}
	for _, text := range form["state"] {
		s.States = append(s.States, overview.State(text))
	}
	switch text := form.Get("force"); text {
	case "", "false":
	case "true":
		s.Force = true
	default:
		return s, fmt.Errorf("force: %q is neither true nor false", text)
	}
	return s, nil
}
