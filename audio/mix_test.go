package audio_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/timeline"
)

// channelsWAV is a WAV file of floats with what each channel returns for each frame.
func channelsWAV(rate, frames int, channels ...func(i int) float64) []byte {
	var b []byte
	for i := range frames {
		for _, c := range channels {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(c(i))))
		}
	}
	return wavFile(wavFormat(3, len(channels), rate, 4*len(channels), 32), chunk("data", b))
}

// speech is noise in syllables, with pauses: something of all frequencies. Two seeds have
// nothing in common.
func speech(seed uint64, rate int) func(i int) float64 {
	r := rand.New(rand.NewPCG(seed, 1))
	x := make([]float64, 20*rate)
	low := 0.0
	for i := range x {
		low += (r.NormFloat64() - low) * 0.2
		t := float64(i) / float64(rate)
		x[i] = 0.3 * low * max(0, math.Sin(2*math.Pi*3*t+float64(seed))) * max(0, math.Sin(2*math.Pi*0.4*t+float64(seed)))
	}
	return func(i int) float64 { return x[i] }
}

func scaled(f func(int) float64, by float64) func(int) float64 {
	return func(i int) float64 { return by * f(i) }
}

func plus(f, g func(int) float64) func(int) float64 {
	return func(i int) float64 { return f(i) + g(i) }
}

func silent(int) float64 { return 0 }

