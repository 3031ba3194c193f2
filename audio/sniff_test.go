package audio_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/audio"
)

func TestWhatIsNoSoundIsNamed(t *testing.T) {
	for what, content := range map[string]string{
		"a web page":        "\n<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>",
		"JSON":              `{"detail": "Not found.", "status_code": 404}`,
		"an XML document":   `<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>`,
		"a playlist":        "#EXTM3U\n#EXTINF:9,\nhttp://example.com/x.ts\n",
		"text":              "Lorem ipsum dolor sit amet, häufig auch mit Umlauten.",
		"a ZIP archive":     "PK\x03\x04\x14\x00\x00\x00\x08\x00aaaaaaaaaaaaaaaa",
		"a PNG picture":     "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
		"gzip-compressed":   "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03aaaaaaaa",
		"which holds notes": "MThd\x00\x00\x00\x06\x00\x01\x00\x02\x00\x60MTrk",
	} {
		_, err := openBytes(t, []byte(content), builtIn)
		if !errors.Is(err, audio.ErrNotAudio) || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: got %v", what, err)
		}
		if e, ok := errors.AsType[*audio.Error](err); !ok || e.Hint == "" {
			t.Errorf("%s: no hint", what)
		}
	}
}

func TestWhatNeedsFFmpegIsNamed(t *testing.T) {
	adts := strings.Repeat("\xff\xf1\x50\x80\x02\x1f\xfcaaaaaaaaa", 4)
	for what, content := range map[string]string{
		"MP4 or M4A":                 "\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00",
		"WebM or Matroska":           "\x1a\x45\xdf\xa3\x01\x00\x00\x00\x00\x00\x00\x1f",
		"Ogg Vorbis":                 "OggS\x00\x02" + strings.Repeat("\x00", 20) + "\x01\x1e\x01vorbis",
		"Ogg Speex":                  "OggS\x00\x02" + strings.Repeat("\x00", 20) + "\x01\x1eSpeex   1.2",
		"AAC (ADTS)":                 adts,
		"AMR":                        "#!AMR\n\x3c\x91\x17",
		"MPEG transport stream":      strings.Repeat("\x47"+strings.Repeat("\x00", 187), 6),
		"WAV with IMA ADPCM":         "RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x11\x00\x01\x00\x40\x1f\x00\x00\x00\x10\x00\x00\x00\x01\x04\x00data\x00\x01\x00\x00",
		"WAV with format tag 0xabcd": "RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\xcd\xab\x01\x00\x40\x1f\x00\x00\x00\x10\x00\x00\x01\x00\x08\x00data\x00\x01\x00\x00",
	} {
		_, err := openBytes(t, []byte(content), builtIn)
		if !errors.Is(err, audio.ErrNoFFmpeg) || !strings.Contains(err.Error(), what+" needs ffmpeg") {
			t.Errorf("%s: got %v", what, err)
		}
	}
}

// The name of a file says nothing; only sound without any header needs it.
func TestTheContentDecidesAndNotTheName(t *testing.T) {
	for _, name := range []string{"x.mp3", "x.g722", "x", "x.html"} {
		s, err := audio.OpenReader(t.Context(), strings.NewReader(string(readFile(t, "formats-jfk", "jfk.wav"))), name, builtIn)
		got, err := readAll(t, s, err)
		if err != nil || got.info.Container != "WAV" || got.length != 176000 {
			t.Errorf("%s: got %+v, %v", name, got.info, err)
		}
	}
	noise := strings.Repeat("\x91\x02\xee\x17\x80\x05\xa3", 100)
	_, err := audio.OpenReader(t.Context(), strings.NewReader(noise), "x.g722", builtIn)
	if err == nil || !strings.Contains(err.Error(), "G.722 needs ffmpeg") {
		t.Errorf("got %v", err)
	}
	_, err = audio.OpenReader(t.Context(), strings.NewReader(noise), "x.wav", builtIn)
	if !errors.Is(err, audio.ErrNotAudio) {
		t.Errorf("got %v, want %v", err, audio.ErrNotAudio)
	}
	_, err = audio.OpenReader(t.Context(), strings.NewReader("just some words in a file"), "x.gsm", builtIn)
	if !errors.Is(err, audio.ErrNotAudio) {
		t.Errorf("text as GSM: got %v, want %v", err, audio.ErrNotAudio)
	}
}
