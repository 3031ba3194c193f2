package cli

import (
	"fmt"
	"io"
	"log/slog"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/asr-backend/asr-backend/internal/hint"
	"github.com/asr-backend/asr-backend/internal/plural"
	"github.com/asr-backend/asr-backend/internal/visible"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/transcript"
)

// Report shows a person or a program how work goes on: one line a recording and, on a
// terminal, a line that follows the one being transcribed. It may be used by many goroutines.
type Report struct {
	mu       sync.Mutex
	w        io.Writer
	terminal bool
	quiet    bool
	log      *slog.Logger // set for machine-readable lines
	started  time.Time
	shown    time.Time // when the moving line was last drawn
	drawn    bool
	progress map[string]time.Duration // of recordings under way
	lengths  map[string]time.Duration // as declared, where known
	finished time.Duration            // audio of recordings that are done
}

// ReportOptions configure a Report.
type ReportOptions struct {
	Terminal bool // w is a terminal: draw a moving line
	Quiet    bool // only failures
	JSON     bool // a JSON object a line
}

// NewReport returns a report that writes to w, usually standard error.
func NewReport(w io.Writer, o ReportOptions) *Report {
	r := &Report{w: w, terminal: o.Terminal && !o.JSON, quiet: o.Quiet, started: time.Now(),
		progress: map[string]time.Duration{}, lengths: map[string]time.Duration{}}
	if o.JSON {
		r.log = slog.New(slog.NewJSONHandler(w, nil))
	}
	return r
}

// Event says something about the run as a whole, such as which device is used.
func (r *Report) Event(message string, attributes ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.quiet:
	case r.log != nil:
		r.log.Info(message, attributes...)
	default:
		r.line(message)
	}
}

// Length reports how long a recording claims to be.
func (r *Report) Length(name string, declared time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lengths[name] = declared
}

// redraw is how often the moving line changes.
const redraw = 200 * time.Millisecond

// Progress reports how much of a recording has been transcribed.
func (r *Report) Progress(name string, done time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.progress[name] = done
	now := time.Now()
	if !r.terminal || r.quiet || now.Sub(r.shown) < redraw {
		return
	}
	r.shown, r.drawn = now, true
	fmt.Fprintf(r.w, "\r\x1b[K%s", oneLine(r.moving(name, now)))
}

// moving is the text of the moving line.
func (r *Report) moving(name string, now time.Time) string {
	done, left, known := r.finished, time.Duration(0), true
	for n, transcribed := range r.progress {
		done += transcribed
		length := r.lengths[n]
		known = known && length > 0
		left += max(length-transcribed, 0)
	}
	rtfx := done.Seconds() / max(now.Sub(r.started).Seconds(), 1e-3)
	text := fmt.Sprintf("%s  %s", name, timeline.Clock(r.progress[name]))
	if length := r.lengths[name]; length > 0 {
		text += " of " + timeline.Clock(length)
	}
	text += fmt.Sprintf("  %.1fx", rtfx)
	if known && rtfx > 0 && done > 0 {
		text += "  " + timeline.Clock(time.Duration(left.Seconds()/rtfx*float64(time.Second))) + " left"
	}
	return text
}

// Done reports that a recording is finished; paths are where its result went, none for
// standard output.
func (r *Report) Done(name string, paths []string, t *transcript.Transcript, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.progress, name)
	r.finished += t.Duration
	rtfx := t.Duration.Seconds() / max(took.Seconds(), 1e-3)
	if r.log != nil {
		r.log.Info("done", "file", name, "output", strings.Join(paths, ", "), "duration_s", Rounded(t.Duration.Seconds(), 3), "took_s", Rounded(took.Seconds(), 3), "rtfx", Rounded(rtfx, 1),
			"regions", len(t.Segments), "confidence", Rounded(t.Confidence, 4), "windows", t.Diagnostics.Windows, "warnings", t.Diagnostics.Warnings)
		return
	}
	for _, w := range t.Diagnostics.Warnings {
		r.line(fmt.Sprintf("warning: %s: %s", name, w))
	}
	if r.quiet {
		return
	}
	text := fmt.Sprintf("%s: %s in %s (%.1fx), %s", name, timeline.Clock(t.Duration), Seconds(took.Round(10*time.Millisecond)), rtfx, plural.Count(len(t.Segments), "region"))
	if len(paths) > 0 {
		text += " -> " + strings.Join(paths, ", ")
	}
	r.line(text)
}

// Rounded keeps so many decimals: a reader of logs has no use for more.
func Rounded(v float64, decimals int) float64 {
	scale := math.Pow10(decimals)
	return math.Round(v*scale) / scale
}

// Left reports what was not worked on.
func (r *Report) Left(skipped []Skipped) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.log != nil {
		for _, s := range skipped {
			r.log.Warn("skipped", "file", s.Path, "reason", s.Why)
		}
		return
	}
	names := make([]string, len(skipped))
	for i, s := range skipped {
		names[i] = fmt.Sprintf("%s (%s)", s.Path, s.Why)
	}
	if len(names) > 0 {
		r.line(fmt.Sprintf("warning: %d skipped: %s", len(names), strings.Join(names, ", ")))
	}
}

// Failed reports, in one line, that a recording could not be done and what can be done.
func (r *Report) Failed(name string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.progress, name)
	advice := hint.Of(err)
	if r.log != nil {
		r.log.Error("failed", "file", name, "error", err.Error(), "hint", advice)
		return
	}
	text := fmt.Sprintf("error: %s: %s", name, withoutName(name, err))
	if advice != "" {
		text += "; " + advice
	}
	r.line(text)
}

// Aside runs f, which writes to the terminal too, while there is no moving line.
func (r *Report) Aside(f func() error) error {
	if !r.terminal {
		return f()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clear()
	return f()
}

// oneLine returns text as a line that a terminal does not act on.
func oneLine(s string) string { return visible.Text(strings.ReplaceAll(s, "\n", "; ")) }

// withoutName is an error's text without the name of the recording at its start, which the
// line has already.
func withoutName(name string, err error) string {
	text := err.Error()
	for {
		rest := text
		for _, op := range []string{"open ", "read ", "transcribe ", "align "} {
			rest = strings.TrimPrefix(rest, op+name+": ")
		}
		if rest == text {
			return text
		}
		text = rest
	}
}

// line writes a line of its own, over the moving one.
func (r *Report) line(text string) {
	r.clear()
	fmt.Fprintln(r.w, oneLine(text))
}

// clear takes the moving line away.
func (r *Report) clear() {
	if r.drawn {
		fmt.Fprint(r.w, "\r\x1b[K")
		r.drawn = false
	}
}

// Close ends the moving line.
func (r *Report) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clear()
}
