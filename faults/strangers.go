package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/asr-backend/asr-backend/internal/tones"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
)

// strangers send what they like to the route that is open for webhooks.
func strangers(r *run) error {
	tasks := r.size(r.tasks, 20, 100)
	s, n, project, err := r.setup(nodeOptions{env: withPassword})
	if err != nil {
		return err
	}
	other := s.AddProject(labelstudiotest.Project{Title: "other"})
	if _, err := s.Connect(labelstudiotest.Backend{Project: other, URL: backendURL, User: user, Password: password}); err != nil {
		return err
	}
	s.delayMedia(5 * time.Second)
	ids, err := s.bring(project, repeat(5, tasks)...)
	if err != nil {
		return err
	}
	theirs, err := s.add(other, 3)
	if err != nil {
		return err
	}
	n.forge(s, project, other, ids, theirs)
	s.settle(n, project, ids, 3*time.Minute)
	s.settle(n, other, theirs, time.Minute)
	if err := r.invent(n, r.size(0, 300, 2000)); err != nil {
		return err
	}
	if err := r.bodies(n, 5, 200); err != nil {
		return err
	}
	n.end()
	return r.idle()
}

// webhook posts an event without credentials.
func (n *node) webhook(event map[string]any) (status int, err error) {
	raw, err := json.Marshal(event)
	if err != nil {
		return 0, err
	}
	return n.post("/webhook", bytes.NewReader(raw), int64(len(raw)))
}

// post sends a body without credentials.
func (n *node) post(path string, body io.Reader, size int64) (status int, err error) {
	ctx, cancel := context.WithTimeout(n.run, time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "POST", n.url+path, body)
	if err != nil {
		return 0, err
	}
	r.ContentLength = size
	r.Header.Set("Content-Type", "application/json")
	w, err := (&http.Client{Transport: client.Transport}).Do(r)
	if err != nil {
		return 0, err
	}
	return w.StatusCode, w.Body.Close()
}

// forge sends events about tasks that wait: other recordings, another configuration, and that
// they were deleted.
func (n *node) forge(s *studio, project, other int64, ids, theirs []int64) {
	foreign := "data:audio/wav;base64," + base64.StdEncoding.EncodeToString(tones.Recording{Seconds: 7, First: 2}.WAV())
	bad := `<View><Header value="x"/></View>`
	task := func(id, project int64, audio any) map[string]any {
		return map[string]any{"id": id, "project": project, "data": map[string]any{"audio": audio}}
	}
	deleted := []any{}
	for _, id := range ids {
		deleted = append(deleted, map[string]any{"id": id})
	}
	for _, event := range []map[string]any{
		{"action": "TASKS_CREATED", "project": map[string]any{"id": project, "label_config": labelstudiotest.Segments}, "tasks": []any{task(ids[0], project, foreign)}},
		{"action": "TASKS_CREATED", "project": map[string]any{"id": other, "label_config": labelstudiotest.Segments}, "tasks": []any{task(theirs[0], other, s.Data(ids[1])["audio"])}},
		{"action": "PROJECT_UPDATED", "project": map[string]any{"id": project, "label_config": bad}},
		{"action": "TASKS_DELETED", "project": map[string]any{"id": project}, "tasks": deleted},
	} {
		if status, err := n.webhook(event); err != nil || status/100 == 5 {
			n.run.fault("forged %s: %d, %v", event["action"], status, err)
		}
	}
}

// invent sends events of projects that Label Studio does not have.
func (r *run) invent(n *node, count int) error {
	began := time.Now()
	for i := range count {
		if _, err := n.webhook(map[string]any{"action": "PROJECT_UPDATED", "project": map[string]any{"id": 1_000_000 + i, "label_config": labelstudiotest.Segments}}); err != nil {
			return fmt.Errorf("invented project %d: %w", i, err)
		}
	}
	// They are looked up one after another.
	if err := r.sleep(time.Duration(count) * 5 * time.Millisecond); err != nil {
		return err
	}
	asked := time.Now()
	p, err := n.status(0)
	if err != nil {
		return err
	}
	r.figure("%d invented projects in %.0f s, /status then took %.2f s and knows %d", count, time.Since(began).Seconds(), time.Since(asked).Seconds(), len(p.Projects))
	if len(p.Projects) > 2 {
		r.fault("%d projects are known, and Label Studio has 2", len(p.Projects))
	}
	return nil
}

// mostGrowth is by how many megabytes large bodies may make the process grow.
const mostGrowth = 300

// bodies sends valid events of many megabytes, several at once.
func (r *run) bodies(n *node, count, megabytes int) error {
	before := n.rss()
	watch := n.watch()
	var wg sync.WaitGroup
	for range count {
		wg.Go(func() { _, _ = n.post("/webhook", event(megabytes<<20), -1) }) // it is refused, or cut
	}
	wg.Wait()
	peak, slowest := watch()
	if err := r.sleep(5 * time.Second); err != nil {
		return err
	}
	after := n.rss()
	r.figure("%d events of %d MB at once: memory %d MB, at most %d, 5 s later %d; /health within %.2f s", count, megabytes, before, peak, after, slowest.Seconds())
	if peak > before+mostGrowth {
		r.fault("events of strangers made the process grow from %d to %d MB", before, peak)
	}
	return nil
}

// event returns a valid event of about so many bytes.
func event(size int) io.Reader {
	const one = `{"id":"a","type":"textarea","value":{"start":1,"end":2,"text":["x"]}},`
	return io.MultiReader(
		strings.NewReader(`{"action":"ANNOTATION_CREATED","project":{"id":1},"annotation":{"id":1,"task":1,"result":[`),
		io.LimitReader(&repeated{text: one}, int64(size/len(one)*len(one))),
		strings.NewReader(`{}]}}`))
}

// repeated reads a text again and again.
type repeated struct {
	text string
	at   int
}

func (r *repeated) Read(p []byte) (n int, err error) {
	for n < len(p) {
		k := copy(p[n:], r.text[r.at:])
		n, r.at = n+k, (r.at+k)%len(r.text)
	}
	return n, nil
}

// descriptors is how many a process may have in idle.
const descriptors = 200

// idle keeps more connections open than the process may have descriptors.
func (r *run) idle() error {
	s, n, project, err := r.setup(nodeOptions{name: "idle", wrap: []string{"prlimit", fmt.Sprintf("--nofile=%d:%d", descriptors, descriptors)}})
	if err != nil {
		return err
	}
	ids, err := s.bring(project, repeat(3, r.size(r.tasks, 20, 100))...)
	if err != nil {
		return err
	}
	var conns []net.Conn
	for range descriptors + 60 {
		c, err := net.DialTimeout("tcp", strings.TrimPrefix(n.url, "http://"), 2*time.Second)
		if err != nil {
			break // refused is as good
		}
		conns = append(conns, c)
	}
	err = r.sleep(10 * time.Second)
	for _, c := range conns {
		_ = c.Close()
	}
	if err != nil {
		return err
	}
	took, ok := r.until(30*time.Second, func() bool { return n.is("/health") })
	if !ok {
		r.fault("after %d idle connections /health does not answer any more; the process lives: %t", len(conns), n.alive())
		return nil
	}
	r.figure("%d idle connections with %d descriptors: answers %.1f s after", len(conns), descriptors, took.Seconds())
	s.settle(n, project, ids, 2*time.Minute)
	return nil
}
