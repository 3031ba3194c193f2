package flac

import "math/bits"

// decodeSubframe decodes one channel of a frame into x, samples of depth bits.
func decodeSubframe(r *reader, x []int64, depth int) error {
	// 1 bit: zero; 6 bits: kind; 1 bit: there are wasted bits, their number in unary
	kind := int(r.take(7))
	wasted := 0
	if r.take(1) == 1 {
		wasted = 1 + r.unary()
	}
	depth -= wasted
	if r.short {
		return errShort
	}
	if depth <= 0 || kind >= 64 {
		return errFrame
	}
	var err error
	switch {
	case kind == 0: // constant
		v := r.signed(depth)
		for i := range x {
			x[i] = v
		}
	case kind == 1: // verbatim
		for i := range x {
			x[i] = r.signed(depth)
		}
	case kind >= 8 && kind <= 12:
		err = decodeFixed(r, x, depth, kind-8)
	case kind >= 32:
		err = decodeLinear(r, x, depth, kind-31)
	default:
		err = errFrame
	}
	if r.short {
		return errShort
	}
	if wasted > 0 {
		for i := range x {
			x[i] <<= wasted
		}
	}
	return err
}

// decodeFixed predicts by a polynomial through the last samples.
func decodeFixed(r *reader, x []int64, depth, order int) error {
	if err := decodeDifferences(r, x, depth, order); err != nil {
		return err
	}
	switch order {
	case 1:
		for i := 1; i < len(x); i++ {
			x[i] += x[i-1]
		}
	case 2:
		for i := 2; i < len(x); i++ {
			x[i] += 2*x[i-1] - x[i-2]
		}
	case 3:
		for i := 3; i < len(x); i++ {
			x[i] += 3*x[i-1] - 3*x[i-2] + x[i-3]
		}
	case 4:
		for i := 4; i < len(x); i++ {
			x[i] += 4*x[i-1] - 6*x[i-2] + 4*x[i-3] - x[i-4]
		}
	}
	return nil
}

// decodeLinear predicts by coefficients of its own. They stand between the first
// samples and the differences.
func decodeLinear(r *reader, x []int64, depth, order int) error {
	if order > len(x) {
		return errFrame
	}
	for i := range order {
		x[i] = r.signed(depth)
	}
	// 4 bits: width of a coefficient less one; 5 bits: shift
	width := 1 + int(r.take(4))
	shift := r.signed(5)
	if width == 16 || shift < 0 {
		return r.failure()
	}
	var coefficients [32]int64
	for i := range order {
		// Stored from the last sample backwards, kept in the order of samples.
		coefficients[order-1-i] = r.signed(width)
	}
	if err := decodeRice(r, x, order); err != nil {
		return err
	}
	predict(x, coefficients[:order], uint(shift))
	return nil
}

// decodeDifferences reads the first samples as they are, and the differences of the
// others from their prediction.
func decodeDifferences(r *reader, x []int64, depth, order int) error {
	if order > len(x) {
		return errFrame
	}
	for i := range order {
		x[i] = r.signed(depth)
	}
	return decodeRice(r, x, order)
}

// decodeRice reads the differences of the samples from order on, in 2^n partitions with
// a parameter each.
func decodeRice(r *reader, x []int64, order int) error {
	// 2 bits: width of a parameter; 4 bits: n
	method, n := r.take(2), int(r.take(4))
	if r.short {
		return errShort
	}
	width := 4 + int(method)
	length := len(x) >> n
	if method > 1 || length<<n != len(x) || length < order {
		return errFrame
	}
	at := order
	for p := range 1 << n {
		to := (p + 1) * length
		k := int(r.take(width))
		if k == 1<<width-1 {
			k = int(r.take(5)) // not coded: k bits each
			for ; at < to; at++ {
				x[at] = r.signed(k)
			}
		} else if !readRice(r, x[at:to], k) {
			return errShort
		}
		at = to
		if r.short {
			return errShort
		}
	}
	return nil
}

// readRice reads Rice codes: a quotient in unary and k bits of rest, with the sign in
// the lowest bit of the number they make.
func readRice(r *reader, x []int64, k int) bool {
	for {
		x = x[r.riceCodes(x, k):]
		if len(x) == 0 {
			break
		}
		v := uint64(r.unary())<<k | r.take(k)
		if r.short {
			return false
		}
		x[0] = int64(v>>1) ^ -int64(v&1)
		x = x[1:]
	}
	if r.pos > r.end {
		r.short = true
	}
	return !r.short
}

// riceCodesGo does what riceBMI does.
func (r *reader) riceCodesGo(x []int64, k int) (n int) {
	for i := range x {
		if r.pos >= r.end {
			return i
		}
		w := r.look()
		z := bits.LeadingZeros64(w)
		if z+1+k > 64-r.pos&7 {
			return i
		}
		v := uint64(z-1)<<k + w<<z>>(63-k)
		r.pos += z + 1 + k
		x[i] = int64(v>>1) ^ -int64(v&1)
	}
	return len(x)
}
