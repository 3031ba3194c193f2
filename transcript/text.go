package transcript

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
)

// writeText writes the text of each segment on a line. Segments without text are left
// out.
func writeText(w *bufio.Writer, t *Transcript, _ *WriteOptions) {
	several := t.severalChannels()
	for i := range t.Segments {
		s := &t.Segments[i]
		if text := s.text(); text != "" {
			putPrefix(w, s, several)
			w.WriteString(text)
			w.WriteByte('\n')
		}
	}
}

// writeTimed writes the text of each segment on a line after its times, for people.
func writeTimed(w *bufio.Writer, t *Transcript, _ *WriteOptions) {
	several := t.severalChannels()
	for i := range t.Segments {
		s := &t.Segments[i]
		w.WriteByte('[')
		putClock(w, millis(s.Start), '.')
		w.WriteString(" --> ")
		putClock(w, millis(s.End), '.')
		w.WriteString("]  ")
		putPrefix(w, s, several)
		w.WriteString(s.text())
		w.WriteByte('\n')
	}
}

var timedLine = regexp.MustCompile(`^\s*\[\s*([0-9][0-9:.,]*)s?\s*-{1,2}>\s*([0-9][0-9:.,]*)s?\s*\](.*)$`)

func timedStamp(s string) (time.Duration, error) {
	if strings.Contains(s, ":") {
		return parseClock(s)
	}
	return parseSeconds(s)
}

// readTimed reads what writeTimed writes, and what whisper.cpp and other descendants of
// Whisper write to a terminal: a line a segment with its times in square brackets, as
// hours, minutes and seconds or as seconds.
func readTimed(r io.Reader) (*Transcript, error) {
	in := newLineReader(r)
	t := &Transcript{}
	var faults faults
	var budget budget
	used := 0
	for line, ok := in.next(); ok; line, ok = in.next() {
		if isBlank(line) {
			continue
		}
		m := timedLine.FindStringSubmatch(plainLine(line))
		if m == nil {
			faults.addf(in.n, "no times in square brackets, so that it is left out")
			continue
		}
		_, text, _ := strings.Cut(line, "]")
		s := Segment{Text: oneLine(text), Channel: Mixed}
		var err error
		if s.Start, s.End, err = tableTimes(m[1], m[2], timedStamp); err == nil {
			used++
		} else if faults.addf(in.n, "%w, so that its times are not used", err); s.Text == "" {
			continue
		}
		if err := budget.segment(); err != nil {
			return nil, in.errorf("%w", err)
		}
		t.Segments = append(t.Segments, s)
	}
	if err := in.err(); err != nil {
		return nil, err
	}
	if err := faults.judge(t, used); err != nil {
		return nil, err
	}
	takeChannels(t.Segments)
	return t, nil
}

// readText reads plain text, one segment a paragraph, all without times. If the text has
// a blank line between other lines, blank lines end paragraphs, as in a book broken at
// column 72; if it has none, each line is a paragraph, as writeText writes them. Where
// lines name their channels, those of a channel come to stand together.
//
// Text with times is read in the format that its first lines have: nobody says times.
func readText(r io.Reader) (*Transcript, error) {
	b := bufio.NewReaderSize(r, detectBytes)
	head, _ := b.Peek(detectBytes) // an error comes again with the first Read
	if f := detect(head); f != Text {
		t, err := f.codec().read(b)
		if err != nil {
			return nil, fmt.Errorf("the file looks like %s: %w", f, err)
		}
		t.Diagnostics.ReadWarnings = append(t.Diagnostics.ReadWarnings, fmt.Sprintf("The text has times in the way of the format %s, and was read as that.", f))
		return t, nil
	}
	return readParagraphs(b)
}

func readParagraphs(r io.Reader) (*Transcript, error) {
	in := newLineReader(r)
	t := &Transcript{}
	var budget budget
	var starts []int // the lines that follow a blank line
	blank := false
	for line, ok := in.next(); ok; line, ok = in.next() {
		text := oneLine(line)
		if text == "" {
			blank = len(t.Segments) > 0
			continue
		}
		if blank {
			starts = append(starts, len(t.Segments))
			blank = false
		}
		if err := budget.segment(); err != nil {
			return nil, in.errorf("%w", err)
		}
		t.Segments = append(t.Segments, Segment{Text: text, Channel: Mixed})
	}
	if err := in.err(); err != nil {
		return nil, err
	}
	if len(starts) > 0 {
		t.Segments = joinParagraphs(t.Segments, starts)
	}
	takeChannels(t.Segments)
	return t, nil
}

// joinParagraphs joins the lines from each start to the next.
func joinParagraphs(lines []Segment, starts []int) []Segment {
	out := make([]Segment, 0, len(starts)+1)
	from := 0
	for _, to := range append(starts, len(lines)) {
		var text lineJoiner
		for _, s := range lines[from:to] {
			text.add(s.Text)
		}
		out = append(out, Segment{Text: text.String(), Channel: Mixed})
		from = to
	}
	return out
}
