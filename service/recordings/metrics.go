package recordings

import (
	"time"

	"github.com/asr-backend/asr-backend/labelstudio/media"
	"github.com/asr-backend/asr-backend/service/progress"
	"github.com/asr-backend/asr-backend/transcript"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are figures of recordings; doc/metrics.md explains each.
type metrics struct {
	audio        prometheus.Counter
	speed        prometheus.Histogram
	windows      *prometheus.CounterVec
	again        prometheus.Counter
	seams        prometheus.Histogram
	confidence   prometheus.Histogram
	unrecognized prometheus.Counter
	regions      prometheus.Histogram
	mediaBytes   *prometheus.CounterVec
	mediaErrors  *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer, p *progress.Progress) *metrics {
	auto := promauto.With(r)
	counter := func(name, help string) prometheus.Counter {
		return auto.NewCounter(prometheus.CounterOpts{Namespace: "asr_backend", Name: name, Help: help})
	}
	counters := func(name, help, label string) *prometheus.CounterVec {
		return auto.NewCounterVec(prometheus.CounterOpts{Namespace: "asr_backend", Name: name, Help: help}, []string{label})
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return auto.NewHistogram(prometheus.HistogramOpts{Namespace: "asr_backend", Name: name, Help: help, Buckets: buckets})
	}
	auto.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "asr_backend", Name: "audio_seconds_under_way",
		Help: "Seconds of audio that remain in the recordings being transcribed, as far as their lengths are known."}, func() float64 { return p.Left().Seconds() })
	return &metrics{
		audio:        counter("audio_seconds_total", "Seconds of audio transcribed."),
		speed:        histogram("rtfx", "Seconds of audio per second, of each recording, including the download.", prometheus.ExponentialBuckets(1, 2, 14)),
		windows:      counters("windows_total", "Windows of recordings, by whether they were transcribed, silent, or decoded from rows that were kept.", "outcome"),
		again:        counter("recordings_decoded_again_total", "Recordings decoded again from rows that were kept, without running the model on these."),
		seams:        histogram("seam_disagreement_ratio", "Share of the rows covered by two neighbouring windows on which they disagree, of each recording.", []float64{0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5}),
		confidence:   histogram("confidence", "Confidence of each recording.", prometheus.LinearBuckets(0.1, 0.1, 9)),
		unrecognized: counter("unrecognized_speech_seconds_total", "Seconds of audio as loud as speech for which no words were recognized."),
		regions:      histogram("interactive_seconds", "Seconds to transcribe a region for an annotator.", []float64{0.1, 0.25, 0.5, 1, 2, 5, 10, 25}),
		mediaBytes:   counters("media_bytes_total", "Bytes fetched over the network, by kind of media.", "kind"),
		mediaErrors:  counters("media_errors_total", "Recordings that could not be fetched, by kind of media.", "kind"),
	}
}

// transcribed counts a recording.
func (m *metrics) transcribed(t *transcript.Transcript, took time.Duration, w *windows) {
	m.audio.Add(t.Duration.Seconds())
	kept := 0
	if w.again() {
		m.again.Inc()
		kept = min(w.taken, t.Diagnostics.Windows-t.Diagnostics.WindowsSkipped) // of equal channels one counts
		m.windows.WithLabelValues("kept").Add(float64(kept))
	} else {
		m.speed.Observe(t.Duration.Seconds() / max(took.Seconds(), 1e-3))
	}
	m.windows.WithLabelValues("transcribed").Add(float64(t.Diagnostics.Windows - t.Diagnostics.WindowsSkipped - kept))
	m.windows.WithLabelValues("silent").Add(float64(t.Diagnostics.WindowsSkipped))
	m.seams.Observe(t.Diagnostics.SeamDisagreement)
	m.confidence.Observe(t.Confidence)
	m.unrecognized.Add(t.Diagnostics.UnrecognizedSpeech.Seconds())
}

// fetched counts a recording that was asked for.
func (m *metrics) fetched(kind media.Kind, bytes int64, err error) {
	m.mediaBytes.WithLabelValues(string(kind)).Add(float64(bytes))
	if err != nil {
		m.mediaErrors.WithLabelValues(string(kind)).Inc()
	}
}
