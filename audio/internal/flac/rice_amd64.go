package flac

import "golang.org/x/sys/cpu"

// riceCodes decodes codes to the front of x as long as none is longer than a window and
// none begins at r.end or behind it, and returns how many it did.
func (r *reader) riceCodes(x []int64, k int) (n int) {
	if cpu.X86.HasLZCNT && cpu.X86.HasBMI2 && r.pos < r.end {
		n, r.pos = riceBMI(x, &r.b[0], r.pos, r.end, k)
		return n
	}
	return r.riceCodesGo(x, k)
}

// riceBMI reads up to slack bytes behind bit position end.
//
//go:noescape
func riceBMI(x []int64, b *byte, pos, end, k int) (n, after int)
