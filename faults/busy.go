package main

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
)

// busy keeps the process busy in three ways and measures how long others wait.
func busy(r *run) error {
	s, n, project, err := r.setup(nodeOptions{})
	if err != nil {
		return err
	}
	other := s.AddProject(labelstudiotest.Project{Title: "other"})
	if _, err := s.Connect(labelstudiotest.Backend{Project: other, URL: backendURL}); err != nil {
		return err
	}
	if err := r.annotation(s, n, project, r.size(0, 600_000, 6_000_000)); err != nil {
		return err
	}
	if err := r.page(s, n, project, r.size(r.tasks, 200, 1000)); err != nil {
		return err
	}
	return r.days(s, n, project, other)
}

// patience is how long a short task of another project may take meanwhile.
const patience = 30 * time.Second

// shortOnes imports a few tasks and measures how long they take.
func (r *run) shortOnes(s *studio, n *node, project int64, meanwhile string) error {
	began := time.Now()
	ids, err := s.bring(project, repeat(2, 5)...)
	if err != nil {
		return err
	}
	_, ok := r.until(2*time.Minute, func() bool { t, _ := s.verdict(nil, ids); return t.One == t.Tried })
	took := time.Since(began)
	r.figure("%s: five short tasks took %.1f s", meanwhile, took.Seconds())
	if !ok || took > patience {
		r.fault("%s: five short tasks were not there after %.0f s", meanwhile, took.Seconds())
	}
	s.settle(n, project, ids, time.Second)
	return nil
}

// annotation submits an annotation of many words.
func (r *run) annotation(s *studio, n *node, project int64, words int) error {
	ids, err := s.bring(project, 60)
	if err != nil {
		return err
	}
	s.settle(n, project, ids, time.Minute)
	said, err := json.Marshal(strings.Repeat("a bc ", words/2))
	if err != nil {
		return err
	}
	s.Annotate(ids[0], []json.RawMessage{json.RawMessage(`{"id":"a","from_name":"transcription","to_name":"audio","type":"textarea","value":{"start":0,"end":60,"text":[` + string(said) + `]}}`)})
	return r.shortOnes(s, n, project, "an annotation of "+thousands(words)+" words")
}

// pageWait is how long the nodes wait for predictions, by their flag, and pageOver what a
// request may take beyond that.
const (
	pageWait = 2 * time.Second
	pageOver = 3 * time.Second
)

// page retrieves predictions of many tasks at once.
func (r *run) page(s *studio, n *node, project int64, tasks int) error {
	ids, err := s.add(project, repeat(3, tasks)...)
	if err != nil {
		return err
	}
	began := time.Now()
	stored, err := s.Retrieve(project, ids...)
	took := time.Since(began)
	if err != nil {
		r.fault("a request with %d tasks: %v", tasks, err)
	}
	r.figure("a request with %d tasks and a wait of %.0f s took %.1f s and gave %d", tasks, pageWait.Seconds(), took.Seconds(), stored)
	if took > pageWait+pageOver {
		r.fault("a request with a wait of %.0f s took %.1f s", pageWait.Seconds(), took.Seconds())
	}
	// Nothing announced those that the request did not get to, as when someone imports tasks
	// without a webhook: opening the project again does.
	for range 3 {
		_, _ = s.Retrieve(project, ids...) // what it gives is counted below
	}
	s.settle(n, project, ids, 10*time.Minute)
	return nil
}

// days takes every place with recordings of a day.
func (r *run) days(s *studio, n *node, project, other int64) error {
	hours := r.size(0, 6, 24)
	for i, name := range []string{"first.opus", "second.opus", "third.opus"} {
		value := s.Upload(project, name, opusSilence(hours, uint32(i+1)))
		id := s.AddTask(labelstudiotest.Task{Project: project, Data: map[string]any{"audio": value}})
		s.announce(project, id)
	}
	if err := r.sleep(2 * time.Second); err != nil {
		return err
	}
	p, err := n.status(project)
	if err != nil {
		return err
	}
	r.logf("running %d, waiting %d", len(p.Running), p.Waiting)
	return r.shortOnes(s, n, other, "three recordings of "+thousands(hours)+" hours")
}
