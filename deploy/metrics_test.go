// Package deploy_test holds what operators get to what the program does: every metric,
// setting and variable that a dashboard, an alert or a page names exists, and the other
// way round.
package deploy_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio/media"
	"github.com/asr-backend/asr-backend/service"

	"github.com/prometheus/client_golang/prometheus"
)

// metric is what the program says of a metric.
type metric struct {
	kind   string // counter, gauge or histogram
	labels []string
}

// metrics asks a running service for its metrics, by their names without namespace.
func metrics(t *testing.T) map[string]metric {
	t.Helper()
	registry := prometheus.NewRegistry()
	s, err := service.New(service.Options{
		Address: "127.0.0.1:0", Registry: registry,
		OpenModel: func(string, string) (*asr.Bundle, error) { return nil, errors.New("no model is needed") },
		Media:     media.Options{CacheDir: t.TempDir()}, Jobs: jobs.Options{Dir: t.TempDir()},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		stop, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Stop(stop); err != nil {
			t.Error(err)
		}
	}()
	get := func(route string) string {
		w, err := http.Get("http://" + s.Addr().String() + route)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Body.Close()
		body, err := io.ReadAll(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	get("/health") // so that there is a request to count
	kinds := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`).FindAllStringSubmatch(get("/metrics"), -1) {
		kinds[m[1]] = m[2]
	}

	// What has no value yet is not in the answer, but described.
	descriptions := make(chan *prometheus.Desc)
	go func() {
		registry.Describe(descriptions)
		close(descriptions)
	}()
	form := regexp.MustCompile(`fqName: "([^"]+)".* variableLabels: \{([^}]*)\}`)
	out := map[string]metric{}
	for d := range descriptions {
		m := form.FindStringSubmatch(d.String())
		if m == nil {
			t.Fatalf("a description of an unknown form: %s", d)
		}
		name, ours := strings.CutPrefix(m[1], "asr_backend_")
		if !ours {
			continue // Go's and the process's own
		}
		one := metric{kind: kinds[m[1]]}
		if m[2] != "" {
			one.labels = strings.Split(m[2], ",")
		}
		if one.kind == "" && strings.HasSuffix(name, "_total") {
			one.kind = "counter"
		} else if one.kind == "" {
			one.kind = "gauge"
		}
		out[name] = one
	}
	if len(out) < 20 {
		t.Fatalf("got %d metrics, want those of the service", len(out))
	}
	return out
}

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(oracle.Root(t), path))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// named returns the metrics that a text names, with the labels it uses beside them.
func named(t *testing.T, text, where string, known map[string]metric) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, m := range regexp.MustCompile(`asr_backend_(\w+)`).FindAllStringSubmatch(text, -1) {
		name := m[1]
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			if base, ok := strings.CutSuffix(name, suffix); ok && known[base].kind == "histogram" {
				name = base
			}
		}
		if _, ok := known[name]; !ok {
			t.Errorf("%s names asr_backend_%s, which does not exist", where, m[1])
		}
		out[name] = true
	}
	return out
}

// labelled checks that selectors and groupings of an expression use labels that the
// metrics in it have.
func labelled(t *testing.T, expr, where string, known map[string]metric) {
	t.Helper()
	var labels []string
	for name := range named(t, expr, where, known) {
		labels = append(labels, known[name].labels...)
	}
	labels = append(labels, "le", "job", "instance")
	for _, m := range regexp.MustCompile(`(?:by|on|without|ignoring)\s*\(([^)]*)\)|\{([^}]*)\}`).FindAllStringSubmatch(expr, -1) {
		for _, part := range strings.Split(m[1]+m[2], ",") {
			label := regexp.MustCompile(`^\s*(\w*)`).FindStringSubmatch(part)[1]
			if label != "" && !slices.Contains(labels, label) {
				t.Errorf("%s: %s: no metric there has the label %q", where, expr, label)
			}
		}
	}
}

func TestDashboardShowsEveryMetricThereIsAndNoOther(t *testing.T) {
	const file = "deploy/grafana-dashboard.json"
	known := metrics(t)
	type panel struct {
		ID          int
		Type, Title string
		Description string
		Targets     []struct {
			RefID string
			Expr  string
		}
		GridPos struct{ X, Y, W, H int }
	}
	var dashboard struct {
		UID, Title string
		Panels     []panel
	}
	if err := json.Unmarshal([]byte(read(t, file)), &dashboard); err != nil {
		t.Fatal(err)
	}
	if dashboard.UID == "" || dashboard.Title == "" {
		t.Error("the dashboard has no uid or no title")
	}
	ids, shown := map[int]bool{}, map[string]bool{}
	for i, p := range dashboard.Panels {
		if ids[p.ID] {
			t.Errorf("two panels have the id %d", p.ID)
		}
		ids[p.ID] = true
		if p.GridPos.X+p.GridPos.W > 24 || p.GridPos.H < 1 || p.GridPos.W < 1 {
			t.Errorf("panel %q lies outside of the grid", p.Title)
		}
		for _, q := range dashboard.Panels[:i] {
			if a, b := p.GridPos, q.GridPos; a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("panels %q and %q overlap", p.Title, q.Title)
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Description == "" || len(p.Targets) == 0 {
			t.Errorf("panel %q says nothing about itself or shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			maps.Copy(shown, named(t, target.Expr, file, known))
			labelled(t, target.Expr, p.Title, known)
		}
	}
	for name := range known {
		if !shown[name] {
			t.Errorf("no panel shows asr_backend_%s", name)
		}
	}
}

func TestAlertsNameMetricsThatExist(t *testing.T) {
	known := metrics(t)
	text := read(t, "deploy/alerts.yml")
	if len(named(t, text, "deploy/alerts.yml", known)) < 5 {
		t.Error("the alerts watch almost nothing")
	}
	for _, m := range regexp.MustCompile(`(?m)^\s+expr: (.+)$`).FindAllStringSubmatch(text, -1) {
		labelled(t, m[1], "deploy/alerts.yml", known)
	}
}

// The page has a table row for each metric: name, kind, labels and more.
func TestPageExplainsEveryMetric(t *testing.T) {
	known := metrics(t)
	explained := map[string]metric{}
	row := regexp.MustCompile("(?m)^\\| `asr_backend_(\\w+)` \\| (\\w+) \\| ([^|]*) \\| ([^|]+) \\| ([^|]+) \\|$")
	for _, m := range row.FindAllStringSubmatch(read(t, "doc/metrics.md"), -1) {
		var labels []string
		for _, l := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(m[3], -1) {
			labels = append(labels, l[1])
		}
		explained[m[1]] = metric{m[2], labels}
	}
	for name, want := range known {
		got, ok := explained[name]
		if !ok {
			t.Errorf("doc/metrics.md does not explain asr_backend_%s", name)
			continue
		}
		if got.kind != want.kind || !slices.Equal(got.labels, want.labels) {
			t.Errorf("doc/metrics.md: asr_backend_%s is a %s with labels %v; got a %s with %v", name, want.kind, want.labels, got.kind, got.labels)
		}
	}
	for name := range explained {
		if _, ok := known[name]; !ok {
			t.Errorf("doc/metrics.md explains asr_backend_%s, which does not exist", name)
		}
	}
}
