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
func writeTSV(w *bufio.Writer, t *Transcript, o *WriteOptions) {
	several := t.severalChannels()
	w.WriteString("start\tend\ttext\n")
	for i := range t.Segments {
		s := &t.Segments[i]
		fmt.Fprintf(w, "%d\t%d\t%s\n", millis(s.Start), millis(s.End), s.prefixed(several, o))
	}
}

// readTSV reads the table that writeTSV writes; the first line may be missing.
func readTSV(r io.Reader) (*Transcript, error) {
	return readTable(r, parseMillis, func(line string) bool {
		return isTSVHeader(plainLine(line))
	})
}

// writeAudacity writes a label track as Audacity imports it: start, end and label of each
// segment, seconds with six decimals, with tabs between.
func writeAudacity(w *bufio.Writer, t *Transcript, o *WriteOptions) {
	several := t.severalChannels()
	for i := range t.Segments {
		s := &t.Segments[i]
		fmt.Fprintf(w, "%s\t%s\t%s\n", fixed(s.Start, 6), fixed(s.End, 6), s.prefixed(several, o))
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
	t := &Transcript{}
	var faults faults
	var budget budget
	used := 0
	err := eachLine(r, func(n int, line string) error {
		if strings.TrimSpace(line) == "" || leave(line) {
			return nil
		}
		f := strings.SplitN(line, "\t", 3)
		if len(f) < 2 {
			faults.addf(n, "no start, end and text with tabs between")
			return nil
		}
		f = append(f, "") // a label may be missing
		s := Segment{Text: oneLine(f[2]), Channel: Mixed}
		var err error
		if s.Start, s.End, err = tableTimes(f[0], f[1], parse); err == nil {
			used++
		} else if faults.addf(n, "%w, so that its times are not used", err); s.Text == "" {
			return nil
		}
		t.Segments = append(t.Segments, s)
		return budget.segment()
	})
	if err != nil {
		return nil, err
	}
	if err := faults.judge(t, used); err != nil {
		return nil, err
	}
	takeChannels(t.Segments)
	return t, nil
}

func tableTimes(from, to string, parse func(string) (time.Duration, error)) (start, end time.Duration, err error) {
	from, to = strings.TrimSpace(plainLine(from)), strings.TrimSpace(plainLine(to))
	if start, err = parse(from); err == nil {
		end, err = parse(to)
	}
	if err == nil && end < start {
		err = fmt.Errorf("end %s is before start %s", quote(to), quote(from))
	}
	if err != nil {
		return unknown, unknown, err
	}
	return start, end, nil
}

func parseMillis(s string) (time.Duration, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n > uint64(maxTime/time.Millisecond) {
		return 0, fmt.Errorf("%s is not a time in whole milliseconds", quote(s))
	}
	return time.Duration(n) * time.Millisecond, nil
}
