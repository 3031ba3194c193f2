package labelstudiotest

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
)

// actions are those that reach the webhook of a project. START_TRAINING is sent to a
// backend whether or not there is a webhook.
var actions = []string{
	"PROJECT_UPDATED", "TASKS_CREATED", "TASKS_DELETED", "ANNOTATION_CREATED", "ANNOTATIONS_CREATED", "ANNOTATION_UPDATED",
	"ANNOTATIONS_DELETED", "LABEL_LINK_CREATED", "LABEL_LINK_UPDATED", "LABEL_LINK_DELETED", "PROJECT_CREATED", "PROJECT_DELETED",
}

// Webhook is a registered webhook. Events go to those that are active.
type Webhook struct {
	ID          int64 // 0: the next one
	Project     int64
	URL         string
	SendPayload bool
	AllActions  bool
	Actions     []string // unless AllActions
	Active      bool
}

// AddWebhook registers a webhook and returns its identifier.
func (s *Server) AddWebhook(w Webhook) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addWebhook(w)
}

func (s *Server) addWebhook(w Webhook) int64 {
	s.assign(&w.ID)
	s.webhooks.add(w)
	return w.ID
}

// Webhooks returns the webhooks of a project.
func (s *Server) Webhooks(project int64) []Webhook {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.webhooks.owned(project)
}

// ChangeWebhooks changes all webhooks of a project.
func (s *Server) ChangeWebhooks(project int64, change func(*Webhook)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.webhooks.of[project] {
		change(w)
	}
}

// DeleteWebhooks removes the webhooks of a project.
func (s *Server) DeleteWebhooks(project int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.webhooks.removeOwned(project)
}

// Emit sends an event of a project to its webhooks, with these fields beside action and
// project, and returns the status of the last answer; 0 is none. Label Studio looks at none.
// Actions that Label Studio does not have are sent too.
func (s *Server) Emit(project int64, action string, fields map[string]any) (status int) {
	for _, w := range s.Webhooks(project) {
		if !w.Active || !w.AllActions && !slices.Contains(w.Actions, action) {
			continue
		}
		body := map[string]any{"action": action}
		if w.SendPayload {
			maps.Copy(body, fields)
			s.mu.Lock()
			if p := s.projects.rows[project]; p != nil {
				body["project"] = s.encodeProject(p)
			}
			s.mu.Unlock()
		}
		// A webhook is an address of its own, without the backend's credentials.
		status, _, _, _ = s.Call(Backend{URL: w.URL}, "POST", "", body, eventTime)
	}
	return status
}

// EmitCreated sends the event of an import.
func (s *Server) EmitCreated(project int64, ids ...int64) (status int) {
	var tasks []any
	for _, id := range ids {
		tasks = append(tasks, s.Payload(id))
	}
	return s.Emit(project, "TASKS_CREATED", map[string]any{"tasks": tasks})
}

// EmitDeleted sends the event of tasks that were deleted.
func (s *Server) EmitDeleted(project int64, ids ...int64) (status int) {
	var tasks []any
	for _, id := range ids {
		tasks = append(tasks, map[string]any{"id": id})
	}
	return s.Emit(project, "TASKS_DELETED", map[string]any{"tasks": tasks})
}

// Train is the button Start Training. It goes to the first backend, with its credentials.
func (s *Server) Train(project int64) error {
	all := s.Backends(project)
	if len(all) == 0 {
		return fmt.Errorf("project %d has no backend", project)
	}
	s.mu.Lock()
	body := map[string]any{"action": "START_TRAINING", "project": s.encodeProject(s.projects.rows[project])}
	s.mu.Unlock()
	status, reason, _, err := s.Call(all[0], "POST", "/webhook", body, predictTime)
	if err == nil && status/100 != 2 {
		err = fmt.Errorf("/webhook: %d %s", status, reason)
	}
	return err
}

func (w Webhook) encode(int64) map[string]any {
	return map[string]any{
		"id": w.ID, "project": w.Project, "url": w.URL, "send_payload": w.SendPayload, "send_for_all_actions": w.AllActions,
		"headers": map[string]string{}, "is_active": w.Active, "actions": append([]string{}, w.Actions...),
	}
}

func (s *Server) listWebhooks(r request) reply {
	return reply{http.StatusOK, encodeAll(s.Webhooks(r.number("project")), 0)}
}

func (s *Server) createWebhook(r request) reply {
	in := struct {
		Project     int64    `json:"project"`
		URL         string   `json:"url"`
		SendPayload bool     `json:"send_payload"`
		AllActions  bool     `json:"send_for_all_actions"`
		Actions     []string `json:"actions"`
		Active      bool     `json:"is_active"`
	}{SendPayload: true, AllActions: true, Active: true}
	if err := r.parse(&in); err != nil {
		return s.fail(http.StatusBadRequest, err.Error())
	}
	wrong := map[string]any{}
	if !hasValidName(in.URL) {
		wrong["url"] = []string{"Enter a valid URL."}
	}
	for i, a := range in.Actions {
		if !slices.Contains(actions, a) {
			wrong["actions"] = map[string]any{fmt.Sprint(i): []string{fmt.Sprintf("%q is not a valid choice.", a)}}
		}
	}
	if len(wrong) > 0 {
		return s.invalidFields(wrong)
	}
	w := Webhook{Project: in.Project, URL: in.URL, SendPayload: in.SendPayload, AllActions: in.AllActions, Actions: in.Actions, Active: in.Active}
	w.ID = s.AddWebhook(w)
	return reply{http.StatusCreated, w.encode(0)}
}
