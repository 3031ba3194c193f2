package labelstudiotest

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
)

// Task is a task. What is in Data must not be changed.
type Task struct {
	ID      int64 // 0: the next one
	Project int64
	Data    map[string]any
}

// AddTasks adds tasks and returns their identifiers. No event is sent.
func (s *Server) AddTasks(project int64, data ...map[string]any) []int64 {
	var ids []int64
	for _, d := range data {
		ids = append(ids, s.AddTask(Task{Project: project, Data: d}))
	}
	return ids
}

// AddTask adds one task, as AddTasks does.
func (s *Server) AddTask(t Task) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.assign(&t.ID)
	s.tasks.add(t)
	return t.ID
}

// Import adds tasks and sends the event TASKS_CREATED.
func (s *Server) Import(project int64, data ...map[string]any) []int64 {
	ids := s.AddTasks(project, data...)
	s.EmitCreated(project, ids...)
	return ids
}

// Tasks returns the tasks of a project, the oldest first.
func (s *Server) Tasks(project int64) []Task {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tasks.owned(project)
}

// Data returns the data of a task, and nil if there is no such task.
func (s *Server) Data(id int64) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.tasks.rows[id]; t != nil {
		return maps.Clone(t.Data)
	}
	return nil
}

// Payload returns a task as events hold it.
func (s *Server) Payload(id int64) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.encodeTask(s.tasks.rows[id], false)
}

// SetData replaces the data of a task. No event is sent.
func (s *Server) SetData(id int64, data map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tasks.rows[id].Data = data
}

// DeleteTasks deletes tasks with what belongs to them. No event is sent.
func (s *Server) DeleteTasks(ids ...int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		s.deleteTask(id)
	}
}

func (s *Server) deleteTask(id int64) {
	s.tasks.remove(id)
	s.predictions.removeOwned(id)
	s.annotations.removeOwned(id)
}

// encodeTask writes a task as requests to backends hold it, with the lock held. Events
// leave its history out.
func (s *Server) encodeTask(t *Task, history bool) map[string]any {
	predictions, annotations := s.predictions.owned(t.ID), s.annotations.owned(t.ID)
	out := map[string]any{
		"id": t.ID, "project": t.Project, "data": t.Data, "meta": map[string]any{}, "overlap": 1,
		"is_labeled": len(annotations) > 0, "total_predictions": len(predictions), "total_annotations": len(annotations), "cancelled_annotations": 0,
	}
	if history {
		out["predictions"], out["annotations"] = encodeAll(predictions, t.Project), encodeAll(annotations, t.Project)
	}
	return out
}

func (s *Server) listTasks(r request) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := r.number("project")
	switch {
	case id == 0 && r.number("view") != 0:
		s.errorf("%s: there are no views; name the project", r.URL)
		return s.missing("View")
	case id == 0:
		return reply{http.StatusNotFound, map[string]string{"detail": "Neither project nor view id specified"}}
	case s.projects.rows[id] == nil:
		return s.missing("Project")
	}
	tasks, byVersion, err := s.choose(id, r.URL.Query())
	if err != nil {
		return s.fail(http.StatusInternalServerError, err.Error())
	}
	first, last, ok := page(r, len(tasks), 100)
	if !ok {
		return s.fail(http.StatusNotFound, "Invalid page.")
	}
	all := r.URL.Query().Get("fields") == "all"
	list, predictions, annotations := []any{}, 0, 0
	for i, t := range tasks {
		predictions += len(s.predictions.of[t.ID])
		annotations += len(s.annotations.of[t.ID])
		if i < first || i >= last {
			continue
		}
		// What is neither asked for nor filtered or ordered by is left out or empty.
		row := s.encodeTask(t, all)
		row["predictions_model_versions"] = ""
		if all || byVersion {
			row["predictions_model_versions"] = strings.Join(s.versions(t.ID), ",")
		}
		list = append(list, row)
	}
	return reply{http.StatusOK, map[string]any{"total": len(tasks), "total_predictions": predictions, "total_annotations": annotations, "tasks": list}}
}

// getTask opens a task, which may ask the backend for predictions.
func (s *Server) getTask(r request) reply {
	id := r.number("task")
	_, _ = s.Open(id) // nobody sees why there is no prediction
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tasks.rows[id]
	if t == nil {
		return s.missing("Task")
	}
	return reply{http.StatusOK, s.encodeTask(t, true)}
}

func (s *Server) patchTask(r request) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tasks.rows[r.number("task")]
	if t == nil {
		return s.missing("Task")
	}
	var change struct{ Data map[string]any }
	if err := r.parse(&change); err != nil {
		return s.fail(http.StatusBadRequest, err.Error())
	}
	if change.Data != nil {
		t.Data = change.Data // all of it
	}
	return reply{http.StatusOK, s.encodeTask(t, true)}
}

// removeTask deletes a task and sends the event TASKS_DELETED.
func (s *Server) removeTask(r request) reply {
	s.mu.Lock()
	t := s.tasks.rows[r.number("task")]
	s.mu.Unlock()
	if t == nil {
		return s.missing("Task")
	}
	s.DeleteTasks(t.ID)
	s.EmitDeleted(t.Project, t.ID)
	return reply{status: http.StatusNoContent}
}

// importTasks takes tasks with or without "data" around their data.
func (s *Server) importTasks(r request) reply {
	project := r.number("project")
	s.mu.Lock()
	known := s.projects.rows[project] != nil
	s.mu.Unlock()
	if !known {
		return s.missing("Project")
	}
	var list []map[string]any
	if err := json.Unmarshal(r.body, &list); err != nil {
		var one map[string]any
		if err := r.parse(&one); err != nil {
			return s.fail(http.StatusBadRequest, err.Error())
		}
		list = append(list, one)
	}
	for i, item := range list {
		if data, ok := item["data"].(map[string]any); ok {
			list[i] = data
		}
	}
	body := map[string]any{"annotation_count": 0, "prediction_count": 0, "file_upload_ids": []any{}, "could_be_tasks_list": false}
	ids := s.Import(project, list...)
	body["task_count"] = len(ids)
	if r.URL.Query().Get("return_task_ids") == "true" {
		body["task_ids"] = ids
	}
	return reply{http.StatusCreated, body}
}

func (s *Server) exportTasks(r request) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, list := r.number("project"), []any{}
	if s.projects.rows[id] == nil {
		return s.missing("Project")
	}
	for _, t := range s.tasks.of[id] {
		if len(s.annotations.of[t.ID]) > 0 || r.URL.Query().Get("download_all_tasks") == "true" {
			row := s.encodeTask(t, true)
			ids := []int64{}
			for _, p := range s.predictions.of[t.ID] {
				ids = append(ids, p.ID)
			}
			row["predictions"] = ids // the annotations whole, the predictions by number
			delete(row, "is_labeled")
			delete(row, "overlap")
			list = append(list, row)
		}
	}
	return reply{http.StatusOK, list}
}