func with(t *testing.T, file []byte, c audio.Channels) recording {
	t.Helper()
	o := builtIn
	o.Channels = c
	r, err := openBytes(t, file, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestOfChannelsThatCancelTheLouderIsTakenAndItIsSaid(t *testing.T) {
	const rate = 16000
	a, b := speech(1, rate), speech(2, rate)
	noise := scaled(speech(3, rate), 0.01)
	late := func(i int) float64 { // silence before
		if i < 3*rate {
			return 0
		}
		return a(i)
	}
	for _, c := range []struct {
		name     string
		channels []func(int) float64
		want     audio.Channels
		at       time.Duration
	}{
		{"inverted", []func(int) float64{a, scaled(a, -1)}, audio.Only(0), 0},
		{"inverted and softer", []func(int) float64{a, scaled(a, -0.8)}, audio.Only(0), 0},
		{"inverted and louder", []func(int) float64{a, scaled(a, -1.25)}, audio.Only(1), 0},
		{"inverted, faint", []func(int) float64{scaled(a, 0.003), scaled(a, -0.003)}, audio.Only(0), 0},
		{"inverted after silence", []func(int) float64{late, scaled(late, -1)}, audio.Only(0), 3 * time.Second},
		{"inverted, each with its own noise", []func(int) float64{plus(a, noise), plus(scaled(a, -0.9), scaled(b, 0.005))}, audio.Only(0), 0},
	} {
		file := channelsWAV(rate, 8*rate, c.channels...)
		mix, one := with(t, file, audio.Mix), with(t, file, c.want)
		if got := similarity(mix.channels[0], one.channels[0]); got < 40 {
			t.Errorf("%s: %.1f dB from channel %v", c.name, got, c.want)
		}
		if !slices.Equal(mix.kinds(), []audio.Kind{audio.Inverted}) {
			t.Errorf("%s: got %v", c.name, mix.diagnostics)
			continue
		}
		d := mix.diagnostics[0]
		if off := d.At.Duration() - c.at; off < -250*time.Millisecond || off > 500*time.Millisecond {
			t.Errorf("%s: first at %v, want %v", c.name, d.At.Duration(), c.at)
		}
		if !strings.Contains(d.Text, "Channels 0 and 1") {
			t.Errorf("%s: %q", c.name, d.Text)
		}
	}
	// As with every sample of the recording at hand.
	file := readFile(t, "odd-headers", "antiphase-stereo.wav")
	if !slices.Equal(with(t, file, audio.Mix).channels[0], with(t, file, audio.Only(0)).channels[0]) {
		t.Error("antiphase-stereo.wav: not the left channel")
	}
}

func TestChannelsThatDoNotCancelAreMixedAsEver(t *testing.T) {
	const rate = 16000
	a, b := speech(1, rate), speech(2, rate)
	hum := func(i int) float64 { return 0.001 * math.Sin(2*math.Pi*50*float64(i)/rate) }
	offset := func(int) float64 { return 0.05 }
	for name, channels := range map[string][]func(int) float64{
		"the same":              {a, a},
		"two people":            {a, b},
		"one person":            {a, silent},
		"a leak upside down":    {a, plus(b, scaled(a, -0.1))},
		"opposite offsets":      {plus(a, offset), plus(a, scaled(offset, -1))},
		"silence":               {silent, silent},
		"five people and a gap": {a, b, speech(3, rate), speech(4, rate), silent, speech(5, rate)},
		"opposite hum":          {plus(a, hum), plus(a, scaled(hum, -1))},
	} {
		file := channelsWAV(rate, 8*rate, channels...)
		mix := with(t, file, audio.Mix)
		if len(mix.diagnostics) > 0 {
			t.Errorf("%s: got %v", name, mix.diagnostics)
		}
		if name == "opposite hum" {
			continue // which of the two is taken in pauses does not matter
		}
		for i, v := range mix.channels[0] {
			mean := float32(0)
			for _, c := range channels {
				mean += float32(c(i))
			}
			mean *= 1 / float32(len(channels))
			if v != mean {
				t.Fatalf("%s: sample %d is %v, the mean %v", name, i, v, mean)
			}
		}
	}
}

// So little sound says nothing about the channels.
func TestAFewFramesAreMixedWhateverTheyAre(t *testing.T) {
	file := channelsWAV(16000, 8, func(i int) float64 { return 0.5 }, func(i int) float64 { return -0.5 })
	mix := with(t, file, audio.Mix)
	if want := make([]float32, 8); !slices.Equal(mix.channels[0], want) || len(mix.diagnostics) > 0 {
		t.Errorf("got %v, %v", mix.channels[0], mix.diagnostics)
	}
}

// Of more channels only the inverted ones are left out.
func TestAnInvertedPairAmongSixChannelsLosesNobody(t *testing.T) {
	const rate = 48000
	a, b := speech(1, rate), speech(2, rate)
	file := channelsWAV(rate, 6*rate, silent, a, b, silent, scaled(a, -0.9), silent)
	mix := with(t, file, audio.Mix)
	want := with(t, channelsWAV(rate, 6*rate, silent, a, b, silent, silent), audio.Mix)
	if got := similarity(mix.channels[0], want.channels[0]); got < 20 {
		t.Errorf("%.1f dB from the mix of the others", got)
	}
	if !slices.Equal(mix.kinds(), []audio.Kind{audio.Inverted}) || !strings.Contains(mix.diagnostics[0].Text, "Channels 1 and 4") {
		t.Errorf("got %v", mix.diagnostics)
	}
}

// partlyInverted is upside down in the right channel from 2.1 to 4.7 s, at an odd rate.
func partlyInverted() (file []byte, rate int) {
	rate = 22050
	tone := func(i int) float64 { return 0.3 * math.Sin(2*math.Pi*300*float64(i)/22050) }
	right := func(i int) float64 {
		if t := float64(i) / 22050; t >= 2.1 && t < 4.7 {
			return -tone(i)
		}
		return tone(i)
	}
	return channelsWAV(rate, 7*rate+123, tone, right), rate
}

func TestAChangeOfTheMixDoesNotClick(t *testing.T) {
	file, _ := partlyInverted()
	mix, left := with(t, file, audio.Mix), with(t, file, audio.Only(0))
	if !slices.Equal(mix.kinds(), []audio.Kind{audio.Inverted}) {
		t.Fatalf("got %v", mix.diagnostics)
	}
	for i, v := range mix.channels[0] {
		// Within the stretches in which the sound turns over, it is lost for up to 125 ms.
		t0 := float64(i) / timeline.SampleRate
		if (math.Abs(t0-2.1) < 0.26 || math.Abs(t0-4.7) < 0.26) || math.Abs(float64(v-left.channels[0][i])) < 1e-4 {
			continue
		}
		t.Fatalf("sample %d is %v, want %v", i, v, left.channels[0][i])
	}
	for i := 1; i < len(mix.channels[0])-200; i++ { // at its end the tone breaks off
		// The steepest step of the tone, and a little for the fade.
		if d := math.Abs(float64(mix.channels[0][i] - mix.channels[0][i-1])); d > 0.3*2*math.Pi*300/16000*1.05 {
			t.Fatalf("a step of %v at sample %d", d, i)
		}
	}
}

func TestAPartOfAPartlyInvertedRecordingIsThatOfTheWhole(t *testing.T) {
	file, _ := partlyInverted()
	whole := with(t, file, audio.Mix)
	for _, part := range [][2]time.Duration{
		{0, time.Second}, {2 * time.Second, 3 * time.Second}, {2250 * time.Millisecond, 2300 * time.Millisecond},
		{2499 * time.Millisecond, 0}, {2501 * time.Millisecond, 4800 * time.Millisecond}, {4750 * time.Millisecond, 0},
		{6990 * time.Millisecond, 0}, {7001 * time.Millisecond, 0},
	} {
		o := builtIn
		o.Start, o.End = part[0], part[1]
		for name, r := range map[string]io.Reader{
			"a file": bytes.NewReader(file), "a stream": seekless{bytes.NewReader(file)},
			"byte by byte": iotest.OneByteReader(bytes.NewReader(file)),
		} {
			s, err := audio.OpenReader(t.Context(), r, name, o)
			got, err := readAll(t, s, err)
			if err != nil {
				t.Fatal(err)
			}
			first, last := timeline.SampleAt(part[0]), whole.length
			if part[1] > 0 {
				last = timeline.SampleAt(part[1])
			}
			if got.start != first || !slices.Equal(got.channels[0], whole.channels[0][first:last]) {
				t.Errorf("%v, %s: the sound from %d on differs from that of the whole", part, name, got.start)
			}
		}
	}
}
