package transcript

import (
	"errors"
	"html"
	"io"
	"regexp"
	"strings"
)

// readSRT reads SubRip subtitles, one segment a cue, as they are found in the wild: a
// point for the comma, hours or fractions left out, positions after the times, cue
// numbers missing, no blank line before a cue or one inside its text. The tags of players
// (<i>, {\an8} and the like) are taken off.
func readSRT(r io.Reader) (*Transcript, error) {
	return readCues(r, false)
}

// readVTT reads WebVTT subtitles, one segment a cue. Comments, styles, regions, settings
// and tags are taken off; the voices that writeVTT wrote become channels. What stands
// between cues and is none of these is dropped, as the standard says.
func readVTT(r io.Reader) (*Transcript, error) {
	return readCues(r, true)
}

// A cueReader takes a file line by line. All that stands between one line of times and
// the next is the text of the cue (in WebVTT, up to the first blank line), except a line
// of digits right before the times, which is the number of the next cue. So one line is
// always held back.
type cueReader struct {
	vtt    bool
	t      *Transcript
	budget budget
	open   bool       // a cue is being read
	text   lineJoiner // its text without the line held back
	held   string
	holds  bool
	blank  bool // a blank line came since
	header bool // WEBVTT was seen
}

var (
	timingLine = regexp.MustCompile(`^\s*(-?[0-9][0-9:.,]*)\s*-->\s*(\S*)`)
	onlyDigits = regexp.MustCompile(`^\s*[0-9]+\s*$`)
	lineBreak  = regexp.MustCompile(`(?i)<br ?/?>`)
	srtTag     = regexp.MustCompile(`(?i)</?(?:b|i|u|s|font|em|strong|span|c|v|lang|ruby|rt)(?:[ .=][^<>]*)?>|\{\\[^{}]*\}`)
	vttTag     = regexp.MustCompile(`<[^<>]*>?`)
	vttVoice   = regexp.MustCompile(`<v[^ <>]* (?:Channel ([1-9][0-9]{0,3})|Mixed)>`)
)

func readCues(r io.Reader, vtt bool) (*Transcript, error) {
	in := newLineReader(r)
	c := &cueReader{vtt: vtt, t: &Transcript{}}
	for line, ok := in.next(); ok; line, ok = in.next() {
		var err error
		var m []string
		if strings.Contains(line, "-->") {
			m = timingLine.FindStringSubmatch(line)
		}
		if m != nil {
			err = c.begin(m[1], m[2])
		} else if strings.TrimSpace(line) == "" {
			c.blank = true
		} else {
			err = c.textLine(line)
		}
		if err != nil {
			return nil, in.errorf("%w", err)
		}
	}
	if err := in.err(); err != nil {
		return nil, err
	}
	if !c.open && c.holds {
		return nil, in.errorf("no cue in the whole file")
	}
	c.finish()
	if !vtt {
		takeChannels(c.t.Segments)
	}
	return c.t, nil
}

func (c *cueReader) textLine(line string) error {
	switch {
	case c.vtt && c.open && c.blank:
		return nil // a comment, a style or a name
	case c.vtt && !c.open:
		c.header = c.header || strings.HasPrefix(line, "WEBVTT")
		c.holds = !c.header
		return nil
	case !c.open && c.holds:
		return errors.New("text before the first cue")
	case c.holds && c.open:
		c.text.add(c.held)
	}
	c.held, c.holds, c.blank = line, true, false
	return nil
}

// begin ends the cue being read and begins one with the given times.
func (c *cueReader) begin(from, to string) error {
	if c.holds && !c.blank && onlyDigits.MatchString(c.held) {
		c.holds = false
	}
	if c.holds && !c.open && !c.vtt {
		return errors.New("text before the first cue")
	}
	c.finish()
	start, err := parseClock(from)
	if err != nil {
		return err
	}
	end, err := parseClock(to)
	if err != nil {
		return err
	}
	if end < start {
		return errors.New("the cue ends before it starts")
	}
	c.open, c.blank = true, false
	c.t.Segments = append(c.t.Segments, Segment{Start: start, End: end, Channel: Mixed})
	return c.budget.segment()
}

// finish gives the cue being read its text.
func (c *cueReader) finish() {
	if !c.open {
		c.holds = false
		return
	}
	if c.holds {
		c.text.add(c.held)
	}
	text := lineBreak.ReplaceAllString(c.text.String(), " ")
	c.text, c.holds = lineJoiner{}, false
	s := &c.t.Segments[len(c.t.Segments)-1]
	if c.vtt {
		if m := vttVoice.FindStringSubmatch(text); m != nil {
			s.Channel = parseChannel(m[1])
		}
		text = html.UnescapeString(vttTag.ReplaceAllString(text, ""))
	} else {
		text = srtUnguard.Replace(srtTag.ReplaceAllString(text, ""))
	}
	s.Text = oneLine(text)
}
