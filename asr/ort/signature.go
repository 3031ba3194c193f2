package ort

import (
	"errors"
	"fmt"
	"strings"

	"github.com/asr-backend/asr-backend/asr/graph"

	binding "github.com/yalue/onnxruntime_go"
)

// Tensor describes an input or output of a graph.
type Tensor struct {
	Name string
	// Type is the element type such as "float32".
	Type string
	// Dims are the dimensions; -1 is one that a run may choose.
	Dims []int64
}

func (t Tensor) String() string { return fmt.Sprintf("%s %s%v", t.Name, t.Type, t.Dims) }

// Signature is what a graph says of itself.
type Signature struct {
	Inputs, Outputs []Tensor
}

// Inspect reads the signature of a model out of its file, without its weights. If the file does not say
// what shape an output has, ONNX Runtime loads the graph to find out, which takes half a second for 460 MB.
func (r *Runtime) Inspect(m Source) (s *Signature, err error) {
	if s, err = read(m); err != nil {
		return nil, fmt.Errorf("ort: inspect %s: %w", m.describe(), err)
	}
	for _, t := range append(s.Inputs, s.Outputs...) {
		if t.Dims == nil || t.Type == "" {
			return r.load(m)
		}
	}
	return s, nil
}

// read reads the signature out of the file.
func read(m Source) (_ *Signature, err error) {
	var model *graph.Model
	if m.Data != nil {
		model, err = graph.Parse(m.Data)
	} else {
		file, closer, failed := graph.Open(m.Path)
		if failed != nil {
			return nil, failed
		}
		defer func() { err = errors.Join(err, closer.Close()) }()
		model = file
	}
	if err != nil {
		return nil, err
	}
	in, out, err := model.Values()
	if err != nil {
		return nil, err
	}
	return &Signature{Inputs: tensorsOf(in), Outputs: tensorsOf(out)}, nil
}

func tensorsOf(values []graph.Value) []Tensor {
	ts := make([]Tensor, len(values))
	for i, v := range values {
		ts[i] = Tensor(v)
	}
	return ts
}

// load loads a graph without optimising it, for its signature.
func (r *Runtime) load(m Source) (*Signature, error) {
	opts, err := binding.NewSessionOptions()
	if err != nil {
		return nil, fmt.Errorf("ort: session options: %w", err)
	}
	defer opts.Destroy()
	if err := opts.SetGraphOptimizationLevel(binding.GraphOptimizationLevelDisableAll); err != nil {
		return nil, fmt.Errorf("ort: session options: %w", err)
	}
	var in, out []binding.InputOutputInfo
	if m.Data == nil {
		in, out, err = binding.GetInputOutputInfoWithOptions(m.Path, opts)
	} else {
		in, out, err = binding.GetInputOutputInfoWithONNXData(m.Data)
	}
	if err != nil {
		return nil, fmt.Errorf("ort: inspect %s: %w", m.describe(), err)
	}
	return &Signature{Inputs: tensors(in), Outputs: tensors(out)}, nil
}

func tensors(infos []binding.InputOutputInfo) []Tensor {
	ts := make([]Tensor, len(infos))
	for i, info := range infos {
		ts[i] = Tensor{Name: info.Name, Type: elementType(info.DataType), Dims: info.Dimensions}
	}
	return ts
}

// elementType names the types a model may have in the usual way.
func elementType(t binding.TensorElementDataType) string {
	switch t {
	case binding.TensorElementDataTypeFloat:
		return "float32"
	case binding.TensorElementDataTypeInt64:
		return "int64"
	}
	return strings.ToLower(strings.TrimPrefix(t.String(), "ONNX_TENSOR_ELEMENT_DATA_TYPE_"))
}

// Metadata returns the key-value pairs stored in the model.
func (s *Session) Metadata() (map[string]string, error) {
	meta, err := s.session.GetModelMetadata()
	if err != nil {
		return nil, fmt.Errorf("ort: metadata of %s: %w", s.model, err)
	}
	defer meta.Destroy()
	keys, err := meta.GetCustomMetadataMapKeys()
	if err != nil {
		return nil, fmt.Errorf("ort: metadata of %s: %w", s.model, err)
	}
	m := make(map[string]string, len(keys))
	for _, k := range keys {
		if m[k], _, err = meta.LookupCustomMetadataMap(k); err != nil {
			return nil, fmt.Errorf("ort: metadata of %s: %s: %w", s.model, k, err)
		}
	}
	return m, nil
}
