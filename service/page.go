package service

import (
	_ "embed"
	"fmt"
	"html/template"
	"time"

	"github.com/asr-backend/asr-backend/timeline"
)

//go:embed status.html
var statusPage string

var statusTemplate = template.Must(template.New("status").Funcs(template.FuncMap{"ago": ago, "percent": percent, "clock": timeline.Clock}).Parse(statusPage))

// ago writes how long something is past.
func ago(t time.Time) string {
	switch d := time.Since(t); {
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days ago", int(d.Hours()/24))
	}
}

func percent(x float64) string { return fmt.Sprintf("%.1f %%", 100*x) }
