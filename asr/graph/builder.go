package graph

import (
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// Builder writes an ONNX file, node by node, each after those that make its inputs. The zero value is an
// empty graph, with its weights inside.
type Builder struct {
	// Beside, if set, takes large weights, and becomes the file of the name BesideName in the folder of the
	// graph. ONNX Runtime maps that file into memory. A graph of over 2 GB cannot be one file.
	Beside     io.Writer
	BesideName string

	// graph is the message so far, after room for its tag and length. It is written once, since weights
	// are most of it.
	graph   []byte
	made    int               // values
	small   map[string]string // short constants that are there already, by what they hold
	written int64             // bytes beside
	err     error             // of Beside
}

// Microsoft is the domain of operators that ONNX Runtime has beside ONNX's own.
const Microsoft = "com.microsoft"

// The versions of what a Builder writes. ONNX Runtime 1.14 and later read it.
const (
	builderOpset = 18
	builderIR    = 8
)

// Attribute is one of a node.
type Attribute []byte

// IntAttribute, FloatAttribute and IntsAttribute are the attributes of a node.
func IntAttribute(name string, v int64) Attribute { return number(name, v) }

// FloatAttribute is a number.
func FloatAttribute(name string, v float32) Attribute {
	const kindFloat = 1
	a := appendMessage(nil, 1, []byte(name))
	a = protowire.AppendFixed32(protowire.AppendTag(a, 2, protowire.Fixed32Type), math.Float32bits(v))
	return appendInt(a, attributeKind, kindFloat)
}

// IntsAttribute is a list of integers.
func IntsAttribute(name string, v ...int64) Attribute {
	const kindInts = 7
	a := appendMessage(nil, 1, []byte(name))
	for _, one := range v {
		a = appendInt(a, 8, uint64(one))
	}
	return appendInt(a, attributeKind, kindInts)
}

// graphRoom is that of the tag and length of the graph.
const graphRoom = 16

// field adds a field of the graph.
func (b *Builder) field(number protowire.Number, body []byte) {
	if b.graph == nil {
		b.graph = make([]byte, graphRoom)
	}
	b.graph = appendMessage(b.graph, number, body)
}

// Input adds an input of the graph, whose open dimensions are -1.
func (b *Builder) Input(v Value) { b.field(graphInput, v.body()) }

// Output makes an output of the graph of a value, which gets its name.
func (b *Builder) Output(from string, v Value) {
	b.add(node{inputs: []string{from}, outputs: []string{v.Name}, op: "Identity"})
	b.field(graphOutput, v.body())
}

// Node adds an operation of one output, and returns what it makes. The name is for messages and profiles.
func (b *Builder) Node(op, name string, inputs []string, attributes ...Attribute) string {
	return b.Nodes("", op, name, inputs, 1, attributes...)[0]
}

// Nodes adds an operation of any domain and number of outputs.
func (b *Builder) Nodes(domain, op, name string, inputs []string, outputs int, attributes ...Attribute) []string {
	n := node{inputs: inputs, op: op}
	for range outputs {
		n.outputs = append(n.outputs, b.name(name))
	}
	n.rest = appendMessage(nil, nodeName, []byte(n.outputs[0]))
	for _, a := range attributes {
		n.attributes = append(n.attributes, a)
	}
	if domain != "" {
		const nodeDomain = 7
		n.rest = appendMessage(n.rest, nodeDomain, []byte(domain))
	}
	b.add(n)
	return n.outputs
}

func (b *Builder) add(n node) { b.field(graphNode, n.body()) }

func (b *Builder) name(like string) string {
	b.made++
	return like + "_" + strconv.Itoa(b.made)
}

// Floats adds a constant. It keeps no part of data.
func (b *Builder) Floats(name string, data []float32, dims ...int) string {
	raw := make([]byte, 4*len(data))
	for i, v := range data {
		binary.LittleEndian.PutUint32(raw[4*i:], math.Float32bits(v))
	}
	return b.constant(name, typeFloat, raw, dims)
}

// Ints adds a constant of one dimension.
func (b *Builder) Ints(data ...int64) string {
	var raw []byte
	for _, v := range data {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
	}
	return b.constant("ints", typeInt64, raw, []int{len(data)})
}

// Bytes8 adds a constant of 8-bit integers, with sign or without.
func (b *Builder) Bytes8(name string, data []byte, signed bool, dims ...int) string {
	kind := uint64(typeUint8)
	if signed {
		kind = typeInt8
	}
	return b.constant(name, kind, data, dims)
}

// alignment is that of weights in a file, for the vector units that read them there.
const alignment = 64

func (b *Builder) constant(name string, kind uint64, raw []byte, dims []int) string {
	short := ""
	if len(raw) <= 64 {
		if short = fmt.Sprint(kind, dims, string(raw)); b.small[short] != "" {
			return b.small[short]
		}
	}
	t := tensor{name: b.name(name), kind: kind, data: raw}
	for _, d := range dims {
		t.dims = append(t.dims, uint64(d))
	}
	if b.Beside != nil && t.size() >= worthwhile && b.err == nil {
		pad := make([]byte, (alignment-b.written%alignment)%alignment)
		if _, b.err = b.Beside.Write(pad); b.err == nil {
			_, b.err = b.Beside.Write(raw)
		}
		b.written += int64(len(pad))
		t.data, t.beside = nil, place{b.BesideName, b.written, int64(len(raw))}
		b.written += int64(len(raw))
	}
	data := t.data
	t.data = nil
	if head := t.body(); t.beside.file != "" {
		b.field(graphInitializer, head)
	} else { // the data is copied once
		if b.graph == nil {
			b.graph = make([]byte, graphRoom)
		}
		head = protowire.AppendTag(head, tensorRaw, protowire.BytesType)
		head = protowire.AppendVarint(head, uint64(len(data)))
		b.graph = protowire.AppendTag(b.graph, graphInitializer, protowire.BytesType)
		b.graph = protowire.AppendVarint(b.graph, uint64(len(head)+len(data)))
		b.graph = append(append(b.graph, head...), data...)
	}
	if short != "" {
		if b.small == nil {
			b.small = map[string]string{}
		}
		b.small[short] = t.name
	}
	return t.name
}

// Grow makes room for so many bytes of nodes and weights.
func (b *Builder) Grow(n int) {
	if b.graph == nil {
		b.graph = make([]byte, graphRoom, graphRoom+n)
	}
}

// Bytes returns the file, with metadata of the given keys and values, and ends the Builder.
func (b *Builder) Bytes(metadata map[string]string) ([]byte, error) {
	const (
		modelIR       = 1
		modelProducer = 2
		modelMetadata = 14
		graphName     = 2
	)
	if b.err != nil {
		return nil, fmt.Errorf("graph: write weights: %w", b.err)
	}
	b.field(graphName, []byte("fastconformer"))
	size := len(b.graph) - graphRoom
	head := protowire.AppendVarint(protowire.AppendTag(nil, modelGraph, protowire.BytesType), uint64(size))
	out := b.graph[graphRoom-len(head):]
	copy(out, head)
	out = appendMessage(appendInt(out, modelIR, builderIR), modelProducer, []byte("asr-backend"))
	for _, domain := range []string{"", Microsoft} {
		version := uint64(builderOpset)
		if domain != "" {
			version = 1
		}
		out = appendMessage(out, modelOpset, appendInt(appendMessage(nil, 1, []byte(domain)), 2, version))
	}
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		out = appendMessage(out, modelMetadata, appendMessage(appendMessage(nil, 1, []byte(key)), 2, []byte(metadata[key])))
	}
	b.graph = nil
	return out, nil
}

// body returns the ValueInfoProto.
func (v Value) body() []byte {
	kind := uint64(typeFloat)
	if v.Type == "int64" {
		kind = typeInt64
	}
	var shape []byte
	for i, n := range v.Dims {
		dim := appendInt(nil, 1, uint64(n))
		if n < 0 {
			dim = appendMessage(nil, 2, []byte(v.Name+"_"+strconv.Itoa(i)))
		}
		shape = appendMessage(shape, 1, dim)
	}
	tensor := appendMessage(appendInt(nil, 1, kind), 2, shape)
	return appendMessage(appendMessage(nil, 1, []byte(v.Name)), 2, appendMessage(nil, 1, tensor))
}
