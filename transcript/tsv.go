package transcript

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// writeTSV writes the table that Whisper writes: a line "start end text" with tabs
// between, then a line a segment with whole milliseconds.
func writeTSV(w *bufio.Writer, t *Transcript, _ *WriteOptions) {
	several := t.severalChannels()
	w.WriteString("start\tend\ttext\n")
	for i := range t.Segments {
		s := &t.Segments[i]
		putInt(w, millis(s.Start))
		w.WriteByte('\t')
		putInt(w, millis(s.End))
		w.WriteByte('\t')
		putPrefix(w, s, several)
		w.WriteString(s.text())
		w.WriteByte('\n')
	}
}

// readTSV reads the table that writeTSV writes; the first line may be missing.
func readTSV(r io.Reader) (*Transcript, error) {
	return readTable(r, parseMillis, func(line string) bool {
		return strings.HasPrefix(strings.ToLower(line), "start\t")
	})
}

// writeAudacity writes a label track as Audacity imports it: start, end and label of each
// segment, seconds with six decimals, with tabs between.
func writeAudacity(w *bufio.Writer, t *Transcript, _ *WriteOptions) {
	several := t.severalChannels()
	for i := range t.Segments {
		s := &t.Segments[i]
		putSeconds(w, s.Start, 6)
		w.WriteByte('\t')
		putSeconds(w, s.End, 6)
		w.WriteByte('\t')
		putPrefix(w, s, several)
		w.WriteString(s.text())
		w.WriteByte('\n')
	}
}

// readAudacity reads a label track. Lines that begin with a backslash, where Audacity
// keeps the frequencies of a spectral selection, are left out.
func readAudacity(r io.Reader) (*Transcript, error) {
	return readTable(r, parseSeconds, func(line string) bool { return strings.HasPrefix(line, `\`) })
}

// readTable reads lines of start, end and text with tabs between. Lines for which leave
// is true are left out, as are blank ones.
func readTable(r io.Reader, parse func(string) (time.Duration, error), leave func(string) bool) (*Transcript, error) {
	in := newLineReader(r)
	t := &Transcript{}
	var budget budget
	for line, ok := in.next(); ok; line, ok = in.next() {
		if strings.TrimSpace(line) == "" || leave(line) {
			continue
		}
		f := strings.SplitN(line, "\t", 3)
		if len(f) < 2 {
			return nil, in.errorf("no start, end and text with tabs between")
		}
		f = append(f, "") // a label may be missing
		start, err := parse(strings.TrimSpace(f[0]))
		if err != nil {
			return nil, in.errorf("%w", err)
		}
		end, err := parse(strings.TrimSpace(f[1]))
		if err != nil {
			return nil, in.errorf("%w", err)
		}
		if end < start {
			return nil, in.errorf("end %s is before start %s", f[1], f[0])
		}
		if err := budget.segment(); err != nil {
			return nil, in.errorf("%w", err)
		}
		t.Segments = append(t.Segments, Segment{Start: start, End: end, Text: oneLine(f[2]), Channel: Mixed})
	}
	if err := in.err(); err != nil {
		return nil, err
	}
	takeChannels(t.Segments)
	return t, nil
}

func parseMillis(s string) (time.Duration, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n > uint64(maxTime/time.Millisecond) {
		return 0, fmt.Errorf("%s is not a time in whole milliseconds", quote(s))
	}
	return time.Duration(n) * time.Millisecond, nil
}
