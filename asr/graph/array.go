package graph

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

var errShape = errors.New("graph: a constant of an impossible shape")

// Len returns the number of elements.
func (a *Array) Len() int {
	n := 1
	for _, d := range a.Dims {
		n *= d
	}
	return n
}

// transpose returns the array with its axes in another order; nil reverses them. Only floats of up to
// two dimensions that are longer than one are turned, as weights are.
func (a *Array) transpose(perm []int64) (*Array, error) {
	if perm == nil {
		for i := range a.Dims {
			perm = append(perm, int64(len(a.Dims)-1-i))
		}
	}
	if len(perm) != len(a.Dims) || a.floats == nil {
		return nil, errShape
	}
	out := &Array{Dims: make([]int, len(perm))}
	var before, after []int // the axes that are longer than one, in the order of a and of out
	for i, n := range a.Dims {
		if n != 1 {
			before = append(before, i)
		}
	}
	for i, p := range perm {
		if p < 0 || int(p) >= len(perm) {
			return nil, errShape
		}
		out.Dims[i] = a.Dims[p]
		if a.Dims[p] != 1 {
			after = append(after, int(p))
		}
	}
	switch {
	case slices.Equal(before, after):
		out.floats = a.floats
	case len(before) == 2 && before[0] == after[1] && before[1] == after[0]:
		rows, columns := a.Dims[before[0]], a.Dims[before[1]]
		out.floats = func() ([]float32, error) {
			m, err := a.floats()
			if err != nil || len(m) != rows*columns {
				return nil, cmp.Or(err, errShape)
			}
			return Transposed(m, rows, columns), nil
		}
	default:
		return nil, fmt.Errorf("transposed in %d dimensions: %w", len(before), ErrNotConstant)
	}
	return out, nil
}

// Transposed turns a matrix of rows × columns, in blocks that stay in the cache.
func Transposed(m []float32, rows, columns int) []float32 {
	const block = 32
	out := make([]float32, len(m))
	for i := 0; i < rows; i += block {
		for j := 0; j < columns; j += block {
			for r := i; r < min(i+block, rows); r++ {
				for c := j; c < min(j+block, columns); c++ {
					out[c*rows+r] = m[r*columns+c]
				}
			}
		}
	}
	return out
}

// reshape changes the dimensions, of which one may be -1.
func (a *Array) reshape(to []int64) error {
	dims, known, open := make([]int, len(to)), 1, -1
	for i, n := range to {
		switch {
		case n == 0 && i < len(a.Dims):
			n = int64(a.Dims[i])
		case n == -1 && open < 0:
			open = i
			continue
		case n < 1:
			return errShape
		}
		dims[i] = int(n)
		known *= dims[i]
	}
	if open >= 0 {
		dims[open] = a.Len() / known
		known *= dims[open]
	}
	if known != a.Len() {
		return errShape
	}
	a.Dims = dims
	return nil
}

// squeeze takes out axes of length one, all of them without axes, or puts such in.
func (a *Array) squeeze(axes []int64, in bool) error {
	if !in && axes == nil {
		a.Dims = slices.DeleteFunc(a.Dims, func(n int) bool { return n == 1 })
		return nil
	}
	rank := len(a.Dims)
	if in {
		rank += len(axes)
	}
	at := map[int]bool{}
	for _, axis := range axes {
		if axis < 0 {
			axis += int64(rank)
		}
		if axis < 0 || int(axis) >= rank {
			return errShape
		}
		at[int(axis)] = true
	}
	var dims []int
	next := 0
	for i := range rank {
		switch {
		case in && at[i]:
			dims = append(dims, 1)
			continue
		case next >= len(a.Dims), !in && at[i] && a.Dims[next] != 1:
			return errShape
		case in || !at[i]:
			dims = append(dims, a.Dims[next])
		}
		next++
	}
	a.Dims = dims
	return nil
}
