package transcript

import (
	"bufio"
	"fmt"
	"strings"
)

// writeVTT writes WebVTT subtitles after the W3C's recommendation: cues in order of their
// start, & < > escaped, the channel as a voice if there are several. With
// WriteOptions.WordTimes each word of a cue but the first has a timestamp before it, for
// players that show words as they are spoken.
func writeVTT(w *bufio.Writer, t *Transcript, o *WriteOptions) {
	several := t.severalChannels()
	w.WriteString("WEBVTT\n\n")
	eachCue(t, o, false, func(c *cue) {
		fmt.Fprintf(w, "%s --> %s\n", clockMillis(c.start, '.'), clockMillis(c.end, '.'))
		if several {
			w.WriteString("<v " + escapeVTT.Replace(o.channelName(c.channel)) + ">")
		}
		said := c.start
		for _, line := range c.lines {
			for i := range line {
				a := &line[i]
				if i > 0 && a.space {
					w.WriteByte(' ')
				}
				// The timestamps of a cue must lie inside it and rise.
				if at := millis(a.start); o.WordTimes && a.word && at > said && at < c.end {
					w.WriteString("<" + clockMillis(at, '.') + ">")
					said = at
				}
				escapeVTT.WriteString(w, a.text)
			}
			w.WriteByte('\n')
		}
		w.WriteByte('\n')
	})
}

// Commands such as {\an8} are none of WebVTT's, but files made from SubRip have them, and
// readers take them off.
var escapeVTT = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `{\`, "{"+guard+`\`)
