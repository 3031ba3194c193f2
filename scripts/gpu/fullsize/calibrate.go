package fullsize

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// The last layer of NeMo's CTC models, a convolution of width one.
const (
	headWeight = "decoder_layers.0.weight"
	headBias   = "decoder_layers.0.bias"
)

// isHead reports whether a tensor belongs to the last layer.
func isHead(name string) bool {
	return strings.HasSuffix(name, headWeight) || strings.HasSuffix(name, headBias)
}

// BlankShare is the share of rows that blank wins with trained models.
const BlankShare = 0.78

// logitSpan is the standard deviation of a piece's logit over rows.
const logitSpan = 2.5

// Calibrate changes the last layer so that its rows look like those of a trained model, and blank wins a
// share of them. rows are the log-probabilities that the model gives for speech, each of width values, the
// last of which is that of blank. Rows of zeros, which stand behind a shorter window, do not count.
func Calibrate(model []byte, rows []float32, width int, share float64) ([]byte, error) {
	if width < 2 || len(rows)%width != 0 {
		return nil, fmt.Errorf("fullsize: calibrate on %d values of rows of %d", len(rows), width)
	}
	rows = slices.Clone(rows)
	kept := rows[:0]
	for row := range slices.Chunk(rows, width) {
		if slices.Min(row) < 0 {
			kept = append(kept, row...)
		}
	}
	if rows = kept; len(rows) < 20*width {
		return nil, fmt.Errorf("fullsize: calibrate on %d rows", len(rows)/width)
	}
	// Log-probabilities are logits less a number for each row. With the mean of each row taken off,
	// that number is gone, if the mean over pieces is taken off the weights as well.
	centred := make([]float64, len(rows))
	mean, scale := make([]float64, width), make([]float64, width)
	count := float64(len(rows) / width)
	for at := 0; at+width <= len(rows); at += width {
		level := 0.0
		for _, v := range rows[at : at+width] {
			level += float64(v) / float64(width)
		}
		for i, v := range rows[at : at+width] {
			centred[at+i] = float64(v) - level
			mean[i] += centred[at+i] / count
		}
	}
	for at, v := range centred {
		scale[at%width] += (v - mean[at%width]) * (v - mean[at%width]) / count
	}
	for i, v := range scale {
		if v == 0 {
			return nil, errors.New("fullsize: calibrate: a piece has the same log-probability in every row")
		}
		scale[i] = logitSpan / math.Sqrt(v)
	}
	lift := blankLift(centred, mean, scale, width, share)
	changed := 0
	out, err := edit(model, func(name string, t *tensor) error {
		if !isHead(name) {
			return nil
		}
		values := t.floats()
		if len(values) == 0 || len(values)%width != 0 {
			return fmt.Errorf("%s has %d values for %d pieces", name, len(values), width)
		}
		changed++
		each := len(values) / width
		bias := strings.HasSuffix(name, headBias)
		for j := range each {
			level := 0.0
			for i := range width {
				level += float64(values[i*each+j]) / float64(width)
			}
			for i := range width {
				v := float64(values[i*each+j]) - level
				if bias {
					v -= mean[i]
				}
				values[i*each+j] = float32(v * scale[i])
			}
		}
		if bias {
			values[width-1] += float32(lift)
		}
		t.setFloats(values)
		return nil
	})
	if err == nil && changed != 2 {
		err = fmt.Errorf("fullsize: the model has %d tensors of a last layer, not a weight and a bias", changed)
	}
	return out, err
}

// blankLift is what has to be added to the logit of blank for it to win its share of rows.
func blankLift(centred, mean, scale []float64, width int, share float64) float64 {
	var ahead []float64
	for at := 0; at+width <= len(centred); at += width {
		best := math.Inf(-1)
		for i := range width - 1 {
			best = max(best, (centred[at+i]-mean[i])*scale[i])
		}
		ahead = append(ahead, best-(centred[at+width-1]-mean[width-1])*scale[width-1])
	}
	slices.Sort(ahead)
	return ahead[min(int(share*float64(len(ahead))), len(ahead)-1)]
}

// KeepHead returns a recipe with the last layer of a model, so that Fill gives that model again.
func KeepHead(recipe, model []byte) ([]byte, error) {
	heads := map[string]tensor{}
	if _, err := edit(model, func(name string, t *tensor) error {
		if isHead(name) {
			heads[name] = *t
		}
		return nil
	}); err != nil {
		return nil, err
	}
	return edit(recipe, func(name string, t *tensor) error {
		if h, ok := heads[name]; ok {
			t.raw, t.note = h.raw, ""
		}
		return nil
	})
}
