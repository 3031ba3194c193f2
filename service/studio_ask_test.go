package service_test

import (
	"encoding/json"
	"fmt"
	"time"
)

// setup asks for /health and /setup, as before everything else that concerns a backend.
func (ls *studio) setup(project int64) error {
	if status, reason, _ := ls.call("GET", "/health", nil); status != 200 {
		return fmt.Errorf("disconnected: %d %s", status, reason)
	}
	ls.mu.Lock()
	p := ls.projects[project]
	body := map[string]any{"project": fmt.Sprintf("%d.1795332046", p.id), "schema": p.config, "hostname": "http://localhost:8080", "access_token": token, "extra_params": p.extra}
	ls.mu.Unlock()
	status, reason, reply := ls.call("POST", "/setup", body)
	if status != 200 {
		return fmt.Errorf("%d %s", status, reason)
	}
	var said struct {
		Version string `json:"model_version"`
	}
	if err := json.Unmarshal(reply, &said); err != nil || said.Version == "" {
		return fmt.Errorf("/setup answered %s", reply)
	}
	ls.mu.Lock()
	p.version = said.Version
	ls.mu.Unlock()
	return nil
}

// connect is "Validate and Save".
func (ls *studio) connect(project int64, extra string) error {
	if extra != "" {
		ls.change(project, func(p *lsProject) { p.extra = json.RawMessage(extra) })
	}
	if err := ls.setup(project); err != nil {
		return err
	}
	return ls.setup(project)
}

// connected makes a project that is connected.
func (ls *studio) connected(config string) int64 {
	ls.t.Helper()
	p := ls.project(config)
	if err := ls.connect(p, ""); err != nil {
		ls.t.Fatalf("connect: %v", err)
	}
	return p
}

func (ls *studio) version(project int64) string {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.projects[project].version
}

// retrieve is the action Retrieve Predictions: one request with all tasks that have no
// prediction of the version. It returns how many predictions were stored.
func (ls *studio) retrieve(project int64, ids ...int64) int {
	if err := ls.setup(project); err != nil {
		ls.t.Logf("retrieve: %v", err)
		return 0
	}
	ls.mu.Lock()
	p := ls.projects[project]
	var asked []int64
	var tasks []any
	for _, id := range ids {
		has := false
		for _, r := range ls.stored(id) {
			has = has || r.Version == p.version
		}
		if !has {
			asked = append(asked, id)
			tasks = append(tasks, ls.encode(ls.tasks[id], true))
		}
	}
	ls.mu.Unlock()
	if len(tasks) == 0 {
		return 0
	}
	return ls.store(asked, ls.predict(p, tasks, nil))
}

// open is a visit of a task: Label Studio asks if it has no prediction at all.
func (ls *studio) open(id int64) int {
	ls.mu.Lock()
	t := ls.tasks[id]
	has := len(ls.stored(id)) > 0
	ls.mu.Unlock()
	if has {
		return 0
	}
	return ls.retrieve(t.project, id)
}

// predict asks /predict and returns the results by position.
func (ls *studio) predict(p *lsProject, tasks []any, context any) []json.RawMessage {
	ls.mu.Lock()
	body := map[string]any{"tasks": tasks, "project": fmt.Sprintf("%d.1795332046", p.id), "label_config": p.config,
		"params": map[string]any{"login": p.login, "password": p.password, "context": context}}
	ls.mu.Unlock()
	status, reason, raw := ls.call("POST", "/predict", body)
	if status != 200 {
		ls.t.Logf("/predict: %d %s", status, reason)
		return nil
	}
	var reply struct{ Results []json.RawMessage }
	if err := json.Unmarshal(raw, &reply); err != nil || len(reply.Results) != len(tasks) {
		ls.t.Errorf("/predict answered %d of %d tasks: %s", len(reply.Results), len(tasks), raw)
		return nil
	}
	return reply.Results
}

// store keeps what was answered, each prediction as a new row.
func (ls *studio) store(ids []int64, results []json.RawMessage) int {
	if ls.storing > 0 {
		time.Sleep(ls.storing)
	}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	n := 0
	for i, raw := range results {
		var list []row
		if err := json.Unmarshal(raw, &list); err != nil {
			ls.t.Errorf("task %d: result %s: %v", ids[i], raw, err)
		}
		for _, r := range list {
			if r.Version == "" || r.Result == nil {
				ls.t.Errorf("task %d: incomplete prediction %s", ids[i], raw)
			}
			r.Task = ids[i]
			ls.keep(r)
			n++
		}
	}
	return n
}

// interact is an annotator's page: it sends the regions and gets an object.
func (ls *studio) interact(id int64, regions []any) row {
	ls.mu.Lock()
	t := ls.tasks[id]
	p := ls.projects[t.project]
	task := ls.encode(t, true)
	ls.mu.Unlock()
	if err := ls.setup(p.id); err != nil {
		ls.t.Errorf("interact: %v", err)
	}
	results := ls.predict(p, []any{task}, map[string]any{"result": regions})
	var out row
	if len(results) == 1 {
		if err := json.Unmarshal(results[0], &out); err != nil {
			ls.t.Errorf("interactive answer %s: %v", results[0], err)
		}
	}
	return out
}

// annotate submits an annotation and tells the backend.
func (ls *studio) annotate(task int64, result []json.RawMessage) int64 {
	ls.mu.Lock()
	a := &annotation{ls.id(), task, result}
	ls.annotations[a.ID] = a
	ls.mu.Unlock()
	ls.told(a, "ANNOTATION_CREATED")
	return a.ID
}

// correct changes an annotation and tells the backend.
func (ls *studio) correct(id int64, result []json.RawMessage) {
	ls.mu.Lock()
	a := ls.annotations[id]
	a.Result = result
	ls.mu.Unlock()
	ls.told(a, "ANNOTATION_UPDATED")
}

func (ls *studio) told(a *annotation, action string) {
	ls.mu.Lock()
	t := ls.tasks[a.Task]
	more := map[string]any{"annotation": a, "task": ls.encode(t, false)}
	ls.mu.Unlock()
	ls.hook(t.project, action, more)
}

// unannotate deletes an annotation and tells the backend.
func (ls *studio) unannotate(id int64) {
	ls.mu.Lock()
	a := ls.annotations[id]
	delete(ls.annotations, id)
	t := ls.tasks[a.Task]
	ls.mu.Unlock()
	ls.hook(t.project, "ANNOTATIONS_DELETED", map[string]any{"annotations": []any{map[string]any{"id": id}}})
}
