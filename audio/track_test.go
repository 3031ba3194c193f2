package audio_test

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/audio"
)

// tones makes a file with a track for each of some tones: 300, 600, 900 Hz.
func tones(t *testing.T, name string, n int, args ...string) string {
	t.Helper()
	var all []string
	for i := range n {
		all = append(all, "-f", "lavfi", "-i", "sine=d=2:r=16000:f="+[]string{"300", "600", "900"}[i])
	}
	for i := range n {
		all = append(all, "-map", []string{"0", "1", "2"}[i])
	}
	return makeFile(t, name, append(append(all, "-c:a", "aac"), args...)...)
}

// pitch returns the frequency of a sine, from its zero crossings.
func pitch(r recording) float64 {
	crossings, part := 0, r.channels[0][8000:24000]
	for i := 1; i < len(part); i++ {
		if part[i-1] < 0 && part[i] >= 0 {
			crossings++
		}
	}
	return float64(crossings)
}

func TestTheDefaultTrackIsTaken(t *testing.T) {
	o := options(t)
	second := tones(t, "x.mkv", 2, "-disposition:a:0", "0", "-disposition:a:1", "default",
		"-metadata:s:a:0", "language=ger", "-metadata:s:a:1", "language=eng", "-metadata:s:a:1", "title=Main  Stream #0:9: Audio")
	commentary := tones(t, "x.mkv", 2, "-disposition:a:0", "default+comment", "-disposition:a:1", "default")
	aid := tones(t, "x.mkv", 3, "-disposition:a:0", "visual_impaired", "-disposition:a:1", "comment", "-disposition:a:2", "0")
	programs := makeFile(t, "x.ts", "-f", "lavfi", "-i", "sine=d=2:r=16000:f=300", "-f", "lavfi", "-i", "sine=d=2:r=16000:f=600", "-map", "0", "-map", "1",
		"-c:a", "aac", "-program", "title=A:st=0", "-program", "title=B:st=0:st=1")
	for _, c := range []struct {
		name  string
		path  string
		track int
		hz    float64
		text  string // of the diagnostic, "" for none
	}{
		{"the second is the default", second, 0, 600, `2 audio tracks; track 2 (eng, "Main  Stream #0:9: Audio"), the default, was taken. Not taken: track 1 (ger).`},
		{"the first by number", second, 1, 300, ""},
		{"the second by number", second, 2, 600, ""},
		{"a commentary, and another, both default", commentary, 0, 600, "track 2 was taken"},
		{"no default, the last is for all", aid, 0, 900, "track 3 was taken"},
		{"two programs that share a track", programs, 0, 300, "2 audio tracks; track 1"},
		{"the second of programs", programs, 2, 600, ""},
		{"one track", tones(t, "x.m4a", 1), 1, 300, ""},
	} {
		o.Track = c.track
		got := mustOpen(t, c.path, o)
		if hz := pitch(got); math.Abs(hz-c.hz) > 5 {
			t.Errorf("%s: got a tone of %v Hz, want %v", c.name, hz, c.hz)
		}
		if c.text == "" && len(got.diagnostics) > 0 || c.text != "" && (len(got.diagnostics) != 1 ||
			got.diagnostics[0].Kind != audio.Partial || !strings.Contains(got.diagnostics[0].Text, c.text)) {
			t.Errorf("%s: got %v, want %q", c.name, got.diagnostics, c.text)
		}
	}
}

func TestATrackThatIsNotThereIsAnError(t *testing.T) {
	o := options(t)
	for path, track := range map[string]int{
		tones(t, "x.mkv", 2): 3, data(t, "formats-jfk", "jfk.wav"): 2, data(t, "formats-jfk", "jfk.mp3"): 2, data(t, "formats-jfk", "jfk.m4a"): -1,
	} {
		o.Track = track
		if _, err := open(t, path, o); err == nil || !strings.Contains(err.Error(), "track") {
			t.Errorf("%s: got %v", filepath.Base(path), err)
		}
	}
}

