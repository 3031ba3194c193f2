package labelstudiotest

import (
	"encoding/json"
	"fmt"
	"time"
)

// Retrieve is the action Retrieve Predictions: one request with all tasks that have no
// prediction of the backend's version. It returns how many predictions were stored, and
// what went wrong, which a person at the page does not see.
func (s *Server) Retrieve(project int64, ids ...int64) (stored int, err error) {
	if err := s.Refresh(project); err != nil {
		return 0, err
	}
	version := s.Backends(project)[0].ModelVersion
	var asked []int64
	var tasks []map[string]any
	s.mu.Lock()
	for _, id := range ids {
		has := false
		for _, p := range s.predictions.of[id] {
			has = has || p.Version == version
		}
		if t := s.tasks.rows[id]; t != nil && !has {
			asked = append(asked, id)
			tasks = append(tasks, s.encodeTask(t, true))
		}
	}
	s.mu.Unlock()
	if len(tasks) == 0 {
		return 0, nil
	}
	return s.predict(project, asked, tasks)
}

// Snapshot is the tasks of a request for predictions, as they were when it was made.
type Snapshot struct {
	project int64
	ids     []int64
	tasks   []map[string]any
}

// Snapshot reads tasks for a request that RetrieveFrom sends later: Label Studio may have
// read a task before a prediction of it was stored, and ask after that.
func (s *Server) Snapshot(project int64, ids ...int64) Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := Snapshot{project, ids, nil}
	for _, id := range ids {
		out.tasks = append(out.tasks, s.encodeTask(s.tasks.rows[id], true))
	}
	return out
}

// RetrieveFrom asks for predictions of tasks as they were, and stores what is answered.
func (s *Server) RetrieveFrom(old Snapshot) (stored int, err error) {
	return s.predict(old.project, old.ids, old.tasks)
}

// Open is a visit of a task, which asks for predictions if there are none at all.
func (s *Server) Open(id int64) (stored int, err error) {
	s.mu.Lock()
	t := s.tasks.rows[id]
	has := len(s.predictions.of[id]) > 0
	s.mu.Unlock()
	if t == nil || has || len(s.Backends(t.Project)) == 0 {
		return 0, nil
	}
	return s.Retrieve(t.Project, id)
}

// predict asks for predictions and stores each as a new row.
func (s *Server) predict(project int64, ids []int64, tasks []map[string]any) (stored int, err error) {
	results, err := s.ask(project, tasks, nil)
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	storing := s.storing
	s.mu.Unlock()
	time.Sleep(storing)
	for i, raw := range results {
		var many []json.RawMessage
		if err := json.Unmarshal(raw, &many); err != nil {
			many = []json.RawMessage{raw}
		}
		for _, raw := range many {
			if without(raw, "result") {
				continue // it is logged and not stored
			}
			var p Prediction
			if err := json.Unmarshal(raw, &p); err != nil {
				s.errorf("task %d: result %.300s: %v", ids[i], raw, err)
				continue
			}
			if p.Version == "" || p.Result == nil {
				s.errorf("task %d: incomplete prediction %.300s", ids[i], raw)
			}
			p.ID, p.Task = 0, ids[i]
			s.AddPrediction(p)
			stored++
		}
	}
	return stored, nil
}

// without reports whether raw is an object that has no such key.
func without(raw json.RawMessage, key string) bool {
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil {
		return false
	}
	_, ok := object[key]
	return !ok
}

// Test is the button Send Test Request: it sends a task as it is, with its predictions, shows
// what is answered, and stores nothing.
func (s *Server) Test(id int64) (answer json.RawMessage, err error) {
	s.mu.Lock()
	t := s.tasks.rows[id]
	encoded := s.encodeTask(t, true)
	s.mu.Unlock()
	results, err := s.ask(t.Project, []map[string]any{encoded}, nil)
	if err != nil {
		return nil, err
	}
	return results[0], nil
}

// Interact is an annotator's page with Auto-Annotation: it sends all regions of a task and
// gets one prediction, which is not stored.
func (s *Server) Interact(task int64, regions []any) (Prediction, error) {
	s.mu.Lock()
	t := *s.tasks.rows[task]
	encoded := s.encodeTask(&t, true)
	s.mu.Unlock()
	encoded["drafts"] = []any{}
	delete(encoded, "overlap")
	delete(encoded, "is_labeled")
	if err := s.Refresh(t.Project); err != nil {
		return Prediction{}, err
	}
	results, err := s.ask(t.Project, []map[string]any{encoded}, map[string]any{"result": regions})
	if err != nil {
		return Prediction{}, err
	}
	var p Prediction
	if err := json.Unmarshal(results[0], &p); err != nil {
		return Prediction{}, fmt.Errorf("the page wants an object, not %s: %w", results[0], err)
	}
	return p, nil
}
