package modelpool

import (
	"github.com/asr-backend/asr-backend/asr"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics count the runs of all models; doc/metrics.md explains each.
type metrics struct {
	runs, errors, seconds, windows, slots prometheus.Counter
}

func newMetrics(r prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return promauto.With(r).NewCounter(prometheus.CounterOpts{Namespace: "asr_backend", Name: name, Help: help})
	}
	return &metrics{
		runs:    counter("model_runs_total", "Runs of a model."),
		errors:  counter("model_run_errors_total", "Runs of a model that failed."),
		seconds: counter("model_run_seconds_total", "Seconds spent in runs of models."),
		windows: counter("model_run_windows_total", "Windows in runs of models."),
		slots:   counter("model_run_slots_total", "Room for windows in runs of models; windows divided by this is the batch fill."),
	}
}

func (m *metrics) ran(r asr.Run) {
	m.runs.Inc()
	if r.Err != nil {
		m.errors.Inc()
	}
	m.seconds.Add(r.Took.Seconds())
	m.windows.Add(float64(r.Windows))
	m.slots.Add(float64(r.Size))
}
