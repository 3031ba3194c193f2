package audio

import (
	"bufio"
	"io"
	"strconv"
	"strings"
	"time"

	"asr-backend/timeline"
)

// ffmpegReport is what an ffmpeg process writes to its standard error, each line with
// its level: facts of the input first, complaints at any time.
type ffmpegReport struct {
	path     string
	opened   chan struct{} // closed when the facts are complete
	finished chan struct{} // closed when the process closed its side

	facts      ffmpegFacts // complete once opened is closed
	complaints []string    // complete once finished is closed
	more       int         // complaints that were not kept
}

type ffmpegFacts struct {
	version, container, codec string
	duration                  timeline.Sample // -1 if not known
	tracks                    int
	video                     bool
}

const (
	maxComplaints   = 5
	maxComplaintLen = 200
)

// readReport reads r to its end in the background. Complaints lose the path before them.
func readReport(r io.Reader, path string) *ffmpegReport {
	p := &ffmpegReport{path: path, opened: make(chan struct{}), finished: make(chan struct{})}
	p.facts.duration = -1
	go func() {
		defer close(p.finished)
		lines := bufio.NewReaderSize(r, 4096)
		opened := false
		for {
			// A longer line comes in pieces; the pieces have no level and are dropped.
			line, err := lines.ReadSlice('\n')
			if !opened && p.line(string(line)) {
				opened = true
				close(p.opened)
			}
			p.complain(string(line))
			if err != nil && err != bufio.ErrBufferFull {
				if !opened {
					close(p.opened)
				}
				return
			}
		}
	}()
	return p
}

// head returns the facts, once ffmpeg has written them all.
func (p *ffmpegReport) head() ffmpegFacts {
	<-p.opened
	return p.facts
}

// said returns the complaints in one line, once the process has ended.
func (p *ffmpegReport) said() string {
	<-p.finished
	s := strings.Join(p.complaints, "; ")
	if p.more > 0 {
		s += "; and " + counted(p.more, "message") + " more"
	}
	return s
}

// line takes a fact and says whether it was the last. Indentation tells ffmpeg's own
// lines from a title that looks like one.
func (p *ffmpegReport) line(s string) (last bool) {
	s, ok := strings.CutPrefix(strings.TrimRight(s, "\r\n"), "[info] ")
	if !ok {
		return false
	}
	f := &p.facts
	switch {
	case strings.HasPrefix(s, "ffmpeg version "):
		f.version = ffmpegVersion(s)
	case strings.HasPrefix(s, "Input #0, "):
		f.container, _, _ = strings.Cut(strings.TrimPrefix(s, "Input #0, "), ", from ")
	case strings.HasPrefix(s, "  Duration: "):
		text, _, _ := strings.Cut(strings.TrimPrefix(s, "  Duration: "), ",")
		f.duration = parseClock(text)
	case strings.HasPrefix(s, "  Stream #0:"):
		_, kind, _ := strings.Cut(s, ": ")
		if codec, ok := strings.CutPrefix(kind, "Audio: "); ok {
			if f.tracks++; f.tracks == 1 {
				f.codec, _, _ = strings.Cut(codec, ",")
				f.codec, _, _ = strings.Cut(f.codec, " (0x")
			}
		}
		f.video = f.video || strings.HasPrefix(kind, "Video: ")
	case strings.HasPrefix(s, "Stream mapping:"), strings.HasPrefix(s, "Output #0"):
		return true
	}
	return false
}

// complain keeps errors.
func (p *ffmpegReport) complain(s string) {
	s = strings.TrimRight(s, "\r\n")
	// A component comes before the level: "[aac @ 0x55d] [error] text".
	level := strings.Index(s, "[error] ")
	if level < 0 {
		level = strings.Index(s, "[fatal] ")
	}
	if level < 0 {
		return
	}
	s = strings.TrimPrefix(s[level+len("[error] "):], p.path)
	if len(p.complaints) >= maxComplaints {
		p.more++
		return
	}
	if len(s) > maxComplaintLen {
		s = strings.ToValidUTF8(s[:maxComplaintLen], "") + "..."
	}
	p.complaints = append(p.complaints, s)
}

// parseClock reads "01:02:03.45", or returns -1.
func parseClock(s string) timeline.Sample {
	parts := strings.Split(s, ":")
	if len(parts) != 3 {
		return -1
	}
	h, err1 := strconv.Atoi(parts[0])
	m, err2 := strconv.Atoi(parts[1])
	sec, err3 := strconv.ParseFloat(parts[2], 64)
	if err1 != nil || err2 != nil || err3 != nil || h < 0 || h > 1<<20 {
		return -1
	}
	return timeline.SampleAt(time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(sec*float64(time.Second)))
}
