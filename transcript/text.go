package transcript

import (
	"bufio"
	"fmt"
	"io"
)

// writeText writes the text of each segment on a line. Segments without text are left
// out.
func writeText(w *bufio.Writer, t *Transcript, o *WriteOptions) {
	several := t.severalChannels()
	for i := range t.Segments {
		s := &t.Segments[i]
		if s.text() != "" {
			w.WriteString(s.prefixed(several, o) + "\n")
		}
	}
}

// writeTimed writes the text of each segment on a line after its times, for people.
func writeTimed(w *bufio.Writer, t *Transcript, o *WriteOptions) {
	several := t.severalChannels()
	for i := range t.Segments {
		s := &t.Segments[i]
		fmt.Fprintf(w, "[%s --> %s]  %s\n", clockMillis(millis(s.Start), '.'), clockMillis(millis(s.End), '.'), s.prefixed(several, o))
	}
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
		t.Diagnostics.ReadWarnings = append(t.Diagnostics.ReadWarnings, fmt.Sprintf("The text has times in the format %s and was read as such.", f))
		return t, nil
	}
	return readParagraphs(b)
}

func readParagraphs(r io.Reader) (*Transcript, error) {
	t := &Transcript{}
	var budget budget
	var starts []int // the lines that follow a blank line
	blank := false
	err := eachLine(r, func(_ int, line string) error {
		text := oneLine(line)
		if text == "" {
			blank = len(t.Segments) > 0
			return nil
		}
		if blank {
			starts = append(starts, len(t.Segments))
			blank = false
		}
		t.Segments = append(t.Segments, Segment{Text: text, Channel: Mixed})
		return budget.segment()
	})
	if err != nil {
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
