package audio_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"

	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/timeline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recording is everything a stream gave.
type recording struct {
	info        audio.Info
	channels    [][]float32
	start       timeline.Sample // of the first block
	length      timeline.Sample
	diagnostics []audio.Diagnostic
}

func (r recording) kinds() (k []audio.Kind) {
	for _, d := range r.diagnostics {
		k = append(k, d.Kind)
	}
	return k
}

// options allow ffmpeg only to tests that ask for it.
func options(t testing.TB) audio.Options {
	t.Helper()
	return audio.Options{FFmpeg: oracle.FFmpeg(t)}
}

var builtIn = audio.Options{FFmpeg: audio.NoFFmpeg}

// readAll reads a stream to its end, holds its blocks to their promises, and closes it.
func readAll(t testing.TB, s *audio.Stream, err error) (recording, error) {
	t.Helper()
	if err != nil {
		return recording{}, err
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}()
	r := recording{info: s.Info()}
	short := false
	for {
		b, err := s.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return r, err
		}
		n := len(b.Channels[0])
		if r.channels == nil {
			r.channels = make([][]float32, len(b.Channels))
			r.start = b.Start
		}
		if want := r.start + timeline.Sample(len(r.channels[0])); b.Start != want {
			t.Errorf("a block begins at %d, want %d", b.Start, want)
		}
		if n == 0 || n > audio.BlockSamples || short {
			t.Errorf("block of %d samples at %d", n, b.Start)
		}
		short = n < audio.BlockSamples
		for c := range b.Channels {
			if len(b.Channels[c]) != n {
				t.Errorf("channel %d has %d samples, the first %d", c, len(b.Channels[c]), n)
			}
			r.channels[c] = append(r.channels[c], b.Channels[c]...)
		}
	}
	r.length, r.diagnostics = s.Length(), s.Diagnostics()
	return r, nil
}

func open(t testing.TB, path string, o audio.Options) (recording, error) {
	t.Helper()
	s, err := audio.Open(t.Context(), path, o)
	return readAll(t, s, err)
}

func openBytes(t testing.TB, b []byte, o audio.Options) (recording, error) {
	t.Helper()
	s, err := audio.OpenReader(t.Context(), bytes.NewReader(b), "bytes", o)
	return readAll(t, s, err)
}

// mustOpen is open for recordings that must be good.
func mustOpen(t testing.TB, path string, o audio.Options) recording {
	t.Helper()
	r, err := open(t, path, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func data(t testing.TB, elem ...string) string {
	t.Helper()
	return oracle.Data(t, append([]string{"audio"}, elem...)...)
}

func readFile(t testing.TB, elem ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(data(t, elem...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ffmpeg runs ffmpeg and returns its standard output.
func ffmpeg(t testing.TB, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(oracle.FFmpeg(t), append([]string{"-v", "error", "-nostdin", "-y"}, args...)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffmpeg %v: %v\n%s", args, err, errs.String())
	}
	return out
}

// decodedByFFmpeg is what ffmpeg makes of a file, resampled by us from the file's rate,
// so that only the decoders are compared.
func decodedByFFmpeg(t testing.TB, path string, args ...string) recording {
	t.Helper()
	args = append(args, "-i", path, "-map", "0:a:0", "-f", "wav", "-c:a", "pcm_f32le", "pipe:1")
	r, err := openBytes(t, ffmpeg(t, args...), builtIn)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// similarity is the ratio of want to its difference from got, in dB; 200 for the same.
func similarity(got, want []float32) float64 {
	signal, diff := 0.0, 0.0
	for i := range min(len(got), len(want)) {
		d := float64(got[i]) - float64(want[i])
		signal += float64(want[i]) * float64(want[i])
		diff += d * d
	}
	return min(200, 10*math.Log10((signal+1e-20)/(diff+1e-40)))
}

// lag returns by how many samples got is late, from a second in the middle of want.
func lag(got, want []float32) int {
	const reach = 1000
	from := len(want)/2 - 8000
	from = max(reach, from)
	to := min(from+16000, len(want), len(got)-reach)
	best, at := math.Inf(-1), 0
	for l := -reach; l <= reach; l++ {
		sum := 0.0
		for i := from; i < to; i += 3 {
			sum += float64(want[i]) * float64(got[i+l])
		}
		if sum > best {
			best, at = sum, l
		}
	}
	return at
}

// errorKind returns which of the package's sentinels err is.
func errorKind(err error) error {
	for _, kind := range []error{
		audio.ErrEmpty, audio.ErrNotAudio, audio.ErrNoFFmpeg, audio.ErrUnsupported, audio.ErrDamaged,
		context.Canceled,
	} {
		if errors.Is(err, kind) {
			return kind
		}
	}
	return err
}
