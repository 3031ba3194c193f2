package transcript

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"time"

	"github.com/asr-backend/asr-backend/timeline"
)

// binaryMagic begins a transcript in the form of MarshalBinary; no other format of ours
// begins with it. binaryVersion follows it, and changes with the layout.
const (
	binaryMagic   = "ASRT"
	binaryVersion = 2
)

// MarshalBinary returns t without loss, for storage between two steps of the program. It is
// not a format to exchange: a later version of the program may read it, other programs do
// not. A word takes some twenty bytes, a sixth of what it takes as JSON.
//
//	magic      "ASRT"
//	version    2
//	strings    source, language, model, model version
//	samples    duration
//	score      confidence
//	segments   their number, then of each: start, length, channel, confidence, text, words,
//	           alternatives
//	words      their number, then of each: start, length, text, spike, confidence
//	alternatives  their number, then of each: text, probability
//	warnings   their number and the strings; likewise those of reading
//	numbers    windows, windows skipped
//	score      disagreement at seams
//	samples    unrecognized speech
//	string     decoding
//
// Version 1 lacks alternatives and decoding. It can be read.
//
// Numbers are varints of encoding/binary, signed where they can be negative. Times are in
// samples: of a segment from the start of the recording, of a word from the start of its
// segment, of a spike from the start of its word. A string is its length and its bytes. The
// text of a segment has one added to its length, and is 0 if it is that of its words with
// single spaces between them. A score is a float64 whose bytes are reversed, as in
// encoding/gob, so that simple fractions are short.
//
// A time between two samples is an error. Only Read makes such times, from foreign files.
func (t *Transcript) MarshalBinary() ([]byte, error) {
	e := binaryEncoder{b: append([]byte(binaryMagic), binaryVersion)}
	for _, s := range []string{t.Source, t.Language, t.Model, t.ModelVersion} {
		e.string(s)
	}
	e.time(t.Duration)
	e.score(t.Confidence)
	e.count(len(t.Segments))
	for i := range t.Segments {
		e.segment(&t.Segments[i])
	}
	d := &t.Diagnostics
	for _, warnings := range [][]string{d.Warnings, d.ReadWarnings} {
		e.count(len(warnings))
		for _, s := range warnings {
			e.string(s)
		}
	}
	e.int(int64(d.Windows))
	e.int(int64(d.WindowsSkipped))
	e.score(d.SeamDisagreement)
	e.time(d.UnrecognizedSpeech)
	e.string(d.Decoding)
	if e.err != nil {
		return nil, fmt.Errorf("transcript: marshal: %w", e.err)
	}
	return e.b, nil
}

type binaryEncoder struct {
	b   []byte
	err error // the first
}

func (e *binaryEncoder) int(n int64) { e.b = binary.AppendVarint(e.b, n) }

func (e *binaryEncoder) count(n int) { e.b = binary.AppendUvarint(e.b, uint64(n)) }

func (e *binaryEncoder) string(s string) {
	e.count(len(s))
	e.b = append(e.b, s...)
}

func (e *binaryEncoder) score(x float64) {
	e.b = binary.AppendUvarint(e.b, bits.ReverseBytes64(math.Float64bits(x)))
}

func (e *binaryEncoder) time(d time.Duration) {
	s := timeline.SampleAt(d)
	if e.err == nil && (s.Duration() != d || d.Abs() > maxTime) {
		e.err = fmt.Errorf("%v is not the time of a sample", d)
	}
	e.int(int64(s))
}

// span writes an interval, its start as the distance from a time.
func (e *binaryEncoder) span(from, start, end time.Duration) {
	e.time(start - from)
	e.time(end - start)
}

func (e *binaryEncoder) segment(s *Segment) {
	e.span(0, s.Start, s.End)
	e.int(int64(s.Channel))
	e.score(s.Confidence)
	if len(s.Words) > 0 && s.Text == JoinWords(s.Words) {
		e.count(0)
	} else {
		e.count(len(s.Text) + 1)
		e.b = append(e.b, s.Text...)
	}
	e.count(len(s.Words))
	for i := range s.Words {
		w := &s.Words[i]
		e.span(s.Start, w.Start, w.End)
		e.string(w.Text)
		e.span(w.Start, w.SpikeStart, w.SpikeEnd)
		e.score(w.Confidence)
	}
	e.count(len(s.Alternatives))
	for i := range s.Alternatives {
		e.string(s.Alternatives[i].Text)
		e.score(s.Alternatives[i].Probability)
	}
}

