package audio

import (
	"bufio"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/internal/plural"
	"github.com/asr-backend/asr-backend/timeline"
)

// ffmpegReport is what an ffmpeg process writes to its standard error, each line with
// its level: facts of the input first, complaints at any time.
type ffmpegReport struct {
	path     string
	opened   chan struct{} // closed when the facts are complete
	finished chan struct{} // closed when the process closed its side

	facts      ffmpegFacts // complete once opened is closed
	track      *ffmpegTrack
	complaints []complaint // complete once finished is closed
	more       int         // complaints that were not kept
}

type ffmpegFacts struct {
	version, container string
	duration           timeline.Sample // -1 if not known
	tracks             []ffmpegTrack   // in the order of the file
	others             []string        // codecs of streams that are no sound
	video              bool
	protected          bool
}

// A complaint is an error that ffmpeg reports; of is the component that does, in brackets.
type complaint struct{ of, text string }

const (
	maxKept       = 50 // complaints, some of which may be of no interest
	maxComplaints = 5
	maxLine       = 200
	maxStreams    = 1000
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

// said returns the complaints in one line, once the process has ended. What is wrong with a
// cover picture or a video does not matter here.
func (p *ffmpegReport) said() string {
	<-p.finished
	var s []string
	more := p.more
	for _, c := range p.complaints {
		switch {
		case p.facts.aboutSound(c) && len(s) < maxComplaints:
			s = append(s, c.text)
		case p.facts.aboutSound(c):
			more++
		}
	}
	if more > 0 {
		s = append(s, "and "+plural.Count(more, "message")+" more")
	}
	return strings.Join(s, "; ")
}

// aboutSound says whether a complaint concerns the sound or the file as a whole.
func (f *ffmpegFacts) aboutSound(c complaint) bool {
	if strings.Contains(strings.ToLower(c.text), "attached pic") {
		return false
	}
	// Components are "[mjpeg @ 0x55d]", since version 7 also "[vist#0:1/mjpeg @ 0x55d]".
	for _, kind := range []string{"[vist#", "[sist#", "[swscaler"} {
		if strings.Contains(c.of, kind) {
			return false
		}
	}
	return !slices.ContainsFunc(f.others, func(codec string) bool {
		return strings.Contains(c.of, "["+codec+" @") || strings.Contains(c.of, "[lib"+codec+" @")
	})
}

// line takes a fact and says whether it was the last. Indentation separates ffmpeg's own
// lines from a title that looks like one.
func (p *ffmpegReport) line(s string) (last bool) {
	f := &p.facts
	f.protected = f.protected || strings.Contains(s, "DRM protected stream") || strings.Contains(s, "activation_bytes option is missing")
	s, ok := strings.CutPrefix(strings.TrimRight(s, "\r\n"), "[info] ")
	if !ok {
		return false
	}
	switch {
	case strings.HasPrefix(s, "ffmpeg version "):
		f.version = ffmpegVersion(s)
	case strings.HasPrefix(s, "Input #0, "):
		f.container, _, _ = strings.Cut(strings.TrimPrefix(s, "Input #0, "), ", from ")
	case strings.HasPrefix(s, "  Duration: "):
		text, rest, _ := strings.Cut(strings.TrimPrefix(s, "  Duration: "), ", start: ")
		text, _, _ = strings.Cut(text, ",")
		f.duration = parseClock(text)
		// Matroska counts its length from zero, not from its first timestamp.
		start, _, _ := strings.Cut(rest, ",")
		if s, err := strconv.ParseFloat(start, 64); err == nil && strings.Contains(f.container, "matroska") && s > 0 && s < f.duration.Seconds() {
			f.duration -= timeline.Sample(s * timeline.SampleRate)
		}
	case strings.HasPrefix(s, "  Stream #0:"):
		p.track = f.stream(strings.TrimPrefix(s, "  Stream #0:"))
	case strings.HasPrefix(s, "Stream mapping:"), strings.HasPrefix(s, "Output #0"):
		return true
	case p.track == nil:
	case strings.HasPrefix(s, "      title "):
		_, p.track.title, _ = strings.Cut(s, ": ")
		p.track.title = shorten(p.track.title)
	case strings.HasPrefix(s, "      encryption "), strings.HasPrefix(s, "      Encryption "):
		p.track.protected = true
	case !strings.HasPrefix(s, "    "):
		p.track = nil // metadata of something else follows
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
	if len(p.complaints) >= maxKept {
		p.more++
		return
	}
	text := strings.TrimPrefix(s[level+len("[error] "):], p.path)
	p.complaints = append(p.complaints, complaint{s[:level], shorten(text)})
}

func shorten(s string) string {
	if len(s) > maxLine {
		s = s[:maxLine] + "..."
	}
	return strings.ToValidUTF8(s, "")
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
	if err1 != nil || err2 != nil || err3 != nil || h < 0 || h > 1<<20 || m < 0 || m > 59 || !(sec >= 0 && sec < 61) {
		return -1
	}
	return timeline.SampleAt(time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(sec*float64(time.Second)))
}
