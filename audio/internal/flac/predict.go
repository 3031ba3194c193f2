package flac

// predict adds to every sample what the coefficients make of those before it. The usual
// orders have loops of their own, with zeros for the coefficients that they lack: the
// compiler keeps coefficients in registers there, and the latest sample, which is what
// the next one waits for.
func predict(x, coefficients []int64, shift uint) {
	order := len(coefficients)
	padded := (order + 3) &^ 3
	if order == 0 || order > 12 || len(x) <= padded {
		predictAny(x, coefficients, shift)
		return
	}
	predictAny(x[:padded], coefficients, shift)
	var c [12]int64
	copy(c[padded-order:], coefficients)
	switch padded {
	case 4:
		predict4(x, (*[4]int64)(c[:]), shift)
	case 8:
		predict8(x, (*[8]int64)(c[:]), shift)
	case 12:
		predict12(x, &c, shift)
	}
}

// predictAny is for every order, and for the first samples of the others.
func predictAny(x, coefficients []int64, shift uint) {
	order := len(coefficients)
	for i := order; i < len(x); i++ {
		past := x[i-order : i]
		past = past[:len(coefficients)]
		sum := int64(0)
		for k, c := range coefficients {
			sum += c * past[k]
		}
		x[i] += sum >> shift
	}
}

func predict4(x []int64, c *[4]int64, shift uint) {
	c0, c1, c2, c3 := c[0], c[1], c[2], c[3]
	for last := x[3]; len(x) > 4; x = x[1:] {
		last = x[4] + (c0*x[0]+c1*x[1]+c2*x[2]+c3*last)>>(shift&63)
		x[4] = last
	}
}

func predict8(x []int64, c *[8]int64, shift uint) {
	c0, c1, c2, c3, c4, c5, c6, c7 := c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]
	for last := x[7]; len(x) > 8; x = x[1:] {
		last = x[8] + (c0*x[0]+c1*x[1]+c2*x[2]+c3*x[3]+c4*x[4]+c5*x[5]+c6*x[6]+c7*last)>>(shift&63)
		x[8] = last
	}
}

// predict12 has no registers for the coefficients of the four earliest samples.
func predict12(x []int64, c *[12]int64, shift uint) {
	c4, c5, c6, c7, c8, c9, c10, c11 := c[4], c[5], c[6], c[7], c[8], c[9], c[10], c[11]
	for ; len(x) > 12; x = x[1:] {
		x[12] += (c[0]*x[0] + c[1]*x[1] + c[2]*x[2] + c[3]*x[3] + c4*x[4] + c5*x[5] + c6*x[6] + c7*x[7] +
			c8*x[8] + c9*x[9] + c10*x[10] + c11*x[11]) >> (shift & 63)
	}
}
