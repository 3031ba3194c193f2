package flac

import (
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// What has a fast version must give what the plain one gives.

func TestPredictionIsTheSameAtEveryOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		order := rapid.IntRange(0, 32).Draw(t, "order")
		x := rapid.SliceOfN(rapid.Int64Range(-1<<32, 1<<32), order, order+40).Draw(t, "samples")
		c := rapid.SliceOfN(rapid.Int64Range(-1<<14, 1<<14-1), order, order).Draw(t, "coefficients")
		shift := uint(rapid.IntRange(0, 15).Draw(t, "shift"))
		want := slices.Clone(x)
		for i := order; i < len(want); i++ {
			sum := int64(0)
			for k, c := range c {
				sum += c * want[i-order+k]
			}
			want[i] += sum >> shift
		}
		if predict(x, c, shift); !slices.Equal(x, want) {
			t.Fatalf("got %d, want %d", x, want)
		}
	})
}

// The bytes are mostly zeros, mostly ones or anything: codes of all lengths.
func TestRiceCodesAreTheSameByBothDecoders(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		n := rapid.IntRange(1, 300).Draw(t, "bytes")
		b := make([]byte, n+slack)
		density := rapid.IntRange(0, 8).Draw(t, "density")
		for i := range b {
			for bit := range 8 {
				if r.IntN(8) < density {
					b[i] |= 1 << bit
				}
			}
		}
		pos := rapid.IntRange(0, 8*n).Draw(t, "position")
		k := rapid.IntRange(0, 30).Draw(t, "parameter")
		fast, plain := reader{b: b, pos: pos, end: 8 * n}, reader{b: b, pos: pos, end: 8 * n}
		x := make([]int64, rapid.IntRange(0, 400).Draw(t, "samples"))
		y := slices.Clone(x)
		ok := readRice(&fast, x, k)
		for i := range y {
			if plain.pos >= plain.end {
				plain.short = true
				break
			}
			v := uint64(plain.unary())<<k | plain.take(k)
			y[i] = int64(v>>1) ^ -int64(v&1)
		}
		if ok == plain.short {
			t.Fatalf("got %t, want %t", ok, !plain.short)
		}
		if ok && (!slices.Equal(x, y) || fast.pos != plain.pos) {
			t.Fatalf("got %d up to bit %d, want %d up to %d", x, fast.pos, y, plain.pos)
		}
		y = slices.Clone(x)
		fast, plain = reader{b: b, pos: pos, end: 8 * n}, reader{b: b, pos: pos, end: 8 * n}
		m, want := fast.riceCodes(x, k), plain.riceCodesGo(y, k)
		if fast.pos > fast.end && plain.pos >= plain.end {
			return // cut off: how far each went within its window means nothing
		}
		if m != want || fast.pos != plain.pos || !slices.Equal(x, y) {
			t.Fatalf("got %d codes up to bit %d, want %d up to %d", m, fast.pos, want, plain.pos)
		}
	})
}

func TestTheChecksumIsThatOfItsPolynomial(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "bytes")
		want := uint16(0)
		for _, v := range b {
			want ^= uint16(v) << 8
			for range 8 {
				want = want<<1 ^ want>>15*0x8005
			}
		}
		if got := crc16(b); got != want {
			t.Fatalf("got %04x, want %04x", got, want)
		}
	})
}
