package transcript

import (
	"io"
	"regexp"
	"strings"
	"time"
)

var (
	timedLine   = regexp.MustCompile(`^\s*\[\s*([0-9][0-9:.,]*)s?\s*-{1,2}>\s*([0-9][0-9:.,]*)s?\s*\]`)
	stampedLine = regexp.MustCompile(`^\s*\[\s*([0-9]{1,3}(?::[0-9]{2}){1,2}(?:[.,][0-9]{1,3})?)\s*\]`)
	stampAlone  = regexp.MustCompile(`^\s*([0-9]{1,3}(?::[0-9]{2}){1,2}(?:[.,][0-9]{1,3})?)\s*$`)
)

// readTimed reads what writeTimed writes, and what whisper.cpp and other descendants of
// Whisper write to a terminal: a line a segment with its times in square brackets, as
// hours, minutes and seconds or as seconds.
//
// One time in brackets, as in the lyrics of a song, or on a line of its own, as in what is
// copied from a video's page, is where the text after it begins. Where it ends is not
// known: such segments have no length.
func readTimed(r io.Reader) (*Transcript, error) {
	d := timedReader{t: &Transcript{}}
	if err := eachLine(r, d.line); err != nil {
		return nil, err
	}
	if err := d.faults.judge(d.t, d.used); err != nil {
		return nil, err
	}
	takeChannels(d.t.Segments)
	return d.t, nil
}

type timedReader struct {
	t      *Transcript
	faults faults
	budget budget
	used   int
	goesOn bool // lines without times belong to the segment before: its time had its own line
}

func (d *timedReader) line(n int, line string) error {
	plain := plainLine(line)
	if isBlank(line) {
		return nil
	}
	if m := timedLine.FindStringSubmatch(plain); m != nil {
		_, text, _ := strings.Cut(line, "]")
		start, end, err := tableTimes(m[1], m[2], parseStamp)
		return d.segment(n, start, end, err, text)
	}
	m, text := stampedLine.FindStringSubmatch(plain), ""
	if m != nil {
		_, text, _ = strings.Cut(line, "]")
	} else {
		m = stampAlone.FindStringSubmatch(plain)
	}
	switch {
	case m != nil:
		start, err := parseClock(m[1])
		err2 := d.segment(n, start, unknown, err, text)
		d.goesOn = oneLine(text) == ""
		return err2
	case d.goesOn:
		s := &d.t.Segments[len(d.t.Segments)-1]
		var joined lineJoiner
		joined.add(s.Text)
		joined.add(oneLine(line))
		s.Text = joined.String()
	default:
		d.faults.addf(n, "no times in square brackets, so that it is left out")
	}
	return nil
}

func (d *timedReader) segment(n int, start, end time.Duration, err error, text string) error {
	d.goesOn = false
	if err == nil {
		d.used++
	} else {
		d.faults.addf(n, "%w, so that its times are not used", err)
		start, end = unknown, unknown
	}
	d.t.Segments = append(d.t.Segments, Segment{Start: start, End: end, Text: oneLine(text), Channel: Mixed})
	return d.budget.segment()
}

// parseStamp reads hours, minutes and seconds, or seconds.
func parseStamp(s string) (time.Duration, error) {
	if strings.Contains(s, ":") {
		return parseClock(s)
	}
	return parseSeconds(s)
}
