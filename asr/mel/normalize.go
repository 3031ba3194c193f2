package mel

import "math"

// stdGuard is added to the standard deviation, after the square root.
const stdGuard = 1e-5

// Normalize writes frames, raw log-mel values frame-major, to dst as the model takes
// them: band-major with stride values per band, each band shifted to mean zero and
// divided by its unbiased standard deviation plus 1e-5. Values of dst from the last
// frame to the stride are set to zero, as NeMo pads. A band that does not vary (one
// frame only, or digital silence) becomes zero.
//
// len(dst) must be bands × stride and stride at least the number of frames.
func Normalize(dst, frames []float32, bands, stride int) {
	n := len(frames) / bands
	mean, std := moments(frames, bands)
	for m := range bands {
		row := dst[m*stride : (m+1)*stride]
		mu, scale := mean[m], 1/(std[m]+stdGuard)
		for k := range n {
			row[k] = float32((float64(frames[k*bands+m]) - mu) * scale)
		}
		clear(row[n:])
	}
}

// Transpose writes frames to dst as Normalize does but leaves their values alone, for
// models that were trained without normalisation.
func Transpose(dst, frames []float32, bands, stride int) {
	n := len(frames) / bands
	for m := range bands {
		row := dst[m*stride : (m+1)*stride]
		for k := range n {
			row[k] = frames[k*bands+m]
		}
		clear(row[n:])
	}
}

// moments returns mean and unbiased standard deviation of every band, in two passes:
// one pass over squares loses digits, since log-mel values lie around -10.
func moments(frames []float32, bands int) (mean, std []float64) {
	mean, std = make([]float64, bands), make([]float64, bands)
	n := len(frames) / bands
	if n == 0 {
		return mean, std
	}
	for k := range n {
		for m, v := range frames[k*bands : (k+1)*bands] {
			mean[m] += float64(v)
		}
	}
	for m := range mean {
		mean[m] /= float64(n)
	}
	for k := range n {
		for m, v := range frames[k*bands : (k+1)*bands] {
			d := float64(v) - mean[m]
			std[m] += d * d
		}
	}
	for m := range std {
		std[m] = math.Sqrt(std[m] / float64(max(n-1, 1)))
	}
	return mean, std
}
