package audio_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/audio"

	"go.uber.org/goleak"
)

// A long file is decoded by several goroutines ahead of its reader, and a stream of the same bytes by none.
func TestALongFileIsTheSameWhetherDecodedAheadOrNot(t *testing.T) {
	defer goleak.VerifyNone(t)
	picture := append([]byte{'I', 'D', '3', 4, 0, 0, 2, 0, 0, 0}, make([]byte, 4<<20)...) // a tag of 4 MiB makes the file a long one
	for _, name := range []string{"l3-compl.bit", "l3-he_mode.bit"} {
		part := bytes.Repeat(readFile(t, "odd-audio", "minimp3-vectors", name), 5)
		file := slices.Concat(part, picture, part)
		for i := len(part) / 3; i < len(part)/3+700; i++ {
			file[i] = 0x55 // a frame and more of damage
		}
		path := filepath.Join(t.TempDir(), "long.mp3")
		if err := os.WriteFile(path, file, 0o666); err != nil {
			t.Fatal(err)
		}
		for _, o := range []audio.Options{{}, {Channels: audio.Split}, {Start: 7*time.Second + 13*time.Millisecond, End: 20 * time.Second}} {
			o.FFmpeg = audio.NoFFmpeg
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
		s, err := audio.Open(t.Context(), path, audio.Options{FFmpeg: audio.NoFFmpeg})
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
