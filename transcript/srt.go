package transcript

import (
	"bufio"
	"fmt"
	"strings"
)

// writeSRT writes SubRip subtitles: a number, a line of times, one or two lines of text,
// a blank line.
func writeSRT(w *bufio.Writer, t *Transcript, o *WriteOptions) {
	several := t.severalChannels()
	n := 0
	eachCue(t, o, several, func(c *cue) {
		n++
		fmt.Fprintf(w, "%d\n%s --> %s\n", n, clockMillis(c.start, ','), clockMillis(c.end, ','))
		if several {
			w.WriteString(guardSRT(o.channelName(c.channel)) + ": ")
		}
		for _, line := range c.lines {
			w.WriteString(guardSRT(lineText(line)) + "\n")
		}
		w.WriteByte('\n')
	})
}

// lineText returns the text of a line.
func lineText(line []atom) string {
	var b strings.Builder
	for i := range line {
		if i > 0 && line[i].space {
			b.WriteByte(' ')
		}
		b.WriteString(line[i].text)
	}
	return b.String()
}

// guard is U+2060 WORD JOINER, which has no width and is not seen.
const guard = "\u2060"

// SubRip has no escapes, and players take <b>, {\an8}, --> and some of them &amp; for
// markup: a piece such as <unk> would vanish. A guard inside keeps them from it; readSRT
// takes it out again.
var (
	srtGuard   = strings.NewReplacer("<", "<"+guard, `{\`, "{"+guard+`\`, "-->", "--"+guard+">")
	srtUnguard = strings.NewReplacer("&"+guard, "&", "<"+guard, "<", "{"+guard+`\`, `{\`, "--"+guard+">", "-->")
)

func guardSRT(line string) string {
	if !strings.ContainsAny(line, "&<{>") {
		return line
	}
	line = srtEntity.ReplaceAllStringFunc(line, func(e string) string { return "&" + guard + e[1:] })
	return srtGuard.Replace(line)
}
