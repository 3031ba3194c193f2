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
	for m := range std {
		std[m] = 1 / (std[m] + stdGuard)
	}
	for at := 0; at < n; at += block {
		part := frames[at*bands : min(at+block, n)*bands]
		normalize(dst[at:], part, mean, std, stride)
	}
	pad(dst, n, bands, stride)
}

// normalizeGo writes frames, shifted and scaled, to the rows of dst.
func normalizeGo(dst, frames []float32, mean, scale []float64, stride int) {
	bands := len(mean)
	for m, mu := range mean {
		row := dst[m*stride:][:len(frames)/bands]
		for k := range row {
			row[k] = float32((float64(frames[k*bands+m]) - mu) * scale[m])
		}
	}
}

// block is how many frames are turned from frame-major to band-major at a time: they fit into the
// fastest cache together with what is written.
const block = 32

// pad sets the values of each band from the n-th on to zero.
func pad(dst []float32, n, bands, stride int) {
	for m := range bands {
		clear(dst[m*stride+n : (m+1)*stride])
	}
}

// Transpose writes frames to dst as Normalize does but leaves their values alone, for
// models that were trained without normalisation.
func Transpose(dst, frames []float32, bands, stride int) {
	n := len(frames) / bands
	for at := 0; at < n; at += block {
		part := frames[at*bands : min(at+block, n)*bands]
		for m := range bands {
			row := dst[m*stride+at:][:len(part)/bands]
			for k := range row {
				row[k] = part[k*bands+m]
			}
		}
	}
	pad(dst, n, bands, stride)
}

// moments returns mean and unbiased standard deviation of every band, in two passes:
// one pass over squares loses digits, since log-mel values lie around -10.
func moments(frames []float32, bands int) (mean, std []float64) {
	mean, std = make([]float64, bands), make([]float64, bands)
	n := len(frames) / bands
	if n == 0 {
		return mean, std
	}
	sums(mean, frames)
	for m := range mean {
		mean[m] /= float64(n)
	}
	squares(std, mean, frames)
	for m := range std {
		std[m] = math.Sqrt(std[m] / float64(max(n-1, 1)))
	}
	return mean, std
}

// sumsGo adds the frames to sum, band by band.
func sumsGo(sum []float64, frames []float32) {
	for ; len(frames) >= len(sum); frames = frames[len(sum):] {
		for m := range sum {
			sum[m] += float64(frames[m])
		}
	}
}

// squaresGo adds the squares of the distances from mean to sum.
func squaresGo(sum, mean []float64, frames []float32) {
	mean = mean[:len(sum)]
	for ; len(frames) >= len(sum); frames = frames[len(sum):] {
		for m := range sum {
			d := float64(frames[m]) - mean[m]
			sum[m] += float64(d * d)
		}
	}
}
