package mpeg

import "math"

// stereo turns the two coded channels into left and right. Middle and side are sum and
// difference over √2. In intensity stereo, bands in which the right channel is zero up
// to the top are one signal, with a direction for each band.
func (d *Decoder) stereo(h Header, g int) {
	left, right := &d.x[0], &d.x[1]
	l := &d.layout[1] // both channels of such a frame have the same block type
	n := max(d.count[0], d.count[1])
	if !h.intensity() {
		if h.middleSide() {
			middleSide(left[:n], right[:n])
			d.count = [2]int{n, n}
		}
		return
	}

	top := topBands(right, l)
	positions := d.scale[1].positions
	l.extend(h, &positions, top)
	lowScale := h.Version != MPEG1 && d.side.granules[g][1].scaleComp&1 == 1
	at := 0
	for b, w := range l.bands() {
		x, y := left[at:at+int(w)], right[at:at+int(w)]
		at += int(w)
		p := positions[b]
		switch {
		case b > top[b%3] && p != noPosition:
			kl, kr := direction(h, int(p), lowScale)
			for i, v := range x {
				x[i], y[i] = v*kl, v*kr
			}
		case h.middleSide():
			middleSide(x, y)
		}
	}
	d.count = [2]int{n, n}
}

func middleSide(x, y []float32) {
	const half = math.Sqrt2 / 2
	y = y[:len(x)]
	for i, m := range x {
		s := y[i]
		x[i], y[i] = (m+s)*half, (m-s)*half
	}
}

// topBands returns the highest band of each window in which right is not zero; long
// blocks have one answer for all.
func topBands(right *[lines]float32, l *layout) (top [3]int) {
	top = [3]int{-1, -1, -1}
	at := 0
	for b, w := range l.bands() {
		for _, v := range right[at : at+int(w)] {
			if v != 0 {
				top[b%3] = b
				break
			}
		}
		at += int(w)
	}
	if l.long > 0 {
		m := max(top[0], top[1], top[2])
		top = [3]int{m, m, m}
	}
	return top
}

// extend gives the highest band, which has no position of its own, that of the band
// below, or the middle if that one is not in intensity stereo.
func (l *layout) extend(h Header, positions *[39]uint8, top [3]int) {
	windows, middle := 1, uint8(3)
	if l.short > 0 {
		windows = 3
	}
	if h.Version != MPEG1 {
		middle = 0
	}
	for w := range windows {
		last := l.long + l.short - windows + w
		below := last - windows
		positions[last] = positions[below]
		if top[last%3] >= below {
			positions[last] = middle
		}
	}
}

// direction returns the gains of the two channels for a position.
func direction(h Header, p int, low bool) (left, right float32) {
	if h.Version == MPEG1 {
		if p == 6 {
			return 1, 0 // tan is infinite
		}
		ratio := math.Tan(float64(p) * math.Pi / 12)
		return float32(ratio / (1 + ratio)), float32(1 / (1 + ratio))
	}
	// Steps of 1.5 or 3 dB, odd ones to the left, even ones to the right.
	step := 1
	if low {
		step = 2
	}
	k := quarterPower(-step * ((p + 1) / 2))
	if p%2 == 1 {
		return k, 1
	}
	return 1, k
}
