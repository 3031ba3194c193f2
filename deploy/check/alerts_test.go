package check

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// TestPrometheusUnderstandsTheDashboard parses its expressions, with Grafana's variables filled in.
func TestPrometheusUnderstandsTheDashboard(t *testing.T) {
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, "deploy/grafana-dashboard.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	filled := strings.NewReplacer("$__rate_interval", "2m", "$job", ".*", "$instance", "a|b")
	n := 0
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			n++
			if _, err := parser.NewParser(parser.Options{}).ParseExpr(filled.Replace(target.Expr)); err != nil {
				t.Errorf("%s: %s: %v", p.Title, target.Expr, err)
			}
		}
	}
	if n < 20 {
		t.Errorf("got %d expressions, want those of all panels", n)
	}
}

// Prometheus itself would load the alerts, and each says what happened and what to do.
func TestPrometheusLoadsTheAlerts(t *testing.T) {
	groups, errs := rulefmt.Parse([]byte(read(t, "deploy/alerts.yml")), false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	for _, err := range errs {
		t.Error(err)
	}
	if groups == nil || len(groups.Groups) != 1 || len(groups.Groups[0].Rules) < 10 {
		t.Fatal("want one group with the alerts")
	}
	seen := map[string]bool{}
	for _, r := range groups.Groups[0].Rules {
		if r.Alert == "" || seen[r.Alert] {
			t.Errorf("%q: want an alert with a name of its own", r.Alert)
		}
		seen[r.Alert] = true
		if s := r.Labels["severity"]; s != "page" && s != "ticket" {
			t.Errorf("%s: got severity %q", r.Alert, s)
		}
		if len(r.Annotations["summary"]) < 20 || len(r.Annotations["description"]) < 40 {
			t.Errorf("%s does not say what happened, or what to do", r.Alert)
		}
	}
}
