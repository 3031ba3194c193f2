package audio

import (
	"fmt"
	"math"
	"slices"

	"github.com/asr-backend/asr-backend/audio/internal/riff"
	"github.com/asr-backend/asr-backend/timeline"
)

// extent compares the declared length with what is there.
func (d *wavDecoder) extent() {
	h := d.header
	rest := int64(-1) // bytes after the header
	if d.in.size >= 0 {
		rest = max(0, d.in.size-h.DataAt)
	}
	if rest >= 0 {
		d.facts.Estimate = d.length(rest)
	}
	if d.left == riff.Unknown {
		if b, _ := d.in.peek(8); rest == 0 || chunkFollows(b) {
			d.left, d.facts.Declared = 0, 0
		}
		return
	}
	d.facts.Declared = d.length(d.left)
	if d.facts.Estimate < 0 || d.facts.Declared < d.facts.Estimate {
		d.facts.Estimate = d.facts.Declared
	}
	// Beyond 4 GiB, a writer of 32-bit lengths has lost all but the remainder.
	if h.Form != "RF64" && h.Form != "BW64" && rest-d.left >= 1<<32-1<<20 {
		d.note(Mislabelled, 0, "The WAV header cannot express a length beyond 4 GiB; the file was read to its end.")
		d.left = riff.Unknown
		d.facts.Estimate = d.length(rest)
	}
}

// chunkFollows distinguishes an empty data chunk from one whose length was left at zero: after
// the first comes what writers put behind the sound.
func chunkFollows(b []byte) bool {
	if len(b) < 8 {
		return false
	}
	switch string(b[:4]) {
	case "LIST", "id3 ", "ID3 ", "fact", "cue ", "bext", "iXML", "_PMX", "JUNK", "PAD ":
		return true
	}
	return false
}

// end says what was wrong with the sound as a whole.
func (d *wavDecoder) end() {
	if d.ended {
		return
	}
	d.ended = true
	at := at16k(d.facts.SampleRate, d.at)
	switch {
	case d.left >= int64(d.frame):
		d.cut(at, d.facts.Declared)
	case d.left >= 0:
		d.behind(at)
	}
	if d.notNum > 0 {
		d.note(Damaged, 0, fmt.Sprintf("%d samples are not numbers; silence stands for them.", d.notNum))
	}
}

// behind looks at what follows the sound, which ended at the given position: more chunks,
// as a rule, and sometimes more sound.
func (d *wavDecoder) behind(at timeline.Sample) {
	// An I/O error here costs no sound, and ends the search like the end of the file.
	if _, err := d.in.skip(d.left); err != nil {
		return
	}
	for size := d.header.Data; ; {
		if b, _ := d.in.peek(1); size%2 == 1 && len(b) > 0 && b[0] == 0 {
			_, _ = d.in.skip(1) // padding, which some writers forget
		}
		b, _ := d.in.peek(8)
		if len(b) < 8 {
			return
		}
		if !chunkName(b) {
			d.moreWithout(at)
			return
		}
		id, n := riff.Chunk(b, d.header.BigEndian)
		if id == "data" {
			if more := d.length(n); more > 0 {
				d.note(Partial, at, fmt.Sprintf("The file has a second data chunk with %s of sound, which was not taken.", more.Clock()))
			}
			return
		}
		if done, err := d.in.skip(8 + n); err != nil || done < 8+n {
			return
		}
		size = n
	}
}

// chunkName says whether b begins with four letters or the like.
func chunkName(b []byte) bool {
	return !slices.ContainsFunc(b[:4], func(c byte) bool { return c < ' ' || c > '~' })
}

// moreWithout reports what follows the sound without being a chunk, unless it is padding
// or too short to miss: a recorder that was switched off leaves the length it last wrote.
func (d *wavDecoder) moreWithout(at timeline.Sample) {
	b, _ := d.in.peek(4096)
	if !slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) {
		return
	}
	n, _ := d.in.skip(math.MaxInt64)
	if more := d.length(n); more >= timeline.SampleRate/10 {
		d.note(Partial, at, fmt.Sprintf("The WAV header announces %s of sound, but what follows looks like %s more, which was not taken.",
			d.facts.Declared.Clock(), more.Clock()))
	}
}
