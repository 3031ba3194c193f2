package asr

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/fastconformer"
	"github.com/asr-backend/asr-backend/asr/ort"

	"golang.org/x/sys/cpu"
)

// Precision is how exactly a device computes.
type Precision string

// The precisions. The graph is stored in FP32, FP16 or INT8; TF32 is a way in which GPUs multiply
// the numbers of an FP32 graph, BF16 one in which OpenVINO does on CPUs, and INT8Careful is INT8 without the products that lose most.
const (
	FP32 Precision = "fp32"
	TF32 Precision = "tf32"
	FP16 Precision = "fp16"
	BF16 Precision = "bf16"
	INT8 Precision = "int8"

	INT8Careful Precision = "int8-careful"
)

// quantized returns what package fastconformer calls a precision.
func (p Precision) quantized() fastconformer.Precision {
	switch p {
	case INT8:
		return fastconformer.Int8
	case INT8Careful:
		return fastconformer.Careful
	}
	return fastconformer.Full
}

// quantizedBits returns how many bits quantized weights have on this machine. Products of bytes overflow
// on x86 without VNNI.
func quantizedBits() int {
	if runtime.GOARCH == "amd64" && !cpu.X86.HasAVX512VNNI && !cpu.X86.HasAVXVNNI && !cpu.X86.HasAMXInt8 {
		return 7
	}
	return 8
}

// precision returns that of the graph, by its name.
func (b *Bundle) precision() Precision {
	parts := strings.FieldsFunc(b.Graph, func(r rune) bool { return strings.ContainsRune("._-", r) })
	for _, p := range []Precision{FP16, INT8} {
		if slices.Contains(parts, string(p)) {
			return p
		}
	}
	return FP32
}

// bound is how far log-probabilities may be apart that a GPU and a CPU compute, or the same
// device with padding and without. It covers the rounding of the precision; see
// doc/gpu.md for what was measured.
func (p Precision) bound() float64 {
	switch p {
	case TF32:
		return 0.5
	case FP16:
		return 1
	}
	return 0.02
}

// paddingBound is how far a row may be from the same row of a longer, padded run. Rounding to fp16 alone
// gives 0.14 at full size with random weights; graphs without masks give 6.7 and more.
func (p Precision) paddingBound() float64 {
	if p == FP16 {
		return 0.5
	}
	return 1e-3
}

// possible is the log-probability from which on a piece counts: of less probable ones, rounding
// changes the logarithm most and the text never.
var possible = math.Log(1e-3)

// sure is the log-probability from which on the best piece of a row is no guess.
var sure = math.Log(0.5)

// agreement is how well rows agree that two devices computed.
type agreement struct {
	logits bool // the rows are no log-probabilities yet; they are changed to be

	sure, sureBest int // rows that are sure of their best piece, and those of them that have the same

	rows, best int     // rows, and those whose best piece is the same or was a close call
	difference float64 // the largest distance of a log-probability that counts; NaN if one is no number
}

// compare adds rows of a given width. Two pieces are a close call if want has them apart by no
// more than the bound.
func (a *agreement) compare(want, got []float32, width int, bound float64) {
	for at := 0; at < len(want); at += width {
		w, g := want[at:at+width], got[at:at+width]
		if a.logits {
			normalize(w)
			normalize(g)
		}
		best := 0
		for i := range w {
			if g[i] > g[best] || g[best] != g[best] {
				best = i
			}
			if float64(max(w[i], g[i])) < possible {
				continue
			}
			a.note(float64(w[i]) - float64(g[i]))
		}
		top := w[0]
		for _, v := range w {
			top = max(top, v)
		}
		a.rows++
		same := float64(top-w[best]) <= bound
		if same {
			a.best++
		}
		if float64(top) > sure {
			a.sure++
			if same {
				a.sureBest++
			}
		}
	}
}

// compareSums adds the rows of a place in a batch that were summed up on a device.
func (a *agreement) compareSums(want []float32, b *ort.Buffers, place int, blank ctc.Piece, bound float64) {
	for i := range len(want) / b.Width {
		w, at := want[i*b.Width:(i+1)*b.Width], place*b.Rows+i
		a.rows++
		best := b.Best[at]
		if best < 0 || best >= int64(len(w)) {
			a.note(math.NaN())
			continue
		}
		if float64(slices.Max(w)-w[best]) <= bound {
			a.best++
		}
		for _, pair := range [][2]float32{{w[best], b.Top[at]}, {w[blank], b.Blank[at]}} {
			if !(float64(max(pair[0], pair[1])) < possible) {
				a.note(float64(pair[0]) - float64(pair[1]))
			}
		}
		var power float64
		for _, v := range w {
			power += math.Exp(ctc.Alpha * float64(v))
		}
		a.note(math.Log(float64(b.Power[at]) / power))
	}
}

// note adds a difference. One that is not a number stays.
func (a *agreement) note(d float64) {
	if d = math.Abs(d); !(d <= a.difference) && !math.IsNaN(a.difference) {
		a.difference = d
	}
}

// check returns an error unless 99 of 100 rows have the same best piece and no log-probability
// differs by more than the bound.
func (a *agreement) check(bound float64) error {
	if 100*a.best < 99*a.rows {
		return fmt.Errorf("%d of %d rows have another best piece", a.rows-a.best, a.rows)
	}
	if !(a.difference <= bound) {
		return fmt.Errorf("log-probabilities differ by up to %.3g (allowed: %.3g)", a.difference, bound)
	}
	return nil
}
