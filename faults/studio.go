package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/tones"
	"github.com/asr-backend/asr-backend/internal/wavfile"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
	"github.com/asr-backend/asr-backend/timeline"
)

// studio is a Label Studio that can be away: it closes its port.
type studio struct {
	*labelstudiotest.Server
	*balancer
	run     *run
	address string

	mu     sync.Mutex // guards the fields below
	server *http.Server
	want   map[int64]string // the texts of tasks
	pool   map[string]string
	names  int
}

// reporter takes what labelstudiotest reports to a test.
type reporter struct {
	testing.TB // the methods that are not called
	run        *run
}

func (reporter) Helper()                          {}
func (reporter) Cleanup(func())                   {}
func (t reporter) Error(args ...any)              { t.run.fault("%s", strings.TrimSpace(fmt.Sprintln(args...))) }
func (t reporter) Errorf(form string, arg ...any) { t.run.fault(form, arg...) }

// bring adds tasks to a project and announces them.
func (s *studio) bring(project int64, seconds ...float64) ([]int64, error) {
	ids, err := s.add(project, seconds...)
	if err != nil {
		return nil, err
	}
	s.announce(project, ids...)
	return ids, nil
}

// repeat returns a length n times.
func repeat(seconds float64, n int) []float64 { return slices.Repeat([]float64{seconds}, n) }

// studio starts a Label Studio without projects.
func (r *run) studio() (*studio, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &studio{run: r, balancer: &balancer{}, address: fmt.Sprintf("127.0.0.1:%d", port), want: map[int64]string{}, pool: map[string]string{}}
	s.Server = labelstudiotest.New(reporter{run: r}, labelstudiotest.Options{URL: "http://" + s.address, MediaDir: filepath.Join(r.dir, fmt.Sprintf("media-%d", port)), Backends: s.balancer})
	return s, s.comeBack()
}

// comeBack opens the port.
func (s *studio) comeBack() error {
	l, err := net.Listen("tcp", s.address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: s.Server}
	s.mu.Lock()
	s.server = server
	s.mu.Unlock()
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.run.fault("the Label Studio for tests: %v", err)
		}
	}()
	return nil
}

// leave closes the port and all connections.
func (s *studio) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.server.Close() // of connections that are cut on purpose
}

// backendURL is the address of the backend as this Label Studio knows it. The balancer passes
// requests on to the nodes.
const backendURL = "http://backend.example.test:9090"

// connect makes a project whose predictions come from the nodes.
func (s *studio) connect(nodes ...*node) (project int64, err error) {
	s.balancer.set(nodes...)
	project = s.AddProject(labelstudiotest.Project{Title: s.run.name})
	b := labelstudiotest.Backend{Project: project, URL: backendURL}
	if nodes[0].user() {
		b.User, b.Password = user, password
	}
	_, err = s.Connect(b)
	return project, err
}

// add adds tasks to a project, one for each length in seconds. Each has an address of its own.
func (s *studio) add(project int64, seconds ...float64) ([]int64, error) {
	var ids []int64
	for _, length := range seconds {
		s.mu.Lock()
		s.names++
		n := s.names
		s.mu.Unlock()
		value := fmt.Sprintf("/data/upload/%d/%05d-%gs.wav", project, n, length)
		text, err := s.record(value, length, n)
		if err != nil {
			return ids, err
		}
		id := s.AddTask(labelstudiotest.Task{Project: project, Data: map[string]any{"audio": value}})
		s.mu.Lock()
		s.want[id] = text
		s.mu.Unlock()
		ids = append(ids, id)
	}
	return ids, nil
}

// ownBytes is up to how many seconds each recording has bytes of its own. Recordings of equal
// bytes are transcribed once, so others would be no work.
const ownBytes = 20

// record puts a recording at the value of a task and returns its text. Long recordings of one
// length are four files with many names.
func (s *studio) record(value string, seconds float64, n int) (text string, err error) {
	r := tones.Recording{Seconds: int(seconds), First: n % 4}
	path := filepath.Join(s.MediaDir, strings.TrimPrefix(value, "/data/"))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	pooled := filepath.Join(s.MediaDir, fmt.Sprintf("%g-%d.wav", seconds, r.First))
	if text, err = s.pooled(pooled, seconds, r); err != nil {
		return "", err
	}
	if seconds > ownBytes {
		return text, os.Link(pooled, path)
	}
	content, err := os.ReadFile(pooled)
	if err != nil {
		return "", err
	}
	return text, os.WriteFile(path, noted(content, n), 0o644)
}

// noted returns a WAV file with a number in a chunk that decoders pass over.
func noted(wav []byte, n int) []byte {
	out := append(bytes.Clone(wav), "note\x04\x00\x00\x00"...)
	out = binary.LittleEndian.AppendUint32(out, uint32(n))
	binary.LittleEndian.PutUint32(out[4:], uint32(len(out)-8))
	return out
}

// pooled makes sure that a recording is there and returns its text.
func (s *studio) pooled(path string, seconds float64, r tones.Recording) (text string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.pool[path]; !ok {
		content := r.WAV()
		if seconds < 1 {
			if content, err = wavfile.Encode(make([]float32, int(seconds*timeline.SampleRate)), timeline.SampleRate, 1); err != nil {
				return "", err
			}
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return "", err
		}
		s.pool[path] = r.Text()
	}
	return s.pool[path], nil
}

// delayMedia makes each download wait for a random time, so that recordings are in hand when
// something happens.
func (s *studio) delayMedia(most time.Duration) {
	s.Intercept(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.HasPrefix(r.URL.Path, "/data/upload/") {
			time.Sleep(s.run.between(0, most))
		}
		next.ServeHTTP(w, r)
	})
}

// announce sends the webhook of an import. Label Studio does not look at the answer.
func (s *studio) announce(project int64, ids ...int64) { s.EmitCreated(project, ids...) }

// ask retrieves predictions in the background, as an action of a person who sees no errors.
func (s *studio) ask(project int64, ids ...int64) {
	s.run.wg.Go(func() { _, _ = s.Retrieve(project, ids...) })
}

// text returns what a prediction says.
func text(p labelstudiotest.Prediction) string {
	var out []string
	for _, raw := range p.Result {
		var item struct {
			Type  string
			Value struct{ Text []string }
		}
		if json.Unmarshal(raw, &item) == nil && item.Type == "textarea" {
			out = append(out, item.Value.Text...)
		}
	}
	return strings.Join(out, " ")
}
