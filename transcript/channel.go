package transcript

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"
)

// Formats that have no field for the channel (text, timed, SRT, TSV, Audacity) write it
// before the text, as in "Channel 2: yes", when a transcript has several channels.
// Readers take it off again where all segments have it and it is not always the same.
// People count channels from one, as CTM does; JSON and Label Studio count from zero.

// channels returns the channels of t in order.
func (t *Transcript) channels() []int {
	seen := map[int]bool{}
	var out []int
	for i := range t.Segments {
		if c := t.Segments[i].Channel; !seen[c] {
			seen[c] = true
			out = append(out, c)
		}
	}
	return out
}

// severalChannels reports whether the channels of t must be distinguished: whether something
// was said on more than one.
func (t *Transcript) severalChannels() bool {
	first := -1
	for i := range t.Segments {
		switch {
		case t.Segments[i].text() == "":
		case first < 0:
			first = i
		case t.Segments[i].Channel != t.Segments[first].Channel:
			return true
		}
	}
	return false
}

// channelName returns what a channel is called.
func (o *WriteOptions) channelName(channel int) string {
	switch name := o.speaker(channel); {
	case name != "":
		return name
	case channel == Mixed:
		return "Mixed"
	}
	return "Channel " + strconv.Itoa(channel+1)
}

// speaker returns who speaks on a channel, or nothing if nobody is named.
func (o *WriteOptions) speaker(channel int) string {
	if channel < 0 || channel >= len(o.Speakers) {
		return ""
	}
	return o.Speakers[channel]
}

// prefixed returns the text of s with its channel before it if there are several.
func (s *Segment) prefixed(several bool, o *WriteOptions) string {
	if several {
		return o.channelName(s.Channel) + ": " + s.text()
	}
	return s.text()
}

// takeChannels moves the channels that prefixed wrote from the texts to where they
// belong.
func takeChannels(segments []Segment) {
	takePrefixes(segments, regexp.MustCompile(`^(?:Channel ([1-9][0-9]{0,3})|Mixed):(?: |$)`), parseChannel)
}

// TakeSpeakers moves the names that formats without a field for the channel write before each text, as
// in "Agent: yes", to where they belong: a segment gets the channel whose speaker is named. It does so
// only where all segments have a name and it is not always the same; see WriteOptions.Speakers.
func (t *Transcript) TakeSpeakers(names []string) {
	var all []string
	channels := map[string]int{}
	for i, name := range names {
		if name = oneLine(name); name != "" {
			all = append(all, regexp.QuoteMeta(name))
			channels[name] = i
		}
	}
	if len(all) > 0 {
		takePrefixes(t.Segments, regexp.MustCompile(`^(`+strings.Join(all, "|")+`):(?: |$)`), func(name string) int { return channels[name] })
	}
}

// takePrefixes takes what a pattern finds off all texts, and has the channel made of its first group.
func takePrefixes(segments []Segment, prefix *regexp.Regexp, channel func(string) int) {
	several, first := false, ""
	for i := range segments {
		m := prefix.FindString(segments[i].Text)
		if m == "" {
			return
		}
		first = cmp.Or(first, m)
		several = several || m != first
	}
	if !several {
		return
	}
	for i := range segments {
		s := &segments[i]
		m := prefix.FindStringSubmatch(s.Text)
		s.Text = s.Text[len(m[0]):]
		s.Channel = channel(m[1])
	}
}

// parseChannel returns the zero-based channel for a number counted from one, and Mixed
// for anything else.
func parseChannel(s string) int {
	if n, err := strconv.ParseUint(s, 10, 16); err == nil && n > 0 {
		return int(n) - 1
	}
	return Mixed
}
