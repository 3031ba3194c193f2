package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/service"
)

// sonnets serves recordings of most of a minute each, under any number of names. Those of equal
// bytes would be transcribed once, so each has an ID3v1 tag of its own.
func sonnets(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var i int
		if _, err := fmt.Sscanf(r.URL.Path, "/sonnet-%d.mp3", &i); err != nil {
			http.NotFound(w, r)
			return
		}
		raw, err := os.ReadFile(oracle.Data(t, "speech", "sonnets", fmt.Sprintf("p%03d.mp3", i%3+1)))
		if err != nil {
			t.Error(err)
		}
		tag := make([]byte, 128)
		copy(tag, fmt.Sprintf("TAGsonnet %d", i))
		http.ServeContent(w, r, "sonnet.mp3", time.Time{}, bytes.NewReader(append(raw, tag...)))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// thirty are the tasks of a test in which something goes wrong.
const thirty = 30

func addSonnets(t *testing.T, h *house, project int64) {
	t.Helper()
	server := sonnets(t)
	var data []object
	for i := range thirty {
		data = append(data, object{"audio": fmt.Sprintf("%s/sonnet-%d.mp3", server, i)})
	}
	h.add(t, project, data...)
}

// transcribedAtMostTwice looks at how often each recording was transcribed to its end. A kill may come
// between the end, which is stored, and the line in the log that is counted here.
func transcribedAtMostTwice(t *testing.T, b *backend, kills int) {
	t.Helper()
	times := map[string]int{}
	for _, line := range b.lines(t, "recording transcribed") {
		times[line["job"].(string)]++
	}
	again := 0
	for job, n := range times {
		if n > 2 {
			t.Errorf("%s was transcribed %d times", job, n)
		}
		again += n - 1
	}
	if len(times) < thirty-kills {
		t.Errorf("the log has %d recordings, want %d", len(times), thirty)
	}
	t.Logf("%d of %d recordings were transcribed twice", again, len(times))
}

// survivesKills kills the backend at random moments while it transcribes thirty recordings and
// stores the transcripts.
func survivesKills(t *testing.T, h *house) {
	b := h.serve(t, "killed", serving{token: legacy, args: []string{"--predict-wait", "2s"}})
	p := h.project(t, "kills", template(t, "asr-using-segments"))
	h.connect(t, p, b)
	addSonnets(t, h, p)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	const kills = 20
	for i := range kills {
		if i%4 != 0 { // else while it starts
			b.ready(t)
			time.Sleep(time.Duration(random.IntN(4000)) * time.Millisecond)
		}
		if i%4 == 3 { // in the middle of a request for all tasks
			go func() {
				_, _, _ = h.send("POST", fmt.Sprintf("/api/dm/actions?id=retrieve_tasks_predictions&project=%d", p), "application/json", allTasks()) // it fails if the backend dies
			}()
			time.Sleep(time.Duration(random.IntN(1000)) * time.Millisecond)
		}
		b.kill()
		b.start(t)
	}
	done := 0
	for _, k := range h.tasks(t, p) {
		done += len(k.Predictions)
	}
	t.Logf("%d predictions after the last kill", done)
	b.settled(t, p, thirty, 6*time.Minute)
	transcribedAtMostTwice(t, b, kills)
	waitPushed(t, b, p)
	b.settled(t, p, thirty, 0)
	b.process.end(syscall.SIGTERM)
}

// survivesOutage stops Label Studio while thirty recordings are transcribed and stored.
func survivesOutage(t *testing.T, h *house) {
	outage := 5 * time.Second
	if text := os.Getenv("ASR_BACKEND_OUTAGE"); text != "" {
		var err error
		if outage, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	b := h.serve(t, "outage", serving{token: h.personal})
	p := h.project(t, "outage", template(t, "asr-using-segments"))
	h.connect(t, p, b)
	addSonnets(t, h, p)
	eventually(t, "some predictions are there", time.Minute, func() bool {
		n := 0
		for _, k := range h.tasks(t, p) {
			n += len(k.Predictions)
		}
		return n > 3
	})
	h.process.end(syscall.SIGTERM)
	began := time.Now()
	time.Sleep(outage)
	h.start(t)
	t.Logf("Label Studio was away for %.1f s", time.Since(began).Seconds())
	b.settled(t, p, thirty, 5*time.Minute)
	transcribedAtMostTwice(t, b, 0)
	waitPushed(t, b, p)
	b.settled(t, p, thirty, 0)
	b.process.end(syscall.SIGTERM)
}

// answersInTime asks for a recording that takes longer than a request may.
func answersInTime(t *testing.T, h *house) {
	b := h.serve(t, "deadline", serving{token: legacy, args: []string{"--predict-wait", "1s", "--threads", "1"}})
	p := h.project(t, "deadline", template(t, "asr-using-segments"))
	long := oracle.Data(t, "speech", "radio", "gb0.flac")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, long) }))
	defer server.Close()
	h.add(t, p, object{"audio": server.URL + "/long.flac"})
	h.connect(t, p, b)
	b.ready(t)
	start := time.Now()
	h.retrieve(t, p)
	took := time.Since(start)
	k := h.tasks(t, p)[0]
	if len(k.Predictions) != 0 {
		t.Skipf("the recording was transcribed within the deadline, in %v", took)
	}
	t.Logf("answered with nothing after %.1f s", took.Seconds())
	same(t, h.transcribe(t, long), items(t, b.settled(t, p, 1, 2*time.Minute)[0].Predictions[0].Result))
	h.retrieve(t, p)
	waitPushed(t, b, p)
	b.settled(t, p, 1, 0)
	b.process.end(syscall.SIGTERM)
}

// waitPushed waits until all pushes of a project have ended: one follows each
// answer to a request, a while later, and looks for twins.
func waitPushed(t *testing.T, b *backend, project int64) {
	t.Helper()
	var last service.ProjectStatus
	defer func() {
		if t.Failed() {
			t.Logf("project %d: %+v", project, last)
		}
	}()
	eventually(t, "all pushes have ended", 3*time.Minute, func() bool {
		last = b.status(t, project)
		for state, n := range last.Counts {
			if state != "pushed" && n > 0 {
				return false
			}
		}
		return true
	})
}

// storesOnce looks, after everything, at all projects of the shared backend.
func storesOnce(t *testing.T, h *house) {
	var projects struct {
		Results []struct {
			ID    int64
			Title string
		}
	}
	h.call(t, "GET", "/api/projects?page_size=100", nil, &projects)
	looked := 0
	for _, p := range projects.Results {
		if len(h.main.status(t, p.ID).Tasks) == 0 {
			continue // another backend's
		}
		waitPushed(t, h.main, p.ID)
		for _, k := range h.tasks(t, p.ID) {
			if len(k.Predictions) > 1 {
				t.Errorf("%s: task %d has %d predictions", p.Title, k.ID, len(k.Predictions))
			}
			looked += len(k.Predictions)
		}
	}
	if looked < 70 {
		t.Errorf("only %d predictions were looked at", looked)
	}
	h.keepsSecret(t, h.main, h.personal)
	h.keepsSecret(t, h.main, legacy)
}
