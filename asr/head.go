package asr

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Decoder says which head of a model finds texts.
type Decoder string

// The decoders.
const (
	// Auto is what the model's makers use: the transducer of a model that has one, else CTC.
	Auto Decoder = "auto"
	CTC  Decoder = "ctc"
	RNNT Decoder = "rnnt"
	TDT  Decoder = "tdt"
)

// Decoders are all of them, and not to be changed.
var Decoders = []Decoder{Auto, CTC, RNNT, TDT}

// DecoderNames lists them for people.
func DecoderNames() string {
	names := make([]string, len(Decoders))
	for i, d := range Decoders {
		names[i] = string(d)
	}
	return strings.Join(names, ", ")
}

// ErrNoCTC says that a model cannot align texts: a transducer has no log-probabilities of rows.
var ErrNoCTC = errors.New("the model is a transducer without a CTC head: it has no log-probabilities of rows, so it cannot find given texts in recordings")

// WithDecoder returns the bundle for texts of one decoder. Empty means Auto. An error is a *ModelError;
// whether an encoder has a CTC head, and of which kind a transducer is whose card does not say,
// shows when it is loaded.
func (b *Bundle) WithDecoder(d Decoder) (*Bundle, error) {
	out := *b
	if out.Decoder = d; d == "" {
		out.Decoder = Auto
	}
	switch out.Decoder {
	case Auto:
	case CTC:
		if b.headGraph != "" {
			out.Graph = b.headGraph
		}
		out.second = b.Transducer != nil && b.headGraph == ""
		out.Transducer = nil
	case RNNT, TDT:
		if b.Transducer == nil {
			return nil, &ModelError{b.Card.Name, fmt.Errorf("it is a CTC model and has no decoder %s", d)}
		}
		if kind := b.Card.Decoder; kind != "" && kind != d {
			return nil, &ModelError{b.Card.Name, otherKind(kind, d)}
		}
	default:
		return nil, &ModelError{b.Card.Name, fmt.Errorf("decoder %q; want one of %s", d, DecoderNames())}
	}
	return &out, nil
}

// kind checks that a transducer of some durations is what the card says and what was asked for.
func (b *Bundle) kind(durations int) error {
	kind, columns := RNNT, "has no durations"
	if durations > 0 {
		kind, columns = TDT, fmt.Sprintf("has %d durations", durations)
	}
	if said := b.Card.Decoder; said != "" && said != kind {
		return fmt.Errorf("its facts say %s, but the joint %s, which makes it %s: the files do not belong together", said, columns, kind)
	}
	if slices.Contains([]Decoder{RNNT, TDT}, b.Decoder) && b.Decoder != kind {
		return otherKind(kind, b.Decoder)
	}
	return nil
}

func otherKind(kind, asked Decoder) error {
	return fmt.Errorf("its transducer is %s, not %s; use decoder %s or auto", kind, asked, kind)
}
