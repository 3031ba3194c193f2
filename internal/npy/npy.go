// Package npy reads NumPy's .npy files of little-endian float32 or float64 in C order:
// the form in which test fixtures made by Python programs are kept.
//
// Format: numpy.lib.format, versions 1 and 2: magic, version, header length, and a
// Python dictionary with descr, fortran_order and shape.
package npy

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// Array is a dense array in C order.
type Array struct {
	Shape []int
	Data  []float64
}

// Float32 returns the data as float32.
func (a *Array) Float32() []float32 {
	out := make([]float32, len(a.Data))
	for i, v := range a.Data {
		out[i] = float32(v)
	}
	return out
}

var (
	descr = regexp.MustCompile(`'descr': *'<(f4|f8)'`)
	shape = regexp.MustCompile(`'shape': *\(([0-9, ]*)\)`)
)

// Read reads the file at path.
func Read(path string) (*Array, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(b) < 12 || string(b[:6]) != "\x93NUMPY" {
		return nil, fmt.Errorf("npy: %s is not a .npy file", path)
	}
	start, n := 10, int(binary.LittleEndian.Uint16(b[8:]))
	if b[6] >= 2 {
		start, n = 12, int(binary.LittleEndian.Uint32(b[8:]))
	}
	if start+n > len(b) {
		return nil, fmt.Errorf("npy: %s: header is cut", path)
	}
	header, body := string(b[start:start+n]), b[start+n:]
	kind, dims := descr.FindStringSubmatch(header), shape.FindStringSubmatch(header)
	if kind == nil || dims == nil || strings.Contains(header, "'fortran_order': True") {
		return nil, fmt.Errorf("npy: %s: unsupported header %q", path, header)
	}
	a := &Array{}
	size := 1
	for _, d := range strings.FieldsFunc(dims[1], func(r rune) bool { return r == ',' || r == ' ' }) {
		v, err := strconv.Atoi(d)
		if err != nil {
			return nil, fmt.Errorf("npy: %s: shape: %w", path, err)
		}
		a.Shape = append(a.Shape, v)
		size *= v
	}
	width := int(kind[1][1] - '0')
	if len(body) != size*width {
		return nil, fmt.Errorf("npy: %s: %d bytes for shape %v", path, len(body), a.Shape)
	}
	a.Data = make([]float64, size)
	for i := range a.Data {
		if width == 4 {
			a.Data[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(body[4*i:])))
		} else {
			a.Data[i] = math.Float64frombits(binary.LittleEndian.Uint64(body[8*i:]))
		}
	}
	return a, nil
}
