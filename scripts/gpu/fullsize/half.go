package fullsize

import (
	"errors"

	"github.com/asr-backend/asr-backend/asr/graph"
)

// Half returns the fp16 variant of a model, as `asr-backend models optimize` makes it.
func Half(model []byte) ([]byte, error) {
	m, err := graph.Parse(model)
	if err != nil {
		return nil, err
	}
	inputs, err := m.Inputs()
	if err != nil {
		return nil, err
	}
	if len(inputs) != 2 {
		return nil, errors.New("fullsize: want a model with the inputs features and lengths")
	}
	if err := m.Half(inputs[0], inputs[1], graph.Weights{}); err != nil {
		return nil, err
	}
	return m.Bytes(), nil
}
