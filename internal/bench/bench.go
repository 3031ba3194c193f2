// Package bench measures how much of the machine's time goes into the model and how
// much into everything around it.
//
// Speeds are RTFx: seconds of audio in a second of wall time. Machines are noisy, so
// what counts are ratios of things measured side by side: each round runs the bare model
// (ONNX Runtime's Run on ready-made windows, as many side by side as the program would)
// and then the whole program on the same recording, and the ratio is the median of the
// rounds' ratios.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/mel"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/transcribe"
	"github.com/asr-backend/asr-backend/transcript"
)

// Options say what to measure.
type Options struct {
	// Recording is the file that is measured on.
	Recording string
	// Rounds is how often each thing is measured; 0 means 5.
	Rounds int
	// FFmpeg is passed on to audio.
	FFmpeg string
}

// Report is what was measured.
type Report struct {
	Audio       time.Duration `json:"-"`
	AudioS      float64       `json:"audio_s"`
	Device      asr.Device    `json:"device"`
	Runtime     string        `json:"onnxruntime"`
	Windows     int           `json:"windows"`
	Read        float64       `json:"read_rtfx"`       // decode and resample, one core
	Features    float64       `json:"features_rtfx"`   // log-mel, one core
	Bare        float64       `json:"bare_rtfx"`       // the model alone
	Whole       float64       `json:"whole_rtfx"`      // everything
	WholeToBare float64       `json:"whole_to_bare"`   // median ratio of speeds
	Lowest      float64       `json:"lowest_to_bare"`  // over rounds
	Highest     float64       `json:"highest_to_bare"` // over rounds
	PeakBytes   int64         `json:"peak_resident_bytes"`
	Decoder     *Decoder      `json:"decoder,omitempty"` // of a transducer
}

// Decoder is what a transducer costs beside its encoder. It is decoded on a CPU, a core a recording.
type Decoder struct {
	Speed float64 `json:"rtfx"` // on one core
	// Share is the part that decoding has of the processor time of encoder and decoder; 0 on a GPU.
	Share  float64 `json:"share"`
	Pieces float64 `json:"pieces_per_s"`
	Calls  float64 `json:"calls_per_s"`
}

// Run measures. The recording should fill some windows: a minute and more.
func Run(ctx context.Context, r *asr.Recognizer, o Options) (*Report, error) {
	if o.Rounds <= 0 {
		o.Rounds = 5
	}
	report := &Report{Device: r.Device()}
	if err := report.stages(ctx, r, o); err != nil {
		return nil, err
	}
	stream, err := audio.Open(ctx, o.Recording, audio.Options{FFmpeg: o.FFmpeg})
	if err != nil {
		return nil, err
	}
	bare, err := r.NewBare(stream)
	if err = errors.Join(err, stream.Close()); err != nil {
		return nil, err
	}
	if report.Windows = bare.Windows(); report.Windows == 0 {
		return nil, errors.Join(fmt.Errorf("bench: %s is shorter than a window; take a recording of a minute or more", o.Recording), bare.Close())
	}
	if err = report.rounds(ctx, r, bare, o); err == nil {
		err = report.decoder(ctx, bare, o)
	}
	return report, errors.Join(err, bare.Close())
}

// decoder measures the decoder of a transducer.
func (p *Report) decoder(ctx context.Context, bare *asr.Bare, o Options) error {
	var speeds []float64
	for range o.Rounds {
		w, err := bare.Decode(ctx)
		if err != nil || w.Took == 0 {
			return err
		}
		speeds = append(speeds, w.Audio.Seconds()/w.Took.Seconds())
		p.Decoder = &Decoder{Pieces: float64(w.Pieces) / w.Audio.Seconds(), Calls: float64(w.Calls) / w.Audio.Seconds()}
	}
	p.Decoder.Speed = median(speeds)
	if p.Device.Provider != ort.CPU {
		return nil
	}
	decoder, encoder := 1/p.Decoder.Speed, float64(p.Device.Threads)/p.Bare
	p.Decoder.Share = decoder / (decoder + encoder)
	return nil
}