// UnmarshalBinary reads what MarshalBinary wrote, and takes memory in proportion to data. The
// transcript is as it was, except that an empty list that was not nil is. It keeps the rules
// of its type if the one that was written did. On an error t is not changed.
func (t *Transcript) UnmarshalBinary(data []byte) error {
	if len(data) <= len(binaryMagic) || string(data[:len(binaryMagic)]) != binaryMagic {
		return errors.New("transcript: unmarshal: this is not a stored transcript")
	}
	v := data[len(binaryMagic)]
	if v < 1 || v > binaryVersion {
		return fmt.Errorf("transcript: unmarshal: a later program wrote it, in version %d of the stored form", v)
	}
	d := binaryDecoder{b: data[len(binaryMagic)+1:], version: v}
	out := Transcript{Source: d.string(), Language: d.string(), Model: d.string(), ModelVersion: d.string(),
		Duration: d.time(), Confidence: d.score()}
	if n := d.count(segmentBytes); n > 0 {
		out.Segments = make([]Segment, n)
	}
	for i := range out.Segments {
		d.segment(&out.Segments[i])
	}
	g := &out.Diagnostics
	g.Warnings, g.ReadWarnings = d.strings(), d.strings()
	g.Windows, g.WindowsSkipped = int(d.int()), int(d.int())
	g.SeamDisagreement, g.UnrecognizedSpeech = d.score(), d.time()
	if v > 1 {
		g.Decoding = d.string()
	}
	if d.bad || len(d.b) > 0 {
		return errors.New("transcript: unmarshal: the stored transcript is damaged")
	}
	*t = out
	return nil
}

// The least that a segment, a word and an alternative take.
const (
	segmentBytes     = 6
	wordBytes        = 6
	alternativeBytes = 2
)

// binaryDecoder gives zeros once it has met something that MarshalBinary does not write.
type binaryDecoder struct {
	b       []byte
	version byte
	bad     bool
}

func (d *binaryDecoder) uint() uint64 {
	x, n := binary.Uvarint(d.b)
	return took(d, x, n)
}

func (d *binaryDecoder) int() int64 {
	x, n := binary.Varint(d.b)
	return took(d, x, n)
}

// took returns a number that took n bytes; n is not positive if there was none.
func took[T int64 | uint64](d *binaryDecoder, x T, n int) T {
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return x
}

func (d *binaryDecoder) fail() { d.b, d.bad = nil, true }

// count reads how many items follow, of at least so many bytes each.
func (d *binaryDecoder) count(least int) int {
	n := d.uint()
	if n > uint64(len(d.b)/least) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *binaryDecoder) string() string { return d.bytes(d.count(1)) }

func (d *binaryDecoder) bytes(n int) string {
	s := string(d.b[:n])
	d.b = d.b[n:]
	return s
}

func (d *binaryDecoder) strings() []string {
	var out []string
	for range d.count(1) {
		out = append(out, d.string())
	}
	return out
}

func (d *binaryDecoder) score() float64 { return math.Float64frombits(bits.ReverseBytes64(d.uint())) }

func (d *binaryDecoder) time() time.Duration {
	s := d.int()
	if limit := int64(timeline.SampleAt(maxTime)); s < -limit || s > limit {
		d.fail()
		return 0
	}
	return timeline.Sample(s).Duration()
}

// span reads an interval whose start was written as the distance from a time.
func (d *binaryDecoder) span(from time.Duration) (start, end time.Duration) {
	start = from + d.time()
	return start, start + d.time()
}

func (d *binaryDecoder) segment(s *Segment) {
	s.Start, s.End = d.span(0)
	s.Channel = int(d.int())
	s.Confidence = d.score()
	text := d.count(1)
	if text > 0 {
		s.Text = d.bytes(text - 1)
	}
	if n := d.count(wordBytes); n > 0 {
		s.Words = make([]Word, n)
	}
	for i := range s.Words {
		w := &s.Words[i]
		w.Start, w.End = d.span(s.Start)
		w.Text = d.string()
		w.SpikeStart, w.SpikeEnd = d.span(w.Start)
		w.Confidence = d.score()
	}
	if text == 0 {
		s.Text = JoinWords(s.Words)
	}
	if d.version < 2 {
		return
	}
	if n := d.count(alternativeBytes); n > 0 {
		s.Alternatives = make([]Alternative, n)
	}
	for i := range s.Alternatives {
		s.Alternatives[i] = Alternative{d.string(), d.score()}
	}
}
