package service

import (
	_ "embed"
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/service/projects"
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

// PageProblem is something that keeps Label Studio's page from showing recordings, and what to
// do about it.
type PageProblem struct {
	What string `json:"what"`
	Hint string `json:"hint"`
}

// longRecording is the length from which on a browser should not decode a recording whole:
// half an hour of stereo takes most of a gigabyte.
const longRecording = 30 * time.Minute

// pageProblem looks for recordings that are too long for the project's Audio tags.
func pageProblem(p *projects.Project, longest time.Duration) *PageProblem {
	if longest <= longRecording || p.Config == nil {
		return nil
	}
	var tags []string
	for _, o := range p.Config.DecodesWhole() {
		tags = append(tags, o.WithDecoder("none"))
	}
	if len(tags) == 0 {
		return nil
	}
	return &PageProblem{
		What: fmt.Sprintf("recordings over %d minutes (the longest has %s), Audio tag without decoder=...: Label Studio's page may fail with \"Unable to decode audio data\" and show no region",
			int(longRecording.Minutes()), timeline.Clock(longest)),
		Hint: "in the project's Settings, Labeling Interface, Code, change the tag to " + strings.Join(tags, " and "),
	}
}
