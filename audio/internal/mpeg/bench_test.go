package mpeg

import "testing"

// BenchmarkDecode decodes a tone in stereo at 44.1 kHz and speech in mono at 16 kHz.
func BenchmarkDecode(b *testing.B) {
	for _, c := range []struct{ name, file string }{
		{"stereo, 44.1 kHz, 128 kbit per s", "l3-sin1k0db.bit"},
		{"mono, 24 kHz", "M2L3_bitrate_24_all.bit"},
	} {
		b.Run(c.name, func(b *testing.B) {
			file := vector(b, c.file)
			var d Decoder
			out := [2][]float32{make([]float32, MaxSamples), make([]float32, MaxSamples)}
			seconds := 0.0
			for b.Loop() {
				for i := 0; i+HeaderSize < len(file); {
					h, err := ParseHeader(file[i:])
					if err != nil || i+h.Size() > len(file) {
						i++
						continue
					}
					_ = d.Decode(h, file[i:i+h.Size()], out)
					i += h.Size()
					seconds += float64(h.Samples()) / float64(h.Rate)
				}
			}
			b.ReportMetric(seconds/b.Elapsed().Seconds(), "audio-s/s")
		})
	}
}
