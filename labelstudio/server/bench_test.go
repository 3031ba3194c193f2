package server_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
	"github.com/asr-backend/asr-backend/labelstudio/results"
	"github.com/asr-backend/asr-backend/labelstudio/server"
	"github.com/asr-backend/asr-backend/transcript"
)

// BenchmarkHandlers measures answers without the network: what a request costs beside the
// model. The prediction has as many segments as the name says, each of ten words.
func BenchmarkHandlers(b *testing.B) {
	for _, segments := range []int{0, 100, 5000} {
		t := &transcript.Transcript{Duration: 5 * time.Hour, Confidence: 0.9}
		for i := range segments {
			s := transcript.Segment{Start: time.Duration(i) * 3 * time.Second, Text: "ten words of a person who speaks without any haste", Confidence: 0.9}
			s.End = s.Start + 2*time.Second
			for k := range 10 {
				at := s.Start + time.Duration(k)*200*time.Millisecond
				s.Words = append(s.Words, transcript.Word{Start: at, End: at + 160*time.Millisecond, Text: "words", Confidence: 0.87})
			}
			t.Segments = append(t.Segments, s)
		}
		m := model{predict: func(_ context.Context, p *labelstudio.Project, tasks []labelstudio.Task, _ *labelstudio.Context) ([]labelstudio.Predictions, error) {
			plans, _ := p.Config.Plans(labelconfig.Options{})
			out, err := results.Build(t, plans[0], nil, results.Options{})
			return []labelstudio.Predictions{{out.Prediction("")}}, err
		}}
		server := start(b, server.Options{Model: m})
		b.Run(fmt.Sprintf("predict/%d segments", segments), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if w, _ := ask(b, server, "POST", "/predict", predictBody(1)); w.StatusCode != 200 {
					b.Fatal(w.Status)
				}
			}
		})
	}
	server := start(b, server.Options{})
	b.Run("health", func(b *testing.B) {
		for b.Loop() {
			ask(b, server, "GET", "/health", "")
		}
	})
}
