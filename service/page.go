package service

import (
	"fmt"
	"time"

	"asr-backend/internal/cli"
)

// ago writes how long something is past, for the page.
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

// clock writes a length of audio, for the page.
func clock(d time.Duration) string { return cli.Clock(d) }
