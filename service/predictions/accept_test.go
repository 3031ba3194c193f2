package predictions

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/service/internal/background"
)

// BenchmarkPredict measures requests for many new tasks:
//
//	waits      how long the answer takes, in waits of one second
//	tasks/s    how many tasks are enqueued in a second
func BenchmarkPredict(b *testing.B) {
	for _, n := range []int{1000, 5000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			f := newFixture(b)
			p, err := f.Registry.Resolve(b.Context(), f.project(""))
			if err != nil {
				b.Fatal(err)
			}
			next, answered := int64(0), time.Duration(0)
			for b.Loop() {
				tasks := make([]labelstudio.Task, n)
				for i := range tasks {
					next++
					tasks[i] = labelstudio.Task{ID: next, Project: 1, Data: labelstudio.Data{"audio": fmt.Appendf(nil, `"/data/upload/1/%d.wav"`, next)}}
				}
				start := time.Now()
				if _, err := f.Predict(b.Context(), p, tasks); err != nil {
					b.Fatal(err)
				}
				answered += time.Since(start)
				f.background.Close(b.Context())
				f.background = background.New()
			}
			if jobs := len(f.Jobs.List(jobs.Filter{Kind: Kind})); jobs != int(next) {
				b.Errorf("%d of %d tasks are to be pushed", jobs, next)
			}
			b.ReportMetric(answered.Seconds()/float64(b.N), "waits")
			b.ReportMetric(float64(next)/b.Elapsed().Seconds(), "tasks/s")
		})
	}
}
