package recordings_test

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/models"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/internal/servicetest"
	"github.com/asr-backend/asr-backend/service/recordings"
	"github.com/asr-backend/asr-backend/timeline"
)

// BenchmarkDecodingAgain transcribes an hour of radio speech with the model of the program, as the service
// does, and decodes it again from the rows that were kept, in turns. Both are in seconds of audio a
// second; bytes/h is what is kept of an hour.
func BenchmarkDecodingAgain(b *testing.B) {
	for _, settings := range []struct{ name, first, then string }{
		{"Hotwords", `{"hotwords":["one"]}`, `{"hotwords":["taxation","Governor"]}`},
		{"Regions", `{"max_region":10}`, `{"max_region":20}`},
	} {
		b.Run(settings.name, func(b *testing.B) {
			f := servicetest.New(b, servicetest.Options{Model: models.EmbeddedName})
			const hour = 3600
			path := filepath.Join(f.Studio.MediaDir, "upload", "1", "a.wav")
			value := f.Upload("a.wav", nil)
			writeHour(b, path, hour*timeline.SampleRate)
			run := func(extra string, restart bool) time.Duration {
				if err := f.Registry.Set(b.Context(), 1, labelstudio.KeyExtraParams, extra); err != nil {
					b.Fatal(err)
				}
				loaded, err := f.Registry.Configure(b.Context(), 1, segments)
				if err != nil {
					b.Fatal(err)
				}
				p, err := f.Registry.Resolve(b.Context(), loaded)
				if err != nil {
					b.Fatal(err)
				}
				job, err := f.Recordings.Enqueue(b.Context(), recordings.Of(p, 10, value), priority.Batch)
				if err == nil && job.State == jobs.Done {
					job, err = f.Jobs.Restart(b.Context(), job.Key, jobs.RestartOptions{Done: true})
				}
				if err == nil && restart {
					_, err = f.Recordings.Restart(b.Context(), job, jobs.RestartOptions{Done: true})
				}
				if err != nil {
					b.Fatal(err)
				}
				start := time.Now()
				if err := f.Work(f.Recordings.Worker()); err != nil {
					b.Fatal(err)
				}
				return time.Since(start)
			}
			var model, again time.Duration
			for b.Loop() {
				model += run(settings.first, true)
				again += run(settings.then, false)
			}
			audio := hour * float64(b.N)
			b.ReportMetric(audio/model.Seconds(), "model-rtfx")
			b.ReportMetric(audio/again.Seconds(), "again-rtfx")
			b.ReportMetric(float64(f.Jobs.Stats().Kept), "bytes/h")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// writeHour writes a WAV file of a length with radio speech, again and again.
func writeHour(b *testing.B, path string, length timeline.Sample) {
	b.Helper()
	s, err := audio.Open(b.Context(), oracle.Data(b, "speech", "radio", "gb0.flac"), audio.Options{FFmpeg: audio.NoFFmpeg})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	var pcm []byte
	for {
		block, err := s.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			b.Fatal(err)
		}
		for _, x := range block.Channels[0] {
			pcm = binary.LittleEndian.AppendUint16(pcm, uint16(int16(32767*min(max(x, -1), 1))))
		}
	}
	size := uint32(2 * length)
	out := []byte("RIFF")
	out = binary.LittleEndian.AppendUint32(out, 36+size)
	out = append(out, "WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00"...)
	out = binary.LittleEndian.AppendUint32(out, uint32(timeline.SampleRate))
	out = binary.LittleEndian.AppendUint32(out, uint32(2*timeline.SampleRate))
	out = append(out, "\x02\x00\x10\x00data"...)
	out = binary.LittleEndian.AppendUint32(out, size)
	begin := len(out)
	for len(out)-begin < int(size) {
		out = append(out, pcm[:min(len(pcm), int(size)-len(out)+begin)]...)
	}
	if err := os.WriteFile(path, out, 0o600); err != nil {
		b.Fatal(err)
	}
}
