package mpeg

import (
	"bufio"
	"bytes"
	"io"
	"math"
	"testing"
)

// FuzzDecode scans and decodes anything: no panic, no sample that is not a number, and
// no more frames than the bytes can hold.
func FuzzDecode(f *testing.F) {
	for _, name := range []string{
		"l3-compl-cut.mp3", "l3-nonstandard-vbrtag-corrupted.bit", "l3-nonstandard-big-iscf.bit",
		"l3-nonstandard-sideinfo-size.bit", "l3-nonstandard-id3v1-apetag.bit", "ILL2_layer3.bit",
		"l3-si_block.bit", "l3-he_free.bit", "l3-test46.bit", "l3-he_mode.bit",
	} {
		b := vector(f, name)
		f.Add(b[:min(len(b), 3000)])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = Looks(b, true)
		s := NewScanner(bufio.NewReaderSize(bytes.NewReader(b), 64<<10))
		var d Decoder
		out := [2][]float32{make([]float32, MaxSamples), make([]float32, MaxSamples)}
		for frames := 0; ; frames++ {
			fr, err := s.Next()
			if err == io.EOF {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			// The smallest frame is one of a free format, MPEG-2 and one channel: 4 bytes of header and 9 of
			// side information.
			if frames > len(b)/13 {
				t.Fatalf("more than %d frames in %d bytes", frames, len(b))
			}
			_, _ = ParseInfo(fr.Header, fr.Data)
			if fr.Layer != 3 {
				continue
			}
			_ = d.Decode(fr.Header, fr.Data, out)
			for c := range fr.Channels() {
				for i, v := range out[c][:fr.Samples()] {
					if v != v || math.IsInf(float64(v), 0) {
						t.Fatalf("frame %d, channel %d, sample %d: %v", frames, c, i, v)
					}
				}
			}
		}
	})
}
