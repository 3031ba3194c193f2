package service_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/internal/testlog"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
	"github.com/asr-backend/asr-backend/service"
	"github.com/asr-backend/asr-backend/service/predictions"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/recordings"
)

// BenchmarkStatus measures a whole answer of /status with 100,000 jobs in 100 projects, and with
// 200,000 in one, as JSON and as pages. It takes minutes to make the jobs, less with TMPDIR in
// memory. On a machine that does other things as well, the fastest answer says more than the mean.
func BenchmarkStatus(b *testing.B) {
	b.Run("100 projects", func(b *testing.B) { benchmarkStatus(b, 50_000, 100) })
	b.Run("one project", func(b *testing.B) { benchmarkStatus(b, 100_000, 1) })
}

func benchmarkStatus(b *testing.B, tasks, many int) {
	oracle.NeedLibrary(b)
	dir := b.TempDir()
	ls := labelstudiotest.New(b, labelstudiotest.Options{URL: "http://label-studio.test", Token: token, MediaDir: filepath.Join(dir, "media")})
	o := options(b, dir, ls, &testlog.Buffer{})
	q, err := jobs.Open(b.Context(), o.Jobs)
	if err != nil {
		b.Fatal(err)
	}
	var ids []int
	for p := range many {
		ids = append(ids, p+1)
		if err := q.Values(projects.Name(int64(p+1))).Set(b.Context(), labelstudio.KeyLabelConfig, segments); err != nil {
			b.Fatal(err)
		}
	}
	list, _ := json.Marshal(ids)
	if err := q.Values("service").Set(b.Context(), "projects", string(list)); err != nil {
		b.Fatal(err)
	}
	var enqueuing sync.WaitGroup
	const callers = 64
	later := time.Now().Add(24 * time.Hour)
	for c := range callers {
		enqueuing.Go(func() {
			for i := c; i < tasks; i += callers {
				project := projects.Name(int64(i%many + 1))
				transcription := jobs.Spec{Key: fmt.Sprintf("transcribe/tones-000000000000/%012x", i), Project: project, Kind: recordings.Kind, NotBefore: later, Title: fmt.Sprintf("call-%06d.wav", i)}
				push := jobs.Spec{Key: fmt.Sprintf("deliver/%s/%d/tones-000000000000", project, i), Project: project, Kind: predictions.Kind, After: transcription.Key}
				for _, s := range []jobs.Spec{transcription, push} {
					if _, _, err := q.Enqueue(b.Context(), s); err != nil {
						b.Error(err)
						return
					}
				}
			}
		})
	}
	enqueuing.Wait()
	if err := q.Close(); err != nil {
		b.Fatal(err)
	}
	s, err := service.New(o)
	if err != nil {
		b.Fatal(err)
	}
	s.StartWork()
	defer func() {
		if err := s.Stop(b.Context()); err != nil {
			b.Error(err)
		}
	}()
	for s.Ready() != nil {
		time.Sleep(10 * time.Millisecond)
	}
	counted, start := 0, time.Now()
	for _, p := range s.Status(b.Context(), 0).Projects {
		counted += p.Counts["waiting"]
	}
	b.Logf("the first overview took %v, later ones look only at projects that changed", time.Since(start))
	if counted != tasks {
		b.Fatalf("%d of %d tasks are counted", counted, tasks)
	}
	time.Sleep(6 * time.Second) // for which values of projects are fresh
	start = time.Now()
	s.Status(b.Context(), 0)
	b.Logf("an overview a few seconds later took %v", time.Since(start))
	for _, c := range []struct{ name, query, accept string }{
		{"JSON", "", "application/json"}, {"page", "", "text/html"}, {"a project", "?project=1", "text/html"}, {"attention", "?attention=1", "text/html"},
		{"search", "?search=call-0000", "text/html"}, {"by confidence", "?sort=confidence", "text/html"}, {"last page", fmt.Sprint("?project=1&offset=", tasks/many-50), "text/html"},
		{"CSV", "?format=csv", ""},
	} {
		b.Run(c.name, func(b *testing.B) {
			fastest := time.Hour
			for b.Loop() {
				start := time.Now()
				r := httptest.NewRequest(http.MethodGet, "/status"+c.query, nil)
				r.Header.Set("Accept", c.accept)
				answer, err := s.Test(r)
				if err != nil {
					b.Fatal(err)
				}
				body, err := io.ReadAll(answer.Body)
				if err != nil || len(body) < 1000 {
					b.Fatalf("%d bytes, %v", len(body), err)
				}
				b.ReportMetric(float64(len(body)), "bytes")
				fastest = min(fastest, time.Since(start))
			}
			b.ReportMetric(float64(fastest)/1e6, "fastest-ms")
		})
	}
}
