package learning

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics count runs; doc/metrics.md explains each.
type metrics struct {
	runs    *prometheus.CounterVec // by outcome
	seconds prometheus.Histogram
}

// Outcomes of runs in metrics.
const (
	takenUp    = "taken_up"
	notTakenUp = "not_taken_up"
	failed     = "failed"
)

func newMetrics(r prometheus.Registerer) *metrics {
	auto := promauto.With(r)
	return &metrics{
		runs: auto.NewCounterVec(prometheus.CounterOpts{Namespace: "asr_backend", Name: "learning_runs_total", Help: "Runs in which a project learnt, by outcome."}, []string{"outcome"}),
		seconds: auto.NewHistogram(prometheus.HistogramOpts{Namespace: "asr_backend", Name: "learning_seconds", Help: "Seconds that a run took.",
			Buckets: []float64{0.1, 0.3, 1, 3, 10, 30, 100}}),
	}
}
