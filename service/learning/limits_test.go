package learning_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/service/corrections"
	"github.com/asr-backend/asr-backend/service/learning"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/recordings"
	"github.com/asr-backend/asr-backend/wer"
)

// store stores corrections as package corrections does, of tasks that show the same few recordings.
func (f *team) store(project int64, n int, predicted []string) {
	f.t.Helper()
	p := f.project()
	values := f.Jobs.Values(projects.Name(project))
	for i := range n {
		r := i % len(f.texts)
		value, _ := p.Plans[0].Recording(f.tasks[r].Data)
		c := corrections.Correction{Task: int64(1000 + i), Annotation: int64(1000 + i), Version: p.Version, At: time.Now(), Outcome: corrections.Changed,
			Transcripts: map[int]string{0: f.Recordings.Key(recordings.Of(p, 1, value))},
			Predicted:   []corrections.Passage{{Text: predicted[r]}}, Corrected: []corrections.Passage{{Text: f.texts[r]}}}
		c.Errors = wer.Compare(f.texts[r], predicted[r])
		raw, err := json.Marshal(c)
		if err != nil {
			f.t.Fatal(err)
		}
		if err := values.Set(f.t.Context(), fmt.Sprint("pair/", c.Annotation), string(raw)); err != nil {
			f.t.Fatal(err)
		}
	}
}

// BenchmarkLearn is a run of a project with a thousand corrections, one of a hundred such projects on
// one core:
//
//	go test ./service/learning -run XXX -bench Learn -benchtime 3x -cpu 1
func BenchmarkLearn(b *testing.B) {
	f := newTeam(b, 40)
	predicted := f.transcribe(to(40))
	for project := range int64(100) {
		n := 10
		if project == 0 {
			n = 1000
		}
		if _, err := f.Registry.Configure(b.Context(), project+1, whole); err != nil {
			b.Fatal(err)
		}
		f.store(project+1, n, predicted)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var run *learning.Run
	for b.Loop() {
		run = f.learn()
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if run.Corrections != 1000 {
		b.Fatalf("%+v", run)
	}
	b.ReportMetric(float64(after.HeapAlloc-min(before.HeapAlloc, after.HeapAlloc))/1e6, "MB-kept")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(b.N)/1e6, "MB-allocated/op")
}
