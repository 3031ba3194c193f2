// Package wavfile writes sound as WAV files of 16 bit PCM, which every program that trains
// on speech reads. The encoding is that of go-audio/wav.
//
// Samples are float32 as package audio gives them, where 1 is full scale. A sample that
// was read from a 16 bit file is written as it was; louder ones are clipped.
package wavfile

import (
	"errors"
	"fmt"
	"io"
	"math"

	goaudio "github.com/go-audio/audio"
	"github.com/go-audio/wav"
)

// MaxSamples is how many samples, of all channels together, one file holds: sizes in a
// RIFF header have 32 bits.
const MaxSamples = (math.MaxUint32 - headerBytes) / bytesPerSample

const (
	headerBytes    = 44
	bytesPerSample = 2
	pcm            = 1    // format tag
	piece          = 4096 // samples that are encoded at once
)

// ErrTooLong means that there is more sound than a WAV file can hold.
var ErrTooLong = errors.New("more sound than a WAV file can hold (4 GiB)")

// Writer writes one file, in memory that does not grow with its length. Call Close once
// all is written: the header is only complete then.
type Writer struct {
	encoder *wav.Encoder
	buffer  goaudio.IntBuffer
	samples int64
}

// NewWriter returns a writer of the given number of samples a second and channels. Closing
// it does not close w, which has to stand at its beginning.
func NewWriter(w io.WriteSeeker, rate, channels int) (*Writer, error) {
	if rate <= 0 || channels <= 0 || channels > math.MaxUint16 || rate > math.MaxUint32/(bytesPerSample*channels) {
		return nil, fmt.Errorf("write WAV: %d channels of %d Hz are not possible", channels, rate)
	}
	format := &goaudio.Format{NumChannels: channels, SampleRate: rate}
	return &Writer{
		encoder: wav.NewEncoder(w, rate, 8*bytesPerSample, channels, pcm),
		buffer:  goaudio.IntBuffer{Format: format, SourceBitDepth: 8 * bytesPerSample},
	}, nil
}

// Write appends samples. Those of several channels alternate, and a call holds whole
// frames.
func (w *Writer) Write(samples []float32) error {
	channels := w.buffer.Format.NumChannels
	switch {
	case len(samples)%channels != 0:
		return fmt.Errorf("write WAV: %d samples are no whole frames of %d channels", len(samples), channels)
	case w.samples+int64(len(samples)) > MaxSamples:
		return ErrTooLong
	}
	w.samples += int64(len(samples))
	step := max(piece/channels, 1) * channels
	for len(samples) > 0 {
		n := min(len(samples), step)
		w.buffer.Data = w.buffer.Data[:0]
		for _, s := range samples[:n] {
			w.buffer.Data = append(w.buffer.Data, quantize(s))
		}
		if err := w.encoder.Write(&w.buffer); err != nil {
			return err
		}
		samples = samples[n:]
	}
	return nil
}

// quantize returns the 16 bit value nearest to a sample; what is not a number is silence.
func quantize(s float32) int {
	v := math.Round(float64(s) * -math.MinInt16)
	if math.IsNaN(v) {
		return 0
	}
	return int(min(max(v, math.MinInt16), math.MaxInt16))
}

// Close completes the header.
func (w *Writer) Close() error {
	if w.samples == 0 { // the encoder writes no header before the first samples
		w.buffer.Data = w.buffer.Data[:0]
		if err := w.encoder.Write(&w.buffer); err != nil {
			return err
		}
	}
	return w.encoder.Close()
}

// Encode returns a file in memory; see NewWriter and Writer.Write.
func Encode(samples []float32, rate, channels int) ([]byte, error) {
	m := &memory{content: make([]byte, 0, headerBytes+bytesPerSample*len(samples))}
	w, err := NewWriter(m, rate, channels)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(w.Write(samples), w.Close()); err != nil {
		return nil, err
	}
	return m.content, nil
}

// memory is a file in memory, as far as the encoder needs one: it overwrites and appends,
// and never leaves a gap.
type memory struct {
	content []byte
	at      int
}

func (m *memory) Write(p []byte) (int, error) {
	n := copy(m.content[m.at:], p)
	m.content = append(m.content, p[n:]...)
	m.at += len(p)
	return len(p), nil
}

func (m *memory) Seek(offset int64, whence int) (int64, error) {
	at := offset
	switch whence {
	case io.SeekCurrent:
		at += int64(m.at)
	case io.SeekEnd:
		at += int64(len(m.content))
	}
	if at < 0 || at > int64(len(m.content)) {
		return 0, fmt.Errorf("seek to %d of %d bytes", at, len(m.content))
	}
	m.at = int(at)
	return at, nil
}
