package audio_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/audio"
)

// longDataFirst is sound before its format, more than a stream is kept of.
func longDataFirst() (file, sound []byte) {
	for range 100 {
		sound = append(sound, tone(2, 2)...)
	}
	return wavFile(chunk("data", sound), wavFormat(1, 1, 16000, 2, 16)), sound
}

func TestWhatOurDecoderRefusesFFmpegMayDecode(t *testing.T) {
	o := options(t)
	file, sound := longDataFirst()
	want, err := openBytes(t, wavFile(wavFormat(1, 1, 16000, 2, 16), chunk("data", sound)), builtIn)
	if err != nil {
		t.Fatal(err)
	}
	s, err := audio.OpenReader(t.Context(), seekless{bytes.NewReader(file)}, "stream", o)
	got, err := readAll(t, s, err)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.channels[0], want.channels[0]) {
		t.Errorf("got %d samples, want %d, or others", got.length, want.length)
	}
	kindsAre(t, got, audio.Damaged)
	if d := got.diagnostics; len(d) > 0 && !strings.Contains(d[0].Text, "format stands behind its sound") {
		t.Errorf("%q does not say why", d[0].Text)
	}
	if !strings.HasPrefix(got.info.Decoder, "ffmpeg") {
		t.Errorf("decoded by %s", got.info.Decoder)
	}
	// A file can be read without any help.
	if got, err := openBytes(t, file, builtIn); err != nil || got.length != want.length || len(got.diagnostics) > 0 {
		t.Errorf("a file: got %d samples, %v, %v", got.length, got.diagnostics, err)
	}
	// Neither bits nor bytes of a sample are given; ffmpeg guesses.
	name := data(t, "odd-audio", "hound", "crash-e5471f5b58397287b509db7d026e95f1724454f5.wav")
	if got, err = open(t, name, o); err != nil {
		t.Fatal(err)
	}
	kindsAre(t, got, audio.Damaged)
}

func TestWhatNobodyCanDecodeIsRefusedForOurReason(t *testing.T) {
	o := options(t)
	for _, c := range []struct {
		elem   []string
		reason string
	}{
		{[]string{"odd-audio", "pocketsphinx", "awful.wav"}, "claims a sample rate of 1092676 Hz"},
		{[]string{"odd-audio", "pocketsphinx", "bad.wav"}, "ends too early"},
		{[]string{"odd-audio", "hound", "oom-48ae4cd061ff8578ad3f23dc87624bd365cf5216.wav"}, "WAV header"},
	} {
		path := data(t, c.elem...)
		_, own := open(t, path, builtIn)
		_, err := open(t, path, o)
		if !errors.Is(err, audio.ErrDamaged) || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: got %v, want our reason, %q", path, err, c.reason)
		}
		if !strings.Contains(err.Error(), "nor can ffmpeg") {
			t.Errorf("%s: %v does not say that ffmpeg was asked", path, err)
		}
		if own == nil || strings.Contains(own.Error(), "ffmpeg") {
			t.Errorf("%s: without ffmpeg got %v", path, own)
		}
		e, ok := errors.AsType[*audio.Error](err)
		if want, _ := errors.AsType[*audio.Error](own); !ok || e.Hint != want.Hint || e.Name != path || e.Op != "open" {
			t.Errorf("%s: got %#v", path, e)
		}
	}
}

func TestAStreamThatCannotBeReadTwiceIsRefusedForOurReason(t *testing.T) {
	// A chunk that nobody can skip in a stream without reading it.
	file := wavFile(chunk("JUNK", make([]byte, 5<<20)), wavFormat(1, 0, 16000, 2, 16), chunk("data", tone(2, 2)))
	s, err := audio.OpenReader(t.Context(), seekless{bytes.NewReader(file)}, "stream", options(t))
	if err == nil {
		s.Close()
	}
	if !errors.Is(err, audio.ErrDamaged) || !strings.Contains(err.Error(), "has no channels") {
		t.Errorf("got %v", err)
	}
	broken := errors.New("the line is broken")
	head := io.MultiReader(bytes.NewReader(file[:20]), &failing{broken})
	if _, err := audio.OpenReader(t.Context(), head, "line", options(t)); !errors.Is(err, broken) || errors.Is(err, audio.ErrDamaged) {
		t.Errorf("a line that breaks: got %v", err)
	}
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }
