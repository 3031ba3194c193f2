package labelstudiotest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
)

// Prediction is a stored prediction.
type Prediction struct {
	ID      int64             `json:"id"` // 0: the next one
	Task    int64             `json:"task"`
	Version string            `json:"model_version"`
	Score   float64           `json:"score"`
	Result  []json.RawMessage `json:"result"`

	scoreless bool // the API shows null
}

// Annotation is an annotation of the one user.
type Annotation struct {
	ID     int64             `json:"id"` // 0: the next one
	Task   int64             `json:"task"`
	Result []json.RawMessage `json:"result"`
	// Skipped says that the annotator skipped the task.
	Skipped bool `json:"was_cancelled,omitempty"`
}

// AddPrediction stores a prediction and returns its identifier.
func (s *Server) AddPrediction(p Prediction) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.assign(&p.ID)
	if s.tasks.rows[p.Task] == nil {
		s.errorf("a prediction of task %d, which does not exist", p.Task)
	}
	s.predictions.add(p)
	return p.ID
}

// Predictions returns the predictions of a task, the oldest first.
func (s *Server) Predictions(task int64) []Prediction {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.predictions.owned(task)
}

// DeletePredictions deletes the predictions of a task.
func (s *Server) DeletePredictions(task int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.predictions.removeOwned(task)
}

// versions returns the versions of a task's predictions, each once.
func (s *Server) versions(task int64) []string {
	var out []string
	for _, p := range s.predictions.of[task] {
		if p.Version != "" {
			out = append(out, p.Version)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (p Prediction) encode(project int64) map[string]any {
	out := map[string]any{"id": p.ID, "task": p.Task, "project": project, "model_version": p.Version, "score": p.Score, "result": list(p.Result), "cluster": nil, "neighbors": nil}
	if p.scoreless {
		out["score"] = nil
	}
	return out
}

func (a Annotation) encode(project int64) map[string]any {
	return map[string]any{"id": a.ID, "task": a.Task, "project": project, "completed_by": 1, "result": list(a.Result), "was_cancelled": a.Skipped, "ground_truth": false}
}

func encodeAll[T interface{ encode(int64) map[string]any }](all []T, project int64) []map[string]any {
	out := []map[string]any{}
	for _, one := range all {
		out = append(out, one.encode(project))
	}
	return out
}

func list(result []json.RawMessage) []json.RawMessage {
	if result == nil {
		return []json.RawMessage{}
	}
	return result
}

func (s *Server) listPredictions(r request) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := r.URL.Query()
	for name, known := range map[string]bool{"task": s.tasks.rows[r.number("task")] != nil, "project": s.projects.rows[r.number("project")] != nil} {
		if q.Has(name) && !known {
			return s.invalid(name, "Select a valid choice. That choice is not one of the available choices.")
		}
	}
	out := []any{}
	for _, p := range s.predictions.all() {
		project := s.tasks.rows[p.Task].Project
		if (!q.Has("task") || p.Task == r.number("task")) && (!q.Has("project") || project == r.number("project")) {
			out = append(out, p.encode(project))
		}
	}
	return reply{http.StatusOK, out}
}

// taken is a prediction as the API takes it.
type taken struct {
	Task    int64             `json:"task"`
	Version json.RawMessage   `json:"model_version"`
	Score   *float64          `json:"score"`
	Result  []json.RawMessage `json:"result"`
}

// prediction returns what is stored of it. A version that is not given is absent.
func (t taken) prediction(absent string) Prediction {
	p := Prediction{Task: t.Task, Version: absent, Result: t.Result, scoreless: t.Score == nil}
	if t.Score != nil {
		p.Score = *t.Score
	}
	_ = json.Unmarshal(t.Version, &p.Version) // checked or absent
	return p
}

func (s *Server) createPrediction(r request) reply {
	var in taken
	if err := r.parse(&in); err != nil {
		return s.fail(http.StatusBadRequest, err.Error())
	}
	s.mu.Lock()
	t := s.tasks.rows[in.Task]
	s.mu.Unlock()
	switch {
	case t == nil:
		return s.invalid("task", fmt.Sprintf(`Invalid pk "%d" - object does not exist.`, in.Task))
	case in.Result == nil:
		return s.invalid("result", "This field is required.")
	case string(in.Version) == "null":
		return s.invalid("model_version", "This field may not be null.")
	}
	p := in.prediction("")
	p.ID = s.AddPrediction(p)
	return reply{http.StatusCreated, p.encode(t.Project)}
}

// importPredictions stores all, or none if a task is not the project's.
func (s *Server) importPredictions(r request) reply {
	var in []taken
	if err := r.parse(&in); err != nil {
		return s.fail(http.StatusBadRequest, err.Error())
	}
	project := r.number("project")
	s.mu.Lock()
	known := s.projects.rows[project] != nil
	bad := slices.IndexFunc(in, func(t taken) bool { return s.tasks.rows[t.Task] == nil || s.tasks.rows[t.Task].Project != project })
	s.mu.Unlock()
	switch {
	case !known:
		return s.missing("Project")
	case bad >= 0:
		return s.invalid("non_field_errors", fmt.Sprintf(`{'task': %d} contains invalid "task" field: corresponding task ID couldn't be retrieved from project tasks`, in[bad].Task))
	}
	for _, t := range in {
		s.AddPrediction(t.prediction("undefined"))
	}
	return reply{http.StatusCreated, map[string]int{"created": len(in)}}
}

func (s *Server) patchPrediction(r request) reply {
	var in taken
	if err := r.parse(&in); err != nil {
		return s.fail(http.StatusBadRequest, err.Error())
	}
	if string(in.Version) == "null" {
		return s.invalid("model_version", "This field may not be null.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.predictions.rows[r.number("prediction")]
	if p == nil {
		return s.missing("Prediction")
	}
	now := in.prediction(p.Version)
	now.ID = p.ID
	if now.Task == 0 {
		now.Task = p.Task
	}
	if in.Result == nil {
		now.Result = p.Result
	}
	if in.Score == nil {
		now.Score, now.scoreless = p.Score, p.scoreless
	}
	s.predictions.add(now)
	return reply{http.StatusOK, now.encode(s.tasks.rows[now.Task].Project)}
}

func (s *Server) deletePrediction(r request) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := r.number("prediction")
	if s.predictions.rows[id] == nil {
		return s.missing("Prediction")
	}
	s.predictions.remove(id)
	return reply{status: http.StatusNoContent}
}
