package labelstudiotest

import (
	"encoding/json"
	"net/http"
)

// AddAnnotation adds an annotation and returns its identifier. No event is sent.
func (s *Server) AddAnnotation(a Annotation) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.assign(&a.ID)
	s.annotations.add(a)
	return a.ID
}

// Annotations returns the annotations of a task, the oldest first.
func (s *Server) Annotations(task int64) []Annotation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.annotations.owned(task)
}

// ForgetAnnotations deletes the annotations of a task. No event is sent.
func (s *Server) ForgetAnnotations(task int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.annotations.removeOwned(task)
}

// Annotate submits an annotation and sends the event ANNOTATION_CREATED.
func (s *Server) Annotate(task int64, result []json.RawMessage) int64 {
	id := s.AddAnnotation(Annotation{Task: task, Result: result})
	s.emitAnnotation("ANNOTATION_CREATED", id)
	return id
}

// UpdateAnnotation changes an annotation and sends the event ANNOTATION_UPDATED.
func (s *Server) UpdateAnnotation(id int64, result []json.RawMessage) {
	s.mu.Lock()
	s.annotations.rows[id].Result = result
	s.mu.Unlock()
	s.emitAnnotation("ANNOTATION_UPDATED", id)
}

// DeleteAnnotation deletes an annotation and sends the event ANNOTATIONS_DELETED.
func (s *Server) DeleteAnnotation(id int64) {
	s.mu.Lock()
	project := s.tasks.rows[s.annotations.rows[id].Task].Project
	s.annotations.remove(id)
	s.mu.Unlock()
	s.Emit(project, "ANNOTATIONS_DELETED", map[string]any{"annotations": []any{map[string]any{"id": id}}})
}

func (s *Server) emitAnnotation(action string, id int64) {
	s.mu.Lock()
	a := *s.annotations.rows[id]
	t := s.tasks.rows[a.Task]
	fields := map[string]any{"annotation": a.encode(t.Project), "task": s.encodeTask(t, false)}
	project := t.Project
	s.mu.Unlock()
	s.Emit(project, action, fields)
}

func (s *Server) listAnnotations(r request) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tasks.rows[r.number("task")]
	if t == nil {
		return s.missing("Task")
	}
	return reply{http.StatusOK, encodeAll(s.annotations.owned(t.ID), t.Project)}
}

func (s *Server) createAnnotation(r request) reply {
	s.mu.Lock()
	t := s.tasks.rows[r.number("task")]
	s.mu.Unlock()
	if t == nil {
		return s.missing("Task")
	}
	var in struct{ Result []json.RawMessage }
	if err := r.parse(&in); err != nil {
		return s.fail(http.StatusBadRequest, err.Error())
	}
	if in.Result == nil {
		return s.invalid("result", "This field is required.")
	}
	id := s.Annotate(t.ID, in.Result)
	return reply{http.StatusCreated, Annotation{id, t.ID, in.Result, false}.encode(t.Project)}
}