// stages measures what does not need the model.
func (p *Report) stages(ctx context.Context, r *asr.Recognizer, o Options) error {
	bank, err := mel.NewBank(r.Contract().Bands)
	if err != nil {
		return err
	}
	var reads, features []float64
	for range o.Rounds {
		start := time.Now()
		samples, err := read(ctx, o)
		if err != nil {
			return err
		}
		took := time.Since(start)
		p.Audio = timeline.Sample(len(samples)).Duration()
		p.AudioS = p.Audio.Seconds()
		reads = append(reads, p.AudioS/took.Seconds())
		start = time.Now()
		e := mel.NewExtractor(bank, 1)
		var frames []float32
		for at := 0; at < len(samples); at += timeline.SampleRate {
			frames = e.Append(frames[:0], samples[at:min(at+timeline.SampleRate, len(samples))])
		}
		features = append(features, p.AudioS/time.Since(start).Seconds())
	}
	p.Read, p.Features = median(reads), median(features)
	return nil
}

func read(ctx context.Context, o Options) ([]float32, error) {
	stream, err := audio.Open(ctx, o.Recording, audio.Options{FFmpeg: o.FFmpeg})
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	var samples []float32
	for {
		block, err := stream.Next()
		if errors.Is(err, io.EOF) {
			return samples, nil
		}
		if err != nil {
			return nil, err
		}
		samples = append(samples, block.Channels[0]...)
	}
}

// rounds measures the bare model and the whole in turn. The first round warms up.
func (p *Report) rounds(ctx context.Context, r *asr.Recognizer, bare *asr.Bare, o Options) error {
	whole, err := transcribe.New(r, transcribe.Options{FFmpeg: o.FFmpeg})
	if err != nil {
		return err
	}
	var bares, wholes, ratios []float64
	for round := range o.Rounds + 1 {
		model, err := bare.Run(ctx)
		if err != nil {
			return err
		}
		start := time.Now()
		t, err := whole.Transcribe(ctx, transcribe.Source{Path: o.Recording}, transcribe.Request{Request: asr.Request{Priority: priority.Batch}})
		if err != nil {
			return err
		}
		if err := transcript.Write(io.Discard, transcript.JSON, t, transcript.WriteOptions{}); err != nil {
			return err
		}
		took := time.Since(start)
		if round == 0 {
			continue
		}
		// The whole may run one window more, the last that slides back.
		model = model * time.Duration(t.Diagnostics.Windows-t.Diagnostics.WindowsSkipped) / time.Duration(bare.Windows())
		bares = append(bares, p.AudioS/model.Seconds())
		wholes = append(wholes, p.AudioS/took.Seconds())
		ratios = append(ratios, model.Seconds()/took.Seconds())
	}
	p.Bare, p.Whole, p.WholeToBare = median(bares), median(wholes), median(ratios)
	p.Lowest, p.Highest = slices.Min(ratios), slices.Max(ratios)
	p.PeakBytes = status("VmHWM:")
	return nil
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	if n := len(x); n%2 == 1 {
		return x[n/2]
	} else {
		return (x[n/2-1] + x[n/2]) / 2
	}
}

// Memory transcribes generated recordings of the given lengths, one after the other, and
// returns the resident size of the process, in bytes, at the end of each.
func Memory(ctx context.Context, r *asr.Recognizer, lengths []time.Duration) ([]int64, error) {
	var sizes []int64
	for _, d := range lengths {
		g := &generated{n: timeline.SampleAt(d)}
		if _, err := r.Recognize(ctx, g, asr.Request{Priority: priority.Batch}); err != nil {
			return nil, err
		}
		sizes = append(sizes, g.most)
	}
	return sizes, nil
}

// generated is a recording made on the way: a hum that swells and fades like syllables.
type generated struct {
	n, at timeline.Sample
	block [timeline.SampleRate]float32
	most  int64
}

func (g *generated) Next() (audio.Block, error) {
	if g.at >= g.n {
		return audio.Block{}, io.EOF
	}
	for i := range g.block {
		t := (g.at + timeline.Sample(i)).Seconds()
		swell := 0.5 - 0.5*math.Cos(2*math.Pi*4*t)
		g.block[i] = float32(0.1 * swell * (math.Sin(2*math.Pi*140*t) + 0.5*math.Sin(2*math.Pi*(900+500*math.Sin(t))*t)))
	}
	b := audio.Block{Start: g.at, Channels: [][]float32{g.block[:min(timeline.SampleRate, g.n-g.at)]}}
	g.at += timeline.SampleRate
	if g.at%(60*timeline.SampleRate) == 0 {
		g.most = max(g.most, status("VmRSS:"))
	}
	return b, nil
}

// status reads a size in /proc/self/status; it is zero where there is none.
func status(field string) int64 {
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(raw)) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == field {
			kb, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				return 0
			}
			return kb << 10
		}
	}
	return 0
}
