package pcm

// The two laws of G.711, expanded once for each of their 256 codes.
var (
	aLaw  = expand(expandALaw)
	muLaw = expand(expandMuLaw)
)

func expand(law func(code uint8) int) (t [256]float32) {
	for code := range t {
		t[code] = float32(law(uint8(code))) / (1 << 15)
	}
	return t
}

// expandALaw decodes 13 bits into the top of 16: a sign, three bits of exponent and four
// of mantissa, with every other bit inverted on the line.
func expandALaw(code uint8) int {
	code ^= 0x55
	exponent, mantissa := int(code>>4&7), int(code&15)
	v := mantissa<<4 + 8
	if exponent > 0 {
		v = (v + 256) << (exponent - 1)
	}
	if code&0x80 == 0 {
		return -v
	}
	return v
}

// expandMuLaw decodes 14 bits into the top of 16; all bits are inverted on the line, and
// the bias of 33 (here times four) keeps the segments joined.
func expandMuLaw(code uint8) int {
	code = ^code
	exponent, mantissa := int(code>>4&7), int(code&15)
	v := (mantissa<<3+132)<<exponent - 132
	if code&0x80 != 0 {
		return -v
	}
	return v
}
