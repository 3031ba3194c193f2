package clips

import (
	"context"
	"time"

	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/timeline"
)

// open opens a recording at 16 kHz or at its own rate.
func open(ctx context.Context, path string, o audio.Options, originalRate bool) (source, error) {
	if originalRate {
		s, err := audio.OpenNative(ctx, path, o)
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	s, err := audio.Open(ctx, path, o)
	if err != nil {
		return nil, err
	}
	return &resampled{s}, nil
}

// resampled is sound at the rate of the time line, whose samples are its frames.
type resampled struct{ *audio.Stream }

func (r *resampled) Rate() int { return timeline.SampleRate }

func (r *resampled) FrameAt(d time.Duration) int64 { return int64(timeline.SampleAt(d)) }

func (r *resampled) Next() ([]float32, int64, error) {
	b, err := r.Stream.Next()
	if err != nil {
		return nil, 0, err
	}
	return b.Channels[0], int64(b.Start), nil
}
