package labelconfig

import (
	"iter"
	"strings"
)

// DecodesWhole returns the Audio tags for which Label Studio's page decodes the whole recording
// before it shows anything: those with decoder="webaudio", which is the default. The browser
// holds every sample of every channel then, and gives up on recordings of hours. The other
// values are "ffmpeg", which decodes in pieces, and "none", which draws no waveform.
func (c *Config) DecodesWhole() []*Object {
	var out []*Object
	for _, o := range c.Objects {
		if d := o.Attrs[decoder]; o.Is("Audio", "AudioPlus") && (d == "" || d == "webaudio") {
			out = append(out, o)
		}
	}
	return out
}

const decoder = "decoder"

// WithDecoder returns the tag as it is written in the configuration, with the attribute decoder
// set to a value.
func (o *Object) WithDecoder(value string) string {
	set := " " + decoder + `="` + value + `"`
	at, written := endOfName(o.Source), false
	var out strings.Builder
	out.WriteString(o.Source[:at])
	for a := range attributes(o.Source) {
		name := strings.TrimSpace(o.Source[a.start:a.equals])
		if !strings.EqualFold(name, decoder) {
			out.WriteString(o.Source[at:a.end])
		} else if !written { // else the tag has it twice, in different case
			out.WriteString(set)
			written = true
		}
		at = a.end
	}
	if !written {
		out.WriteString(set)
	}
	out.WriteString(o.Source[at:])
	return out.String()
}

// attribute is where an attribute is in a tag: the space before its name, its equals sign, and
// what follows its value.
type attribute struct{ start, equals, end int }

// attributes finds the attributes of a start tag that is known to be well-formed.
func attributes(tag string) iter.Seq[attribute] {
	return func(yield func(attribute) bool) {
		for at := endOfName(tag); ; {
			equals := strings.IndexByte(tag[at:], '=')
			if equals < 0 {
				return
			}
			equals += at
			open := strings.IndexAny(tag[equals:], `"'`)
			if open < 0 {
				return
			}
			open += equals
			length := strings.IndexByte(tag[open+1:], tag[open])
			if length < 0 {
				return
			}
			end := open + 1 + length + 1
			if !yield(attribute{at, equals, end}) {
				return
			}
			at = end
		}
	}
}

// endOfName is where the name of a start tag ends.
func endOfName(tag string) int { return strings.IndexAny(tag, " \t\r\n/>") }
