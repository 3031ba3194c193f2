package service

import (
	"net/http"
	"strconv"
	"time"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/queue"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are the figures of requests and of the queue. Those of models, recordings,
// predictions and events are in their packages; doc/metrics.md explains each.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	latency  *prometheus.HistogramVec
	givenUp  *prometheus.CounterVec // jobs, by kind
}

const namespace = "asr_backend"

func newMetrics(registry *prometheus.Registry) *metrics {
	auto := promauto.With(registry)
	m := &metrics{
		registry: registry,
		requests: auto.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: "http_requests_total", Help: "Requests answered, by route and status."}, []string{"route", "status"}),
		latency: auto.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: "http_request_seconds", Help: "Time to answer, by route.",
			Buckets: []float64{0.001, 0.005, 0.02, 0.05, 0.1, 0.5, 1, 5, 20, 60, 90}}, []string{"route"}),
		givenUp: auto.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: "jobs_given_up_total", Help: "Jobs given up, by kind."}, []string{"kind"}),
	}
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// served counts an answer.
func (m *metrics) served(route string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.latency.WithLabelValues(route).Observe(took.Seconds())
}

// queueCollector reads the state of the queue when metrics are asked for.
type queueCollector struct {
	queue *queue.Queue
	ready func() error
}

var (
	descJobs    = prometheus.NewDesc(namespace+"_jobs", "Jobs, by kind, class and state.", []string{"kind", "class", "state"}, nil)
	descOldest  = prometheus.NewDesc(namespace+"_oldest_job_seconds", "Age of the job that has been ready for longest, by kind and class.", []string{"kind", "class"}, nil)
	descStored  = prometheus.NewDesc(namespace+"_store_bytes", "Bytes stored, by bucket.", []string{"bucket"}, nil)
	descKept    = prometheus.NewDesc(namespace+"_kept_rows_bytes", "Bytes of rows that are kept of recordings that were transcribed.", nil, nil)
	descFree    = prometheus.NewDesc(namespace+"_store_free_bytes", "Bytes free for the data directory.", nil, nil)
	descHealthy = prometheus.NewDesc(namespace+"_store_healthy", "1 while jobs can be accepted and stored.", nil, nil)
	descReady   = prometheus.NewDesc(namespace+"_ready", "1 once a model is loaded and the queue is open.", nil, nil)
)

// Describe implements prometheus.Collector.
func (c *queueCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descJobs, descOldest, descStored, descKept, descFree, descHealthy, descReady} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *queueCollector) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(descHealthy, one(c.queue.Health() == nil))
	gauge(descReady, one(c.ready() == nil))
	q, err := c.queue.Get()
	if err != nil {
		return
	}
	stats := q.Stats()
	type key struct {
		kind  string
		class priority.Class
		state jobs.State
	}
	counts := map[key]int64{}
	for _, g := range stats.Groups {
		counts[key{g.Kind, g.Class, g.State}] += g.Jobs
	}
	for k, n := range counts {
		gauge(descJobs, float64(n), k.kind, k.class.String(), k.state.String())
	}
	for kind, classes := range stats.Oldest {
		for class, since := range classes {
			gauge(descOldest, time.Since(since).Seconds(), kind, class.String())
		}
	}
	for bucket, n := range stats.Bytes {
		gauge(descStored, float64(n), bucket)
	}
	gauge(descKept, float64(stats.Kept))
	if stats.Free >= 0 {
		gauge(descFree, float64(stats.Free))
	}
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
