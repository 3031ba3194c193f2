package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/wavfile"
	"github.com/asr-backend/asr-backend/timeline"
)

// speech returns speech of the test data, people one after the other: the radio and LibriSpeech. It
// begins again after twelve minutes.
func (b *bench) speech(ctx context.Context, length time.Duration) ([]float32, error) {
	data := filepath.Join(b.root, "testdata/speech")
	files, err := filepath.Glob(filepath.Join(data, "librispeech/*.flac"))
	if err != nil {
		return nil, err
	}
	files = slices.Insert(files, 0, filepath.Join(data, "radio/gb0.flac"))
	want := int(timeline.SampleAt(length))
	var all []float32
	for i := 0; len(all) < want; i++ {
		if all, err = appendSamples(ctx, all, files[i%len(files)]); err != nil {
			return nil, err
		}
	}
	return all[:want], nil
}

// appendSamples appends the first channel of a file.
func appendSamples(ctx context.Context, all []float32, path string) (_ []float32, err error) {
	s, err := audio.Open(ctx, path, audio.Options{FFmpeg: "off"})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	for {
		block, err := s.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, block.Channels[0]...)
	}
}

// speechFile writes speech as a WAV file of the work folder.
func (b *bench) speechFile(ctx context.Context, name string, length time.Duration) (string, error) {
	samples, err := b.speech(ctx, length)
	if err != nil {
		return "", err
	}
	path := filepath.Join(b.work, name)
	return path, writeWAV(path, samples)
}

func writeWAV(path string, samples []float32) error {
	data, err := wavfile.Encode(samples, timeline.SampleRate, 1)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}

// inMemory are samples as a recognizer reads them.
type inMemory struct {
	samples []float32
	at      timeline.Sample
}

// Next returns the next second.
func (m *inMemory) Next() (audio.Block, error) {
	rest := m.samples[m.at:]
	if len(rest) == 0 {
		return audio.Block{}, io.EOF
	}
	block := audio.Block{Start: m.at, Channels: [][]float32{rest[:min(len(rest), timeline.SampleRate)]}}
	m.at = block.End()
	return block, nil
}
