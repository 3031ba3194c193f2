package flac

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

// sound decodes frames and describes each of them, with a sum of its samples, and the end.
func sound(r io.Reader, info Info, workers, size int) (list []string) {
	d := NewDecoder(r, info, workers)
	d.size = size
	defer d.Close()
	for {
		f, err := d.Next()
		if err != nil {
			return append(list, fmt.Sprint(err, d.Tail()))
		}
		sum := fnv.New64a()
		for _, c := range f.Channels {
			if err := binary.Write(sum, binary.LittleEndian, c); err != nil {
				panic(err)
			}
		}
		list = append(list, fmt.Sprint(f.Rate, f.Bits, f.Start, f.Skipped, len(f.Channels), len(f.Channels[0]), sum.Sum64()))
	}
}

// Streams are joined and damaged, and cut at any place.
func TestWorkersDecodeWhatOneDecoderDoes(t *testing.T) {
	defer goleak.VerifyNone(t)
	type stream struct {
		info   Info
		frames []byte
	}
	var streams []stream
	for _, name := range files(t) {
		r := bytes.NewReader(read(t, name))
		info, err := ReadInfo(r)
		if err != nil {
			t.Fatal(err)
		}
		frames, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		streams = append(streams, stream{info, frames})
	}
	rapid.Check(t, func(rt *rapid.T) {
		var file []byte
		first := streams[rapid.IntRange(0, len(streams)-1).Draw(rt, "description")]
		for range rapid.IntRange(1, 3).Draw(rt, "streams") {
			part := streams[rapid.IntRange(0, len(streams)-1).Draw(rt, "stream")].frames
			from := rapid.IntRange(0, len(part)-1).Draw(rt, "from")
			if rapid.Bool().Draw(rt, "from its beginning") {
				from = 0
			}
			file = append(file, part[from:min(len(part), from+40_000)]...)
		}
		for range rapid.IntRange(0, 5).Draw(rt, "damages") {
			file[rapid.IntRange(0, len(file)-1).Draw(rt, "at")] ^= rapid.Byte().Draw(rt, "with")
		}
		r := func() io.Reader { return iotest.HalfReader(bytes.NewReader(file)) }
		want := sound(r(), first.info, 0, 0)
		got := sound(r(), first.info, rapid.IntRange(1, 3).Draw(rt, "workers"), rapid.IntRange(20, 20_000).Draw(rt, "bytes of a batch"))
		for i := range min(len(want), len(got)) {
			if got[i] != want[i] {
				rt.Fatalf("frame %d of %d:\n%.300s\nwant\n%.300s", i, len(want), got[i], want[i])
			}
		}
		if !slices.Equal(got, want) {
			rt.Fatalf("%d frames, want %d", len(got), len(want))
		}
	})
}

func TestWorkersEndWithTheErrorOfTheReader(t *testing.T) {
	defer goleak.VerifyNone(t)
	broken := errors.New("broken")
	info := Info{MaxBlock: 4096, Rate: 44100, Channels: 2, Bits: 16}
	for _, size := range []int{20, 1000, 1 << 20} {
		d := NewDecoder(io.MultiReader(bytes.NewReader(silence(1000)), iotest.ErrReader(broken)), info, 2)
		d.size = size
		for n := range 1000 {
			if _, err := d.Next(); err != nil {
				t.Fatalf("batches of %d bytes, frame %d: %v", size, n, err)
			}
		}
		for range 2 {
			if _, err := d.Next(); err != broken {
				t.Errorf("batches of %d bytes: %v", size, err)
			}
		}
		d.Close()
	}
}

// Workers leave frames of nearly no bytes to the reader, since a batch would have thousands.
func TestSilenceIsNotDecodedFarAhead(t *testing.T) {
	defer goleak.VerifyNone(t)
	frames := silence(3000)
	info := Info{MaxBlock: 4096, Rate: 44100, Channels: 2, Bits: 16}
	d := NewDecoder(bytes.NewReader(frames), info, 2)
	defer d.Close()
	for n := range int64(3000) {
		f, err := d.Next()
		if err != nil || f.Start != 4096*n || f.Skipped != 0 {
			t.Fatalf("frame %d begins at %d, after %d bytes: %v", n, f.Start, f.Skipped, err)
		}
		if kept := len(d.now.stores) * 2 * 4096; kept > batchSamples+2*4096 {
			t.Fatalf("%d samples are decoded ahead", kept)
		}
	}
	if _, err := d.Next(); err != io.EOF || d.Tail() != 0 {
		t.Errorf("at the end: %v, %d bytes", err, d.Tail())
	}
}

// silence makes frames of 4096 zeros in two channels.
func silence(frames int) (b []byte) {
	for n := range frames {
		at := len(b)
		// sync; 4096 samples, the stream's rate; two channels, the stream's depth; the number
		b = append(b, 0xff, 0xf8, 0xc0, 0x10)
		b = append(b, []byte(string(rune(n)))...)
		b = append(b, crc8(b[at:]))
		b = append(b, 0, 0, 0, 0, 0, 0) // constant, of 16 bits, twice
		crc := crc16(b[at:])
		b = append(b, byte(crc>>8), byte(crc))
	}
	return b
}