func TestEncryptedSoundIsNamed(t *testing.T) {
	o := options(t)
	jfk := data(t, "formats-jfk", "jfk.wav")
	m4a := readFile(t, "formats-jfk", "jfk.m4a")
	shop := strings.Replace(string(m4a), "mp4a", "drms", 1)
	common := makeFile(t, "x.mp4", "-i", jfk, "-c:a", "aac", "-encryption_scheme", "cenc-aes-ctr",
		"-encryption_key", "76a6c65c5ea762046bd749a2e632ccbb", "-encryption_kid", "a7e61c373e219033c21091fa607bf3b8")
	files := map[string][]byte{"shop.m4a": []byte(shop), "windows.wma": protectedWMA(t, jfk), "broadcast.ts": scrambledTS(t, jfk)}
	paths := []string{common}
	for name, b := range files {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	for _, path := range paths {
		_, err := open(t, path, o)
		if e, ok := errors.AsType[*audio.Error](err); !ok || !errors.Is(err, audio.ErrProtected) || !strings.Contains(err.Error(), "protected (DRM)") || e.Hint == "" {
			t.Errorf("%s: got %v, want %v", filepath.Base(path), err, audio.ErrProtected)
		}
	}
	if _, err := openStream(t, t.Context(), []byte(shop), o); !errors.Is(err, audio.ErrProtected) {
		t.Errorf("a stream: got %v", err)
	}
}

// protectedWMA adds a Content Encryption Object to a header (ASF specification, 3.14).
func protectedWMA(t *testing.T, from string) []byte {
	b, err := os.ReadFile(makeFile(t, "x.wma", "-i", from, "-c:a", "wmav2"))
	if err != nil {
		t.Fatal(err)
	}
	object := []byte("\xfb\xb3\x11\x22\x23\xbd\xd2\x11\xb4\xb7\x00\xa0\xc9\x55\xfc\x6e")
	body := []byte("\x04\x00\x00\x00abcd\x04\x00\x00\x00DRM\x00\x03\x00\x00\x00id\x00\x09\x00\x00\x00http://x\x00")
	object = append(binary.LittleEndian.AppendUint64(object, uint64(24+len(body))), body...)
	binary.LittleEndian.PutUint64(b[16:], binary.LittleEndian.Uint64(b[16:])+uint64(len(object)))
	binary.LittleEndian.PutUint32(b[24:], binary.LittleEndian.Uint32(b[24:])+1)
	return slices.Insert(b, 30, object...)
}

// scrambledTS makes noise of the sound in a transport stream, and marks it as scrambled.
func scrambledTS(t *testing.T, from string) []byte {
	b, err := os.ReadFile(makeFile(t, "x.ts", "-i", from, "-c:a", "aac"))
	if err != nil {
		t.Fatal(err)
	}
	for p := 0; p+188 <= len(b); p += 188 {
		packet := b[p : p+188]
		if pid := int(packet[1]&31)<<8 | int(packet[2]); pid != 0x100 {
			continue
		}
		packet[3] |= 0x80
		start := 4
		if packet[3]&0x20 != 0 {
			start = 5 + int(packet[4])
		}
		for i := start; i < 188; i++ {
			packet[i] ^= byte(i*37 + 11)
		}
	}
	return b
}

// What is wrong with a cover picture is nobody's concern here.
func TestADamagedCoverIsNoDiagnostic(t *testing.T) {
	o := options(t)
	for _, codec := range []string{"mjpeg", "png"} {
		b, err := os.ReadFile(makeFile(t, "x.m4a", "-f", "lavfi", "-i", "sine=d=2:r=16000", "-f", "lavfi", "-i", "testsrc=d=0.04:s=64x64",
			"-map", "0", "-map", "1", "-c:a", "aac", "-c:v", codec, "-disposition:v", "attached_pic"))
		if err != nil {
			t.Fatal(err)
		}
		mark := map[string]string{"mjpeg": "\xff\xd8\xff", "png": "\x89PNG"}[codec]
		at := strings.Index(string(b), mark)
		if at < 0 {
			t.Fatal("no cover in it")
		}
		for i := at + 60; i < at+400; i++ {
			b[i] = byte(i * 7)
		}
		path := filepath.Join(t.TempDir(), "x.m4a")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := mustOpen(t, path, o); len(got.diagnostics) > 0 {
			t.Errorf("%s: got %v", codec, got.diagnostics)
		}
	}
}
