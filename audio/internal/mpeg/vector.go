package mpeg

// multiplyGo sets y to the product of row vector x and matrix m, which has a row of
// len(y) for each element of x. The order of additions is that of the AVX twin: even
// and odd rows apart, and no multiplication fused with an addition. The number of rows
// is even, that of columns a multiple of sixteen.
func multiplyGo(y, x, m []float32) {
	n := len(y)
	for c := 0; c < n; c += 16 {
		var even, odd [16]float32
		for k := 0; k+1 < len(x); k += 2 {
			a, b := x[k], x[k+1]
			p, q := (*[16]float32)(m[k*n+c:]), (*[16]float32)(m[(k+1)*n+c:])
			for i := range even {
				even[i] += float32(a * p[i])
				odd[i] += float32(b * q[i])
			}
		}
		for i := range even {
			y[c+i] = even[i] + odd[i]
		}
	}
}

// weighGo sets out to the windowed sum over the 16 vectors in v, the youngest last:
// their first half at even ages, the second at odd ones.
func weighGo(out *[32]float32, v []float32, w *[512]float32) {
	var sum [32]float32
	for age := range 16 {
		p := (*[32]float32)(v[(15-age)*64+age%2*32:])
		q := (*[32]float32)(w[age*32:])
		for i := range sum {
			sum[i] += float32(p[i] * q[i])
		}
	}
	*out = sum
}

// vectorsGo makes the vector of every slot: v[i] is the sum of cos((16+i)(2k+1)π/64) over
// the subbands k. The order of additions is that of the AVX twin.
func vectorsGo(v *[slots * synthVector]float32, in *[slots][subbands]float32, m *[2][256]float32) {
	for t := range in {
		x := &in[t]
		var even, odd [16]float32
		for k := range 16 {
			sum, difference := x[k]+x[31-k], x[k]-x[31-k]
			p, q := (*[16]float32)(m[0][k*16:]), (*[16]float32)(m[1][k*16:])
			for c := range even {
				even[c] += float32(sum * p[c])
				odd[c] += float32(difference * q[c])
			}
		}
		y := (*[synthVector]float32)(v[t*synthVector:])
		y[16] = 0
		for c := range subbands {
			d := even[c/2]
			if c%2 == 1 {
				d = odd[c/2]
			}
			if c < 16 {
				y[48-c], y[48+c] = -d, -d
			} else {
				y[c-16], y[48-c] = d, -d
			}
		}
	}
}
