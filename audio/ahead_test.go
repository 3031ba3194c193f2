package audio_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/audio/internal/flac"

	"go.uber.org/goleak"
)

// A long file is decoded by several goroutines ahead of its reader, and a stream of the same bytes by none.
func TestALongFileIsTheSameWhetherDecodedAheadOrNot(t *testing.T) {
	defer goleak.VerifyNone(t)
	picture := append([]byte{'I', 'D', '3', 4, 0, 0, 2, 0, 0, 0}, make([]byte, 4<<20)...) // a tag of 4 MiB makes the file a long one
	files := map[string][]byte{}
	for _, name := range []string{"l3-compl.bit", "l3-he_mode.bit"} {
		part := bytes.Repeat(readFile(t, "odd-audio", "minimp3-vectors", name), 5)
		files[name] = slices.Concat(part, picture, part)
	}
	stereo := readFile(t, "formats-bitdepths", "audio-stereo-16-bit-44100Hz.flac")
	r := bytes.NewReader(stereo)
	if _, err := flac.ReadInfo(r); err != nil {
		t.Fatal(err)
	}
	files["FLAC"] = slices.Concat(stereo, bytes.Repeat(stereo[len(stereo)-r.Len():], 4<<20/r.Len()+1))
	for name, file := range files {
		for i := len(file) / 6; i < len(file)/6+700; i++ {
			file[i] = 0x55 // a frame and more of damage
		}
		path := filepath.Join(t.TempDir(), "long")
		if err := os.WriteFile(path, file, 0o666); err != nil {
			t.Fatal(err)
		}
		all := []audio.Options{{}}
		if name == "l3-compl.bit" {
			all = append(all, audio.Options{Channels: audio.Split}, audio.Options{Start: 7*time.Second + 13*time.Millisecond, End: 20 * time.Second})
		}
		for _, o := range all {
			o.FFmpeg, o.Ahead = audio.NoFFmpeg, 3
			got := mustOpen(t, path, o)
			want, err := openBytes(t, file, o)
			if err != nil {
				t.Fatal(err)
			}
			if len(got.channels) != len(want.channels) || !slices.Equal(got.diagnostics, want.diagnostics) {
				t.Fatalf("%s: %d channels and %v, want %d and %v", name, len(got.channels), got.diagnostics, len(want.channels), want.diagnostics)
			}
			for c := range got.channels {
				if !slices.Equal(got.channels[c], want.channels[c]) {
					t.Errorf("%s: channel %d has other samples", name, c)
				}
			}
		}
		s, err := audio.Open(t.Context(), path, audio.Options{FFmpeg: audio.NoFFmpeg, Ahead: 3})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Next(); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
