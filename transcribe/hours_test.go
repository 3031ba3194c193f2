package transcribe_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/transcribe"
)

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

// Real clips joined with pauses of known length make a recording of three hours. Every
// word must lie inside a clip, with 50 ms to spare, in the first hour and the last alike.
func TestEveryWordOfThreeHoursLiesInsideItsClip(t *testing.T) {
	length := 3 * time.Hour
	if testing.Short() {
		length = 5 * time.Minute
	}
	paths, err := filepath.Glob(oracle.Data(t, "speech", "l*", "*.flac"))
	if err != nil || len(paths) < 40 {
		t.Fatalf("%d clips (%v)", len(paths), err)
	}
	var clips [][]float32
	for _, p := range paths {
		clips = append(clips, decode(t, p))
	}
	path := filepath.Join(t.TempDir(), "long.wav")
	spans := join(t, path, clips, timeline.SampleAt(length))
	got, err := transcriber(t, transcribe.Options{}).Transcribe(t.Context(), transcribe.Source{Path: path}, transcribe.Request{})
	if err != nil {
		t.Fatal(err)
	}
	const slack = 50 * time.Millisecond
	at, inside, found := 0, 0, map[int]bool{}
	for _, w := range words(got) {
		for at+1 < len(spans) && spans[at].end.Duration()+slack < w.Start {
			at++
		}
		if w.Start < spans[at].start.Duration()-slack || w.End > spans[at].end.Duration()+slack {
			t.Errorf("word %q at %v to %v: the clip is %v to %v", w.Text, w.Start, w.End, spans[at].start.Duration(), spans[at].end.Duration())
			continue
		}
		inside++
		found[at] = true
	}
	if len(found) < len(spans)*95/100 {
		t.Errorf("words in %d of %d clips", len(found), len(spans))
	}
	t.Logf("%d words in %d clips, %d windows, %.1f %% of rows of overlaps differ", inside, len(spans), got.Diagnostics.Windows, 100*got.Diagnostics.SeamDisagreement)
}

type span struct {
	start, end timeline.Sample
	clip       int
}

// join writes clips in random order, with pauses of half a second to three, and returns
// where each lies.
func join(t *testing.T, path string, clips [][]float32, length timeline.Sample) []span {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 1))
	var spans []span
	var pcm bytes.Buffer
	silence := func(n timeline.Sample) {
		pcm.Write(make([]byte, 2*n))
	}
	var at timeline.Sample
	for at < length {
		pause := timeline.Sample(8000 + random.IntN(40000))
		silence(pause)
		at += pause
		n := random.IntN(len(clips))
		clip := clips[n]
		samples := make([]int16, len(clip))
		for i, x := range clip {
			samples[i] = int16(32767 * min(max(x, -1), 1))
		}
		if err := binary.Write(&pcm, binary.LittleEndian, samples); err != nil {
			t.Fatal(err)
		}
		spans = append(spans, span{at, at + timeline.Sample(len(clip)), n})
		at += timeline.Sample(len(clip))
	}
	silence(16000)
	header := []any{[]byte("RIFF"), uint32(36 + pcm.Len()), []byte("WAVEfmt "), uint32(16), uint16(1), uint16(1),
		uint32(timeline.SampleRate), uint32(2 * timeline.SampleRate), uint16(2), uint16(16), []byte("data"), uint32(pcm.Len())}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, field := range append(header, pcm.Bytes()) {
		if err := binary.Write(f, binary.LittleEndian, field); err != nil {
			t.Fatal(err)
		}
	}
	return spans
}

func decode(t *testing.T, path string) []float32 {
	t.Helper()
	s, err := audio.Open(t.Context(), path, audio.Options{FFmpeg: audio.NoFFmpeg})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var all []float32
	for {
		b, err := s.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b.Channels[0]...)
	}
}
