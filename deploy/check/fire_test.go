package check

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
)

// expressions are those of the alerts, by name.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	groups, errs := rulefmt.Parse([]byte(read(t, "deploy/alerts.yml")), false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	out := map[string]string{}
	for _, r := range groups.Groups[0].Rules {
		out[r.Alert] = r.Expr
	}
	return out
}

// A day of series at one point a minute, in the notation of Prometheus' own tests: start,
// change a minute, and how often.
const (
	zero = "0x1440"
	one  = "1x1440"
	day  = 24 * 60 * time.Minute
)

// TestAlertsFireWhenTheyShould has Prometheus evaluate each alert over a day that calls for
// it, and over one that does not.
func TestAlertsFireWhenTheyShould(t *testing.T) {
	const (
		waits = `asr_backend_oldest_job_seconds{instance="a", kind="transcribe", class="%s"} %s`
		audio = `asr_backend_audio_seconds_total{instance="a"} `
		under = `asr_backend_audio_seconds_under_way{instance="a"} `
		tries = `asr_backend_pushes_total{instance="a", outcome="%s"} %s`
	)
	lines := func(s ...string) string { return strings.Join(s, "\n") }
	alerts := expressions(t)
	days := map[string]struct{ calls, calm []string }{
		"AsrBackendDown": {
			calls: []string{`up{job="asr-backend", instance="a"} ` + zero},
			calm:  []string{`up{job="asr-backend", instance="a"} ` + one, `up{job="another", instance="a"} ` + zero},
		},
		"AsrBackendNotReady": {
			calls: []string{`asr_backend_ready{instance="a"} ` + zero},
			calm:  []string{`asr_backend_ready{instance="a"} ` + one},
		},
		"AsrBackendCannotStoreJobs": {
			calls: []string{`asr_backend_store_healthy{instance="a"} ` + zero},
			calm:  []string{`asr_backend_store_healthy{instance="a"} ` + one},
		},
		"AsrBackendDiskFills": {
			calls: []string{
				`asr_backend_store_free_bytes{instance="a"} 1e9x1440`,
				`asr_backend_store_free_bytes{instance="a"} 100e9-60e6x1440`, // empty four hours after the day
			},
			calm: []string{
				`asr_backend_store_free_bytes{instance="a"} 50e9x1440`,
				`asr_backend_store_free_bytes{instance="a"} 100e9-10e6x1440`,
			},
		},
		"AsrBackendStandsStill": {
			calls: []string{lines(fmt.Sprintf(waits, "batch", "0+60x1440"), audio+"100x1440", under+zero)},
			calm: []string{
				lines(fmt.Sprintf(waits, "batch", "0+60x1440"), audio+"0+600x1440", under+zero),       // others are transcribed
				lines(fmt.Sprintf(waits, "batch", "0+60x1440"), audio+"100x1440", under+"36000x1440"), // a long one is
				lines(fmt.Sprintf(waits, "batch", "60x1440"), audio+"100x1440", under+zero),           // it has just come
				lines(`asr_backend_oldest_job_seconds{instance="a", kind="deliver", class="batch"} 9e9x1440`, audio+"100x1440", under+zero),
			},
		},
		"AsrBackendOpenedTasksWait": {
			calls: []string{fmt.Sprintf(waits, "opened", "400x1440")},
			calm:  []string{fmt.Sprintf(waits, "opened", "100x1440"), fmt.Sprintf(waits, "batch", "9e4x1440")},
		},
		"AsrBackendQueueGrows": {
			calls: []string{fmt.Sprintf(waits, "batch", "9e4x1440")},
			calm:  []string{fmt.Sprintf(waits, "batch", "3600x1440")},
		},
		"AsrBackendGivesUp": {
			calls: []string{`asr_backend_jobs_given_up_total{instance="a", kind="transcribe"} 0+1x1440`},
			calm:  []string{`asr_backend_jobs_given_up_total{instance="a", kind="transcribe"} 7x1440`},
		},
		"AsrBackendModelFails": {
			calls: []string{`asr_backend_model_run_errors_total{instance="a"} 0+1x1440`},
			calm:  []string{`asr_backend_model_run_errors_total{instance="a"} 3x1440`},
		},
		"AsrBackendCannotPush": {
			calls: []string{
				fmt.Sprintf(tries, "error", "0+1x1440"),
				lines(fmt.Sprintf(tries, "error", "0+1x1440"), fmt.Sprintf(tries, "pushed", "9x1440")),
			},
			calm: []string{
				lines(fmt.Sprintf(tries, "error", "0+1x1440"), fmt.Sprintf(tries, "pushed", "0+1x1440")),
				fmt.Sprintf(tries, "pushed", "0+1x1440"),
			},
		},
		"AsrBackendCannotFetch": {
			calls: []string{`asr_backend_media_errors_total{instance="a", kind="upload"} 0+1x1440`},
			calm:  []string{`asr_backend_media_errors_total{instance="a", kind="upload"} 0+0.1x1440`},
		},
		"AsrBackendAnswersSlowly": {
			calls: []string{lines(
				`asr_backend_http_request_seconds_bucket{instance="a", route="/health", le="0.1"} 0+9x1440`,
				`asr_backend_http_request_seconds_bucket{instance="a", route="/health", le="1"} 0+10x1440`,
				`asr_backend_http_request_seconds_bucket{instance="a", route="/health", le="+Inf"} 0+10x1440`)},
			calm: []string{
				lines(
					`asr_backend_http_request_seconds_bucket{instance="a", route="/setup", le="0.1"} 0+10x1440`,
					`asr_backend_http_request_seconds_bucket{instance="a", route="/setup", le="+Inf"} 0+10x1440`),
				lines( // which is meant to wait
					`asr_backend_http_request_seconds_bucket{instance="a", route="/predict", le="60"} 0+1x1440`,
					`asr_backend_http_request_seconds_bucket{instance="a", route="/predict", le="+Inf"} 0+10x1440`),
			},
		},
		"AsrBackendRefusesCredentials": {
			calls: []string{`asr_backend_http_requests_total{instance="a", route="/webhook", status="401"} 0+1x1440`},
			calm:  []string{`asr_backend_http_requests_total{instance="a", route="/webhook", status="200"} 0+1x1440`},
		},
		"AsrBackendTranscriptsDoubtful": {
			calls: []string{
				lines(`asr_backend_confidence_sum{instance="a"} 0+0.4x1440`, `asr_backend_confidence_count{instance="a"} 0+1x1440`),
				lines(`asr_backend_unrecognized_speech_seconds_total{instance="a"} 0+30x1440`, audio+"0+100x1440"),
			},
			calm: []string{
				lines(`asr_backend_confidence_sum{instance="a"} 0+0.9x1440`, `asr_backend_confidence_count{instance="a"} 0+1x1440`,
					`asr_backend_unrecognized_speech_seconds_total{instance="a"} 0+3x1440`, audio+"0+100x1440"),
				lines(`asr_backend_confidence_sum{instance="a"} 9x1440`, `asr_backend_confidence_count{instance="a"} 10x1440`), // nothing was transcribed
			},
		},
	}
	for name, expr := range alerts {
		t.Run(name, func(t *testing.T) {
			if len(days[name].calls) == 0 || len(days[name].calm) == 0 {
				t.Fatal("no day shows that the alert fires, or that it does not always")
			}
			for _, series := range days[name].calls {
				if len(evaluate(t, expr, series)) != 1 {
					t.Errorf("does not fire once for\n%s", series)
				}
			}
			for _, series := range days[name].calm {
				if v := evaluate(t, expr, series); len(v) > 0 {
					t.Errorf("fires (%v) for\n%s", v, series)
				}
			}
		})
	}
	for name := range days {
		if alerts[name] == "" {
			t.Errorf("there is no alert %s", name)
		}
	}
}

// evaluate returns what an expression gives at the end of a day.
func evaluate(t *testing.T, expr, series string) promql.Vector {
	t.Helper()
	store := promqltest.LoadedStorage(t, "load 1m\n  "+strings.ReplaceAll(series, "\n", "\n  "))
	engine := promqltest.NewTestEngine(t, false, 5*time.Minute, promqltest.DefaultMaxSamplesPerQuery)
	q, err := engine.NewInstantQuery(context.Background(), store, nil, expr, time.Unix(0, 0).Add(day))
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	v, err := q.Exec(context.Background()).Vector()
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clone(v)
}
