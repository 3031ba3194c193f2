package service

import (
	"net/http"
	"strconv"
	"time"

	"asr-backend/jobs"
	"asr-backend/labelstudio/media"
	"asr-backend/transcript"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are the figures that /metrics serves; doc/metrics.md explains each.
type metrics struct {
	registry *prometheus.Registry

	audio      prometheus.Counter
	speed      prometheus.Histogram
	windows    *prometheus.CounterVec
	seams      prometheus.Histogram
	confidence prometheus.Histogram
	unheard    prometheus.Counter

	mediaBytes  *prometheus.CounterVec
	mediaErrors *prometheus.CounterVec
	deliveries  *prometheus.CounterVec
	failures    *prometheus.CounterVec
	events      *prometheus.CounterVec
	regions     prometheus.Histogram
	requests    *prometheus.CounterVec
	latency     *prometheus.HistogramVec
}

const namespace = "asr_backend"

func newMetrics(registry *prometheus.Registry, s *Service) *metrics {
	m := &metrics{registry: registry}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help})
		registry.MustRegister(c)
		return c
	}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
		registry.MustRegister(c)
		return c
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets})
		registry.MustRegister(h)
		return h
	}
	tenths := prometheus.LinearBuckets(0.1, 0.1, 9)
	m.audio = counter("audio_seconds_total", "Seconds of audio transcribed.")
	m.speed = histogram("rtfx", "Seconds of audio a second, of each recording, fetching included.", prometheus.ExponentialBuckets(1, 2, 14))
	m.windows = counters("windows_total", "Windows of recordings, by whether they were heard or held no sound.", "outcome")
	m.seams = histogram("seam_disagreement_ratio", "Share of rows heard twice on which neighbouring windows differ, of each recording.", []float64{0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5})
	m.confidence = histogram("confidence", "Confidence of each recording.", tenths)
	m.unheard = counter("unheard_speech_seconds_total", "Seconds as loud as speech that got no words.")
	m.mediaBytes = counters("media_bytes_total", "Bytes fetched over the network, by kind of media.", "kind")
	m.mediaErrors = counters("media_errors_total", "Recordings that could not be fetched, by kind of media.", "kind")
	m.deliveries = counters("deliveries_total", "Predictions brought to Label Studio, by outcome.", "outcome")
	m.failures = counters("jobs_given_up_total", "Jobs given up, by kind.", "kind")
	m.events = counters("webhook_events_total", "Webhook events, by action.", "action")
	m.regions = histogram("interactive_seconds", "Time to hear a region for an annotator.", []float64{0.1, 0.25, 0.5, 1, 2, 5, 10, 25})
	m.requests = counters("http_requests_total", "Requests answered, by route and status.", "route", "status")
	m.latency = prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: "http_request_seconds", Help: "Time to answer, by route.",
		Buckets: []float64{0.001, 0.005, 0.02, 0.05, 0.1, 0.5, 1, 5, 20, 60, 90}}, []string{"route"})
	registry.MustRegister(m.latency, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &queueCollector{s})
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// heard counts a recording that was transcribed.
func (m *metrics) heard(t *transcript.Transcript, took time.Duration) {
	m.audio.Add(t.Duration.Seconds())
	m.speed.Observe(t.Duration.Seconds() / max(took.Seconds(), 1e-3))
	m.windows.WithLabelValues("heard").Add(float64(t.Diagnostics.Windows - t.Diagnostics.WindowsSkipped))
	m.windows.WithLabelValues("silent").Add(float64(t.Diagnostics.WindowsSkipped))
	m.seams.Observe(t.Diagnostics.SeamDisagreement)
	m.confidence.Observe(t.Confidence)
	m.unheard.Add(t.Diagnostics.UnheardSpeech.Seconds())
}

// fetched counts a recording that was asked for.
func (m *metrics) fetched(kind media.Kind, bytes int64, err error) {
	m.mediaBytes.WithLabelValues(string(kind)).Add(float64(bytes))
	if err != nil {
		m.mediaErrors.WithLabelValues(string(kind)).Inc()
	}
}

func (m *metrics) delivered(outcome string) { m.deliveries.WithLabelValues(outcome).Inc() }

func (m *metrics) failed(kind string) { m.failures.WithLabelValues(kind).Inc() }

func (m *metrics) event(action string) { m.events.WithLabelValues(action).Inc() }

func (m *metrics) interacted(took time.Duration) { m.regions.Observe(took.Seconds()) }

// served counts an answer.
func (m *metrics) served(route string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.latency.WithLabelValues(route).Observe(took.Seconds())
}

// queueCollector reads the state of the queue when metrics are asked for.
type queueCollector struct{ s *Service }

var (
	descJobs    = prometheus.NewDesc(namespace+"_jobs", "Jobs, by kind, class and state.", []string{"kind", "class", "state"}, nil)
	descOldest  = prometheus.NewDesc(namespace+"_oldest_job_seconds", "Age of the job that has been ready for longest, by kind and class.", []string{"kind", "class"}, nil)
	descStored  = prometheus.NewDesc(namespace+"_store_bytes", "Bytes stored, by bucket.", []string{"bucket"}, nil)
	descFree    = prometheus.NewDesc(namespace+"_store_free_bytes", "Bytes free for the data directory.", nil, nil)
	descHealthy = prometheus.NewDesc(namespace+"_store_healthy", "1 while jobs can be accepted and stored.", nil, nil)
	descReady   = prometheus.NewDesc(namespace+"_ready", "1 once a model is loaded and the queue is open.", nil, nil)
	descRunning = prometheus.NewDesc(namespace+"_audio_seconds_under_way", "Seconds of audio, as declared, of recordings that are being heard and not heard yet.", nil, nil)
)

// Describe implements prometheus.Collector.
func (c *queueCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descJobs, descOldest, descStored, descFree, descHealthy, descReady, descRunning} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *queueCollector) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(descHealthy, one(c.s.queue.Health() == nil))
	gauge(descReady, one(c.s.Ready() == nil))
	left := time.Duration(0)
	for _, r := range c.s.progress.list() {
		left += max(r.Length-r.Heard, 0)
	}
	gauge(descRunning, left.Seconds())
	q, err := c.s.queue.Get()
	if err != nil {
		return
	}
	stats := q.Stats()
	type key struct {
		kind  string
		class jobs.Class
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
