package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// throughput is how fast many recordings were transcribed.
type throughput struct {
	What      string  `json:"what"`
	Precision string  `json:"precision"`
	Batch     int     `json:"batch"`
	Files     int     `json:"files"`
	AudioS    float64 `json:"audio_s"`
	WallS     float64 `json:"wall_s"` // from the model loaded to the last transcript written
	RTFx      float64 `json:"rtfx"`
	CPUS      float64 `json:"cpu_s"` // of processors, the start included
	PeakBytes int64   `json:"peak_resident_bytes"`
}

// fastest is how many recordings are transcribed: in the fastest precision that the model has.
func (c *checker) fastest(ctx context.Context) (precision string, batch int) {
	if c.quick {
		return "fp32", 2
	}
	for _, p := range []string{"fp16", "tf32"} {
		if c.provider == "cuda" && c.ready(ctx, p) == nil {
			return p, 64
		}
	}
	return "fp32", 0
}

// files transcribes a folder of recordings.
func (c *checker) files(ctx context.Context, what string) (string, error) {
	folder, err := c.recording.folder(ctx, what)
	if err != nil {
		return "", err
	}
	t, err := c.transcribe(ctx, what, folder)
	if err != nil {
		return "", err
	}
	all, err := os.ReadDir(folder)
	if err == nil && t.Files != len(all) {
		err = fmt.Errorf("%d of %d recordings were transcribed", t.Files, len(all))
	}
	return t.String(), err
}

func (t throughput) String() string {
	return fmt.Sprintf("%s batch %d: %.1f h of audio in %d files in %.1f s = %.0fx; %.0f s of processors, %d MB resident",
		t.Precision, t.Batch, t.AudioS/3600, t.Files, t.WallS, t.RTFx, t.CPUS, t.PeakBytes>>20)
}

// transcribe transcribes recordings and measures by the times in the program's log.
func (c *checker) transcribe(ctx context.Context, what, path string) (throughput, error) {
	t := throughput{What: what}
	t.Precision, t.Batch = c.fastest(ctx)
	out := filepath.Join(c.work, "transcripts", what)
	if err := os.RemoveAll(out); err != nil {
		return t, err
	}
	e, err := c.commands.asr(ctx, append([]string{"transcribe", "--json-log", "-f", "json", "-o", out + "/", path}, c.modelFlags(c.fullModel(), t.Precision, t.Batch)...)...)
	if err != nil {
		return t, err
	}
	var first, last time.Time
	for line := range strings.Lines(e.err) {
		var event struct {
			Time      time.Time
			Msg       string
			DurationS float64 `json:"duration_s"`
		}
		if json.Unmarshal([]byte(line), &event) != nil {
			continue // libraries write to the same stream
		}
		if first.IsZero() {
			first = event.Time
		}
		if event.Msg == "done" {
			t.Files++
			t.AudioS += event.DurationS
			last = event.Time
		}
	}
	err = e.problem()
	if t.Files == 0 {
		return t, errors.Join(err, errors.New("no recording was transcribed"))
	}
	t.WallS, t.CPUS, t.PeakBytes = last.Sub(first).Seconds(), e.cpu.Seconds(), e.peak
	t.RTFx = t.AudioS / max(t.WallS, 1e-3)
	c.results.Files = append(c.results.Files, t)
	return t, err
}

// mostGrowth is how much more memory ten hours may take than one: the words of a transcript grow
// with it, and nothing else.
const mostGrowth = 200 << 20

// long compares the memory of a recording and of one ten times as long.
func (c *checker) long(ctx context.Context) (string, error) {
	hour, err := c.recording.hour(ctx)
	if err != nil {
		return "", err
	}
	long, err := c.recording.long(ctx)
	if err != nil {
		return "", err
	}
	one, err := c.transcribe(ctx, "one hour", hour)
	if err != nil {
		return "", err
	}
	ten, err := c.transcribe(ctx, "ten hours", long)
	if err == nil && ten.PeakBytes > one.PeakBytes+mostGrowth {
		err = fmt.Errorf("memory has grown by %d MB", (ten.PeakBytes-one.PeakBytes)>>20)
	}
	return fmt.Sprintf("%.2f h: %.0fx, %d MB resident; %.2f h: %.0fx, %d MB", one.AudioS/3600, one.RTFx, one.PeakBytes>>20, ten.AudioS/3600, ten.RTFx, ten.PeakBytes>>20), err
}
