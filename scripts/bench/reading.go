package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/plural"
)

// format is one of the files that are read.
type format struct {
	name, file string
	args       []string // of ffmpeg, which writes it
}

func formats() []format {
	return []format{
		{"WAV 16 kHz mono", "16000.wav", []string{"-ar", "16000", "-ac", "1"}},
		{"WAV 44.1 kHz stereo", "44100.wav", []string{"-ar", "44100"}},
		{"WAV 48 kHz stereo", "48000.wav", []string{"-ar", "48000"}},
		{"MP3 44.1 kHz stereo, 128 kbit/s", "44100.mp3", []string{"-ar", "44100", "-b:a", "128k"}},
		{"MP3 48 kHz stereo, 128 kbit/s", "48000.mp3", []string{"-ar", "48000", "-b:a", "128k"}},
		{"MP3 16 kHz mono, 48 kbit/s", "16000.mp3", []string{"-ar", "16000", "-ac", "1", "-b:a", "48k"}},
		{"FLAC 44.1 kHz stereo", "44100.flac", []string{"-ar", "44100"}},
		{"FLAC 48 kHz stereo", "48000.flac", []string{"-ar", "48000"}},
		{"FLAC 16 kHz mono", "16000.flac", []string{"-ar", "16000", "-ac", "1"}},
		{"Opus 48 kHz stereo, 96 kbit/s", "stereo.opus", []string{"-b:a", "96k"}},
		{"Opus 48 kHz mono, 32 kbit/s", "mono.opus", []string{"-ac", "1", "-b:a", "32k", "-application", "voip"}},
		{"M4A 44.1 kHz stereo, 128 kbit/s, through ffmpeg", "44100.m4a", []string{"-ar", "44100", "-b:a", "128k"}},
	}
}

// reading compares package audio with ffmpeg: from a file to mono samples at 16 kHz, on one core.
func reading(ctx context.Context, b *bench, w io.Writer) error {
	ffmpeg, err := b.findFFmpeg()
	if err != nil {
		return err
	}
	length := 5 * time.Minute
	if b.quick {
		length = 10 * time.Second
	}
	source := filepath.Join(b.work, "sonnets.wav")
	sonnet := func(name string) string { return filepath.Join(b.root, "testdata/speech/sonnets", name) }
	run := func(args ...string) *exec.Cmd {
		return exec.CommandContext(ctx, ffmpeg, append([]string{"-v", "error", "-nostdin", "-y"}, args...)...)
	}
	if _, err := output(run("-i", sonnet("p001.mp3"), "-i", sonnet("p002.mp3"), "-i", sonnet("p003.mp3"),
		"-filter_complex", "concat=n=3:v=0:a=1", "-ac", "2", "-c:a", "pcm_s16le", source)); err != nil {
		return err
	}
	version, err := output(run("-version"))
	if err != nil {
		return err
	}
	fmt.Fprint(w, "| file | times real time, one core | speed to ffmpeg's, by CPU: of the shortest | of lowest deciles | median of pairs |\n|---|---|---|---|---|\n")
	for _, f := range formats() {
		path := filepath.Join(b.work, f.file)
		args := append([]string{"-stream_loop", "-1", "-i", source, "-t", fmt.Sprint(length.Seconds())}, f.args...)
		if _, err := output(run(append(args, path)...)); err != nil {
			return err
		}
		times, err := b.inTurns(ctx, 1, otherRounds, []contender{
			{"ffmpeg", func(context.Context) (took, error) {
				t, _, err := timed(run("-threads", "1", "-filter_threads", "1", "-i", path, "-map", "0:a:0", "-ac", "1", "-ar", "16000", "-c:a", "pcm_f32le", "-f", "null", "-"))
				return t, err
			}},
			{f.name, withChildren(func(ctx context.Context) error { return readAll(ctx, path, ffmpeg) })},
		})
		if err != nil {
			return err
		}
		r := compare(times[0], times[1])
		fmt.Fprintf(w, "| %s | %.0f | %.2f | %.2f | %.2f |\n", f.name, length.Seconds()/least(times[1], took.processor), r.least, r.decile, r.median)
	}
	// It begins "ffmpeg version 5.1.6 Copyright".
	if words := strings.Fields(string(version)); len(words) > 2 {
		fmt.Fprintf(w, "\n%s; ffmpeg is version %s.\n", plural.Count(b.count(otherRounds), "round"), words[2])
	}
	return nil
}

func readAll(ctx context.Context, path, ffmpeg string) (err error) {
	s, err := audio.Open(ctx, path, audio.Options{FFmpeg: ffmpeg})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	for {
		if _, err := s.Next(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// findFFmpeg returns the path of ffmpeg.
func (b *bench) findFFmpeg() (string, error) {
	if b.ffmpeg != "" {
		return b.ffmpeg, nil
	}
	if path, err := exec.LookPath("ffmpeg"); err == nil {
		return path, nil
	}
	found, err := filepath.Glob(filepath.Join(b.venv, "lib/python*/site-packages/imageio_ffmpeg/binaries/ffmpeg-*"))
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("%w: ffmpeg is not installed", errMissing)
	}
	return found[0], nil
}
