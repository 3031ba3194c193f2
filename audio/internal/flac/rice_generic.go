//go:build !amd64

package flac

func (r *reader) riceCodes(x []int64, k int) (n int) { return r.riceCodesGo(x, k) }
