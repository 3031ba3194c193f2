package audio_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/audio"
)

func TestChannelsWithTheSameSoundAreFound(t *testing.T) {
	const rate = 16000
	a, b := speech(1, rate), speech(2, rate)
	late := func(i int) float64 { // the same but for a word at the end
		if i > 7*rate && i < 7*rate+4000 {
			return a(i) + 0.01*b(i)
		}
		return a(i)
	}
	pair := func(f, g func(int) float64) []func(int) float64 { return []func(int) float64{f, g} }
	for _, c := range []struct {
		name     string
		channels []func(int) float64
		want     []int
	}{
		{"equal", pair(a, a), []int{-1, 0}},
		{"softer", pair(a, scaled(a, 0.3)), []int{-1, 0}},
		{"upside down", pair(a, scaled(a, -1)), []int{-1, 0}},
		{"with a trace of noise", pair(a, plus(a, scaled(b, 1e-5))), []int{-1, 0}},
		{"with noise", pair(a, plus(a, scaled(b, 0.01))), []int{-1, -1}},
		{"but for a quiet word", pair(a, late), []int{-1, -1}},
		{"two people", pair(a, b), []int{-1, -1}},
		{"one person", pair(a, silent), []int{-1, -1}},
		{"one person, second channel", pair(silent, a), []int{-1, -1}},
		{"silence", pair(silent, silent), []int{-1, -1}},
		{"four channels", []func(int) float64{a, b, scaled(b, 0.5), a}, []int{-1, -1, 1, 0}},
		{"mono", []func(int) float64{a}, []int{-1}},
	} {
		o := builtIn
		o.Channels = audio.Split
		s, err := audio.OpenReader(t.Context(), bytes.NewReader(channelsWAV(rate, 8*rate, c.channels...)), c.name, o)
		got, err := readAll(t, s, err)
		if err != nil {
			t.Fatal(err)
		}
		var twins []int
		found := 0
		for n := range c.channels {
			twins = append(twins, s.Twin(n))
			if s.Twin(n) >= 0 {
				found++
			}
		}
		if !slices.Equal(twins, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, twins, c.want)
		}
		if len(got.diagnostics) != found || found > 0 && got.diagnostics[0].Kind != audio.Duplicate {
			t.Errorf("%s: got %v", c.name, got.diagnostics)
		}
	}
}

// What lossy encoders make of one sound in two channels is still one sound.
func TestTwoChannelsOfOneSoundStayThatThroughCodecs(t *testing.T) {
	o := options(t)
	o.Channels = audio.Split
	source := data(t, "formats-jfk", "jfk.wav")
	for _, c := range []struct{ name, codec string }{
		{"x.flac", "flac"}, {"x.mp3", "libmp3lame"}, {"x.opus", "libopus"}, {"x.m4a", "aac"}, {"x.ogg", "libvorbis"},
	} {
		path := fmt.Sprintf("%s/%s", t.TempDir(), c.name)
		ffmpeg(t, "-i", source, "-ac", "2", "-c:a", c.codec, path)
		got := mustOpen(t, path, o)
		if !slices.Equal(got.kinds(), []audio.Kind{audio.Duplicate}) {
			t.Errorf("%s: got %v", c.name, got.diagnostics)
		}
		o := o
		o.End = 2 * time.Second // of a part, too
		if got := mustOpen(t, path, o); !slices.Equal(got.kinds(), []audio.Kind{audio.Duplicate}) {
			t.Errorf("%s, a part: got %v", c.name, got.diagnostics)
		}
	}
}
