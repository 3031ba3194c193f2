package fastconformer

// SmoothOnly smooths as for weights of 8 bits, and leaves them in 32.
func (o Options) SmoothOnly() Options {
	o.Precision, o.Bits, o.smoothOnly = Int8, 8, true
	return o
}
