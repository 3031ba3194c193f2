package graph

import (
	"encoding/binary"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Summary names the outputs that sum up the rows of log-probabilities, in the order in which
// SumRows writes them: [batch, rows] each, 20 bytes a row instead of 4 bytes a piece.
type Summary struct {
	Best  string // int64; the best piece, the lowest of equals
	Top   string // float; its log-probability
	Blank string // float; that of blank
	Power string // float; the sum of pᵅ over the row
}

// SumRows takes the output of log-probabilities away, which has so many columns, and puts their
// summary in its place.
func (m *Model) SumRows(output string, blank int, alpha float64) (Summary, error) {
	s := Summary{output + "_best", output + "_top", output + "_blank", output + "_power"}
	opset, err := m.opset()
	if err != nil {
		return s, err
	}
	var fields []field
	found := false
	for _, f := range m.fields {
		if f.number == graphOutput {
			name, err := nameOf(f.body)
			if err != nil {
				return s, fmt.Errorf("graph: output: %w", err)
			}
			if name == output {
				found = true
				continue
			}
		}
		fields = append(fields, f)
	}
	if !found {
		return s, fmt.Errorf("graph: no output %s", output)
	}
	last, axes, by := output+"_piece", output+"_axes", output+"_alpha"
	scaled, power := output+"_scaled", output+"_powers"
	peak := newNode("ReduceMax", []string{output}, []string{s.Top})
	if opset < 18 { // axes became an input
		peak.attributes = [][]byte{IntsAttribute("axes", -1), number("keepdims", 0)}
	} else {
		peak.inputs, peak.attributes = append(peak.inputs, axes), [][]byte{number("keepdims", 0)}
	}
	m.fields = append(fields,
		initializer(last, typeInt64, nil, int64Bytes(int64(blank))),
		initializer(axes, typeInt64, []uint64{1}, int64Bytes(-1)),
		initializer(by, typeFloat, nil, binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(alpha)))),
		newNode("ArgMax", []string{output}, []string{s.Best}, number("axis", -1), number("keepdims", 0)).field(),
		peak.field(),
		newNode("Gather", []string{output, last}, []string{s.Blank}, number("axis", 2)).field(),
		newNode("Mul", []string{output, by}, []string{scaled}).field(),
		newNode("Exp", []string{scaled}, []string{power}).field(),
		newNode("ReduceSum", []string{power, axes}, []string{s.Power}, number("keepdims", 0)).field(),
		value(s.Best, typeInt64), value(s.Top, typeFloat), value(s.Blank, typeFloat), value(s.Power, typeFloat))
	return s, nil
}

// opset returns the version of ONNX's own operators.
func (m *Model) opset() (version uint64, err error) {
	for _, part := range [][]byte{m.before, m.after} {
		err = each(part, func(number protowire.Number, _, body []byte) error {
			if number != modelOpset {
				return nil
			}
			domain, v := "", uint64(0)
			err := each(body, func(number protowire.Number, raw, body []byte) error {
				switch number {
				case 1:
					domain = string(body)
				case 2:
					v, _ = varint(raw)
				}
				return nil
			})
			if domain == "" || domain == "ai.onnx" {
				version = v
			}
			return err
		})
		if err != nil {
			return 0, fmt.Errorf("graph: operators: %w", err)
		}
	}
	return version, nil
}

// initializer is a tensor of the graph. Its dims are nil if it is a scalar.
func initializer(name string, kind uint64, dims []uint64, data []byte) field {
	t := tensor{name: name, kind: kind, dims: dims, data: data}
	return newField(graphInitializer, t.body())
}

// value is an output of any shape.
func value(name string, kind uint64) field {
	body := appendMessage(nil, 1, []byte(name))
	return newField(graphOutput, appendMessage(body, 2, appendMessage(nil, 1, appendInt(nil, 1, kind))))
}

func int64Bytes(v int64) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(v)) }
