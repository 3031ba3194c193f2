package transcript

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Formats of which it is not said that they are one: a text file may hold anything. Only
// what no running text looks like counts, and what is not known is Text.

const (
	detectBytes = 64 << 10 // how much of a file is looked at
	detectLines = 40       // how many lines that are not blank
	timesWithin = 10       // within how many of them subtitles have their first times
)

// detect returns the format of a file that begins with head.
func detect(head []byte) Format {
	lines := firstLines(head)
	if len(lines) == 0 {
		return Text
	}
	first := lines[0]
	switch {
	case strings.HasPrefix(first, "WEBVTT") && hasTimes(lines):
		return VTT
	case hasTimes(lines[:min(len(lines), timesWithin)]):
		return SRT
	case strings.Contains(first, `"ooTextFile`):
		return TextGrid
	case isJSON(strings.Join(lines, "\n")):
		return JSON
	case shareOf(lines, func(line string) bool { return timedLine.MatchString(line) || stampedLine.MatchString(line) }) > 0.5,
		stampAlone.MatchString(first) && len(lines) > 2 && shareOf(lines, stampAlone.MatchString) > 0.3:
		return Timed
	case shareOf(lines, func(line string) bool { return isCTM(line) || isCTMComment(line) }) == 1 && slices.ContainsFunc(lines, isCTM):
		return CTM
	}
	return detectTable(lines)
}

// firstLines returns the first lines that are not blank, as plainLine has them. The last
// line of head may be cut off, even within a character, and is left out if others are
// there.
func firstLines(head []byte) []string {
	full := len(head) == detectBytes // there is more
	if full {
		last := len(head) - 1
		for last > len(head)-utf8.UTFMax && !utf8.RuneStart(head[last]) {
			last--
		}
		if !utf8.FullRune(head[last:]) {
			head = head[:last]
		}
	}
	in := newLineReader(bytes.NewReader(head))
	var lines []string
	for line, ok := in.next(); ok && len(lines) < detectLines; line, ok = in.next() {
		if !isBlank(line) {
			lines = append(lines, strings.TrimSpace(plainLine(line)))
		}
	}
	if n := len(lines); n > 1 && n < detectLines && full {
		lines = lines[:n-1]
	}
	return lines
}

// hasTimes reports whether one of the lines is that of a cue.
func hasTimes(lines []string) bool {
	for _, line := range lines {
		if !strings.Contains(line, "-->") {
			continue
		}
		if times := timesOf(line, false); times != nil {
			if start, end, err := cueTimes(times[0], times[1]); err == nil && start < end {
				return true
			}
		}
	}
	return false
}

// isJSON reports whether a text begins as an object, or as a list of objects, does: with a key.
// Braces and quotes alone may be what was said.
func isJSON(text string) bool { return jsonStart.MatchString(text) }

var jsonStart = regexp.MustCompile(`^(\[\s*)?\{\s*"[^"\\\n]+"\s*:`)

func isCTMComment(line string) bool {
	return strings.HasPrefix(line, ";;") || strings.Contains(line, " * * <ALT")
}

// isCTM reports whether a line is a word of CTM.
func isCTM(line string) bool {
	f := strings.Fields(line)
	if len(f) < 5 || len(f) > 7 || ctmChannelIndex(f[1]) == Mixed {
		return false
	}
	_, err1 := parseSeconds(f[2])
	_, err2 := parseSeconds(f[3])
	return err1 == nil && err2 == nil && strings.Contains(f[2]+f[3], ".")
}

// detectTable distinguishes tables of seconds, Audacity's labels, from those of milliseconds.
func detectTable(lines []string) Format {
	tsv := isTSVHeader(lines[0])
	if tsv {
		lines = lines[1:]
	}
	rows, fractions := 0, false
	for _, line := range lines {
		if strings.HasPrefix(line, `\`) && strings.Contains(line, "\t") {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) < 2 {
			continue
		}
		_, _, err := tableTimes(f[0], f[1], parseSeconds)
		if err != nil {
			continue
		}
		rows++
		if _, err := strconv.ParseUint(strings.TrimSpace(f[0]), 10, 64); err != nil {
			fractions = true
		}
	}
	switch {
	case 2*rows <= len(lines):
		return Text
	case tsv || !fractions:
		return TSV
	}
	return Audacity
}

func isTSVHeader(line string) bool { return strings.HasPrefix(strings.ToLower(line), "start\t") }

// shareOf returns the share of lines that are what is asked for.
func shareOf(lines []string, is func(string) bool) float64 {
	n := 0
	for _, line := range lines {
		if is(line) {
			n++
		}
	}
	return float64(n) / float64(len(lines))
}
