package npy

import (
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Write writes float32 data in C order, version 1 of the format. The product of shape
// must be the length of data.
func Write(w io.Writer, data []float32, shape ...int) error {
	size := 1
	dims := make([]string, len(shape))
	for i, n := range shape {
		size *= n
		dims[i] = strconv.Itoa(n)
	}
	if size != len(data) {
		return fmt.Errorf("npy: %d values do not fill shape %v", len(data), shape)
	}
	list := strings.Join(dims, ", ")
	if len(shape) == 1 {
		list += "," // a Python tuple of one
	}
	header := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", list)
	const prefix, align = 10, 64
	fill := align - (prefix+len(header)+1)%align
	header += strings.Repeat(" ", fill%align) + "\n"
	b := append([]byte("\x93NUMPY\x01\x00"), 0, 0)
	binary.LittleEndian.PutUint16(b[8:], uint16(len(header)))
	b = append(b, header...)
	b, err := binary.Append(b, binary.LittleEndian, data)
	if err != nil {
		return fmt.Errorf("npy: %w", err)
	}
	_, err = w.Write(b)
	return err
}
