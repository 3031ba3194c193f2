package doctor

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/finding"
	"github.com/asr-backend/asr-backend/internal/hint"
	"github.com/asr-backend/asr-backend/timeline"
)

// How much noise is transcribed to see how fast a model is.
const (
	secondsOnCPU = 30
	secondsOnGPU = 600
)

// model loads the model as the flags say and transcribes noise. It reports on the GPU and on the
// model. Where a GPU or OpenVINO is asked for that cannot be used, the model is tried on the CPU.
func model(ctx context.Context, rt *ort.Runtime, o Options) []finding.Finding {
	const see = "see `asr-backend models list`"
	bundle, err := o.Model()
	if err != nil {
		return []finding.Finding{finding.New("model", finding.Failure, err.Error(), see)}
	}
	var findings []finding.Finding
	r, err := asr.New(ctx, rt, bundle, o.Recognizer)
	if asked := o.Recognizer.Provider; err != nil && (asked == ort.CUDA || asked == ort.OpenVINO) {
		findings = append(findings, finding.New(string(asked), finding.Failure, err.Error(), hint.Of(err)))
		cpu := o.Recognizer
		cpu.Provider, cpu.Batch = ort.CPU, 0
		r, err = asr.New(ctx, rt, bundle, cpu)
	} else if err == nil {
		findings = append(findings, device(r.Device(), o.Recognizer.Provider))
		if d := r.Device(); d.Provider == ort.OpenVINO {
			findings = append(findings, finding.New("openvino", finding.OK, fmt.Sprintf("plugin at %s; in %s it differs from fp32 by up to %.2g", rt.OpenVINOPath(), d.Precision, d.Difference), ""))
		}
	}
	if err != nil {
		return append(findings, finding.New("model", finding.Failure, err.Error(), see))
	}
	defer r.Close()
	seconds, computes := secondsOnCPU, "CPU"
	if r.Device().Provider == ort.CUDA {
		seconds, computes = secondsOnGPU, "GPU"
	}
	start := time.Now()
	if _, err := r.Recognize(ctx, &hiss{left: seconds}, asr.Request{}); err != nil {
		return append(findings, finding.New("model", finding.Failure, err.Error(), hint.Of(err)))
	}
	speed := float64(seconds) / time.Since(start).Seconds()
	c := r.Contract()
	if f := graph(r.Device()); f != nil {
		findings = append(findings, *f)
	}
	return append(findings, finding.New("model", finding.OK, fmt.Sprintf("%s: %d bands, %d pieces, up to %d rows in one run; decoding: %s; transcribes %.0f seconds of audio per second on this %s",
		bundle.Card.Name, c.Bands, bundle.Vocabulary.Width()-1, c.MaxRows, r.DecodedBy(0), speed, computes), ""))
}

// device reports on the GPU. A machine that has none is not ill.
func device(d asr.Device, asked ort.Provider) finding.Finding {
	switch {
	case d.Provider == ort.CUDA && d.AsExported != "":
		return finding.New("cuda", finding.Warning, fmt.Sprintf("device %d: %s; the graph could not be rewritten for it (%s), which costs speed", d.Index, d.GPU, d.AsExported), "")
	case d.Provider == ort.CUDA:
		text := fmt.Sprintf("device %d: %s; in %s it differs from the CPU by %.2g, and computes %.0f seconds of audio per second in batches of %d",
			d.Index, d.GPU, d.Precision, d.Difference, d.Speed, d.Batch)
		if d.Masked != "" {
			text += "; full windows keep their masks, since " + d.Masked
		}
		return finding.New("cuda", finding.OK, text, "")
	case asked != "" && asked != ort.CUDA:
		return finding.New("cuda", finding.OK, "not used: --provider "+string(asked), "")
	case !ort.GPUHere():
		return finding.New("cuda", finding.OK, d.Reason+"; the CPU is used", "")
	}
	return finding.New("cuda", finding.Warning, d.Reason+"; the CPU is used", d.Hint)
}

// graph reports on what a CPU runs.
func graph(d asr.Device) *finding.Finding {
	if d.Provider != ort.CPU {
		return nil
	}
	text := fmt.Sprintf("optimized for the CPU, in %s", d.Precision)
	if d.Difference > 0 {
		text += fmt.Sprintf("; log-probabilities differ from the export's by up to %.2g", d.Difference)
	}
	f := finding.New("graph", finding.OK, text, "")
	if d.AsExported != "" {
		f = finding.New("graph", finding.Warning, "the model runs as it was exported, which takes longer: "+d.AsExported, "")
	}
	return &f
}

// hiss is a recording of so many seconds of noise.
type hiss struct{ left int }

func (h *hiss) Next() (audio.Block, error) {
	if h.left == 0 {
		return audio.Block{}, io.EOF
	}
	h.left--
	block, x := make([]float32, timeline.SampleRate), uint32(h.left+1)
	for i := range block {
		x = x*1664525 + 1013904223
		block[i] = float32(int32(x)) / (1 << 35)
	}
	return audio.Block{Channels: [][]float32{block}}, nil
}
