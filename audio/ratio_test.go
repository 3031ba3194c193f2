//go:build unix

package audio_test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/oracle"
)

// processorTime is what this process, and those that it has waited for, have used of the
// processors.
func processorTime(b *testing.B) (total time.Duration) {
	b.Helper()
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			b.Fatal(err)
		}
		total += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return total
}

// BenchmarkBesideFFmpeg reads ten minutes of speech in turns with ffmpeg, which decodes, mixes and
// resamples the same file to float samples at 16 kHz that nobody takes. It compares the processor
// times, with the start of ffmpeg, and gives the speed of this package as a multiple of ffmpeg's:
// the median of the pairs, and the ratio of the shortest times. Seven pairs and more mean something:
//
//	go test ./audio -run xxx -bench BesideFFmpeg -benchtime 7x
func BenchmarkBesideFFmpeg(b *testing.B) {
	dir, o := b.TempDir(), options(b)
	source := filepath.Join(dir, "source.wav")
	sonnet := func(name string) string { return oracle.Data(b, "speech", "sonnets", name) }
	ffmpeg(b, "-i", sonnet("p001.mp3"), "-i", sonnet("p002.mp3"), "-i", sonnet("p003.mp3"),
		"-filter_complex", "concat=n=3:v=0:a=1", "-c:a", "pcm_s16le", source)
	for _, c := range []struct {
		name, file string
		args       []string
	}{
		{"WAV 44.1 kHz stereo", "44100.wav", nil},
		{"WAV 16 kHz mono", "16000.wav", []string{"-ar", "16000", "-ac", "1"}},
		{"MP3 128k 44.1 kHz stereo", "128.mp3", []string{"-b:a", "128k"}},
		{"MP3 64k 44.1 kHz stereo", "64.mp3", []string{"-b:a", "64k"}},
		{"MP3 48k 16 kHz mono", "16000.mp3", []string{"-ar", "16000", "-ac", "1", "-b:a", "48k"}},
		{"FLAC 44.1 kHz stereo", "44100.flac", nil},
		{"FLAC 16 kHz mono", "16000.flac", []string{"-ar", "16000", "-ac", "1"}},
		{"Opus 96k stereo", "96.opus", []string{"-b:a", "96k"}},
		{"M4A 128k 44.1 kHz stereo", "128.m4a", []string{"-b:a", "128k"}},
		{"Opus 32k mono", "32.opus", []string{"-ac", "1", "-b:a", "32k", "-application", "voip"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			path := filepath.Join(dir, c.file)
			args := append([]string{"-stream_loop", "3", "-i", source, "-t", "600"}, c.args...)
			ffmpeg(b, append(args, path)...)
			var ours, theirs, ratios []float64
			total := 0.0
			for b.Loop() {
				start := processorTime(b)
				s, err := audio.Open(b.Context(), path, o)
				total += seconds(b, s, err)
				ours = append(ours, (processorTime(b) - start).Seconds())

				cmd := exec.Command(o.FFmpeg, "-v", "error", "-nostdin", "-threads", "1", "-filter_threads", "1",
					"-i", path, "-map", "0:a:0", "-ac", "1", "-ar", "16000", "-c:a", "pcm_f32le", "-f", "null", "-")
				if out, err := cmd.CombinedOutput(); err != nil {
					b.Fatalf("ffmpeg: %v\n%s", err, out)
				}
				theirs = append(theirs, (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds())
				ratios = append(ratios, theirs[len(theirs)-1]/ours[len(ours)-1])
			}
			slices.Sort(ratios)
			b.ReportMetric(ratios[len(ratios)/2], "median-ratio")
			b.ReportMetric(slices.Min(theirs)/slices.Min(ours), "minimum-ratio")
			b.ReportMetric(total/float64(len(ours))/slices.Min(ours), "audio-s/s")
		})
	}
}
