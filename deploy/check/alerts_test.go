package check

import (
	"log/slog"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

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
