package main

import (
	"fmt"
	"io"
	"time"

	"github.com/asr-backend/asr-backend/models"
	"github.com/asr-backend/asr-backend/timeline"
)

// meter shows how downloads go on: on a terminal a line that moves, elsewhere a line for
// each file that begins.
type meter struct {
	w        io.Writer
	terminal bool
	file     string // of the moving line
	drawn    bool
	shown    time.Time
	// began and first are when the current connection's first byte was seen and how many
	// bytes were there then: what an earlier run downloaded does not count as speed.
	began time.Time
	first int64
	have  int64
}

// progress is called often; the line is drawn at most five times a second.
func (m *meter) progress(p models.Progress) {
	now := time.Now()
	if file := p.Model + " " + p.File; file != m.file || p.Have < m.have {
		m.file, m.began, m.first, m.shown = file, now, p.Have, time.Time{}
	}
	m.have = p.Have
	if !m.terminal || now.Sub(m.shown) < 200*time.Millisecond && p.Have != p.Total {
		return
	}
	m.shown, m.drawn = now, true
	fmt.Fprintf(m.w, "\r\x1b[K%s", m.text(p, now.Sub(m.began)))
}

// text is the moving line.
func (m *meter) text(p models.Progress, took time.Duration) string {
	text := fmt.Sprintf("%s  %s  %s", p.Model, p.File, megabytes(p.Have))
	if p.Total > 0 {
		text += fmt.Sprintf(" of %s  %d %%", megabytes(p.Total), 100*p.Have/p.Total)
	}
	if took < time.Second {
		return text
	}
	speed := float64(p.Have-m.first) / took.Seconds()
	text += fmt.Sprintf("  %.1f MB/s", speed/1e6)
	if p.Total > p.Have && speed > 0 {
		text += "  " + timeline.Clock(time.Duration(float64(p.Total-p.Have)/speed*float64(time.Second))) + " left"
	}
	return text
}

// line writes a line of its own.
func (m *meter) line(text string) {
	m.end()
	fmt.Fprintln(m.w, text)
}

// end removes the moving line.
func (m *meter) end() {
	if m.drawn {
		fmt.Fprint(m.w, "\r\x1b[K")
		m.drawn = false
	}
}
