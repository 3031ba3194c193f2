package labelstudio

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
)

// Results of long recordings have tens of thousands of items. Writing them through
// nested MarshalJSON methods copies and checks every byte once for each level of nesting,
// so results are appended to one buffer instead.

// AppendString appends s to b as a JSON string.
func AppendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, _ := json.Marshal(s) // a string always can be
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// AppendNumber appends v to b as a JSON number; what is no number becomes zero.
func AppendNumber(b []byte, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(b, '0')
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}

// object is a JSON object being written.
type object []byte

func (o *object) key(name string) {
	if last := (*o)[len(*o)-1]; last != '{' {
		*o = append(*o, ',')
	}
	*o = append(AppendString(*o, name), ':')
}

func (o *object) text(name, text string) {
	if text != "" {
		o.key(name)
		*o = AppendString(*o, text)
	}
}

func (o *object) texts(name string, list []string) {
	if list == nil {
		return
	}
	o.key(name)
	*o = append(*o, '[')
	for i, s := range list {
		if i > 0 {
			*o = append(*o, ',')
		}
		*o = AppendString(*o, s)
	}
	*o = append(*o, ']')
}

func (o *object) extra(fields map[string]json.RawMessage) {
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		o.key(key)
		*o = append(*o, fields[key]...)
	}
}

// appendTo writes the item with its fields in the order of Label Studio's own exports.
func (it *Item) appendTo(b []byte) []byte {
	o := object(append(b, '{'))
	o.text("id", it.ID)
	o.text("from_name", it.FromName)
	o.text("to_name", it.ToName)
	o.text("type", it.Type)
	o.text("origin", it.Origin)
	if it.OriginalLength > 0 {
		o.key("original_length")
		o = AppendSeconds(o, it.OriginalLength)
	}
	if it.Score != nil {
		o.key("score")
		o = AppendNumber(o, *it.Score)
	}
	if !it.Value.empty() {
		o.key("value")
		o = it.Value.appendTo(o)
	}
	if len(it.Meta) > 0 {
		o.key("meta")
		o = append(o, it.Meta...)
	}
	o.extra(it.Extra)
	return append(o, '}')
}

// appendTo writes the times first, then the controls' values.
func (v *Value) appendTo(b []byte) []byte {
	o := object(append(b, '{'))
	if v.Span != nil {
		o.key("start")
		o = AppendSeconds(o, v.Span.Start)
		o.key("end")
		o = AppendSeconds(o, v.Span.End)
		o.key("channel")
		o = strconv.AppendInt(o, int64(v.Span.Channel), 10)
	}
	o.texts("labels", v.Labels)
	o.texts("text", v.Text)
	o.texts("choices", v.Choices)
	o.extra(v.Extra)
	return append(o, '}')
}

func (v *Value) empty() bool {
	return v.Span == nil && v.Labels == nil && v.Text == nil && v.Choices == nil && len(v.Extra) == 0
}

// MarshalJSON implements json.Marshaler.
func (it Item) MarshalJSON() ([]byte, error) { return it.appendTo(nil), nil }

// MarshalJSON implements json.Marshaler.
func (v Value) MarshalJSON() ([]byte, error) { return v.appendTo(nil), nil }

// AppendJSON appends the prediction to b. Meta and Extra of its items go out as they are:
// whoever fills them owes valid JSON.
func (p *Prediction) AppendJSON(b []byte) []byte {
	if p.Reason != "" { // without a result, or it would be stored
		o := object(append(b, '{'))
		o.text("reason", p.Reason)
		return append(o, '}')
	}
	o := object(append(b, '{'))
	o.text("model_version", p.ModelVersion)
	o.key("score")
	o = AppendNumber(o, p.Score)
	o.key("result")
	o = append(o, '[')
	for i := range p.Result {
		if i > 0 {
			o = append(o, ',')
		}
		o = p.Result[i].appendTo(o)
	}
	return append(o, "]}"...)
}

// MarshalJSON writes a nil Result as an empty list.
func (p Prediction) MarshalJSON() ([]byte, error) { return p.AppendJSON(nil), nil }

// AppendJSON appends the predictions to b, a nil list as an empty one: a null would fail
// the user's request.
func (p Predictions) AppendJSON(b []byte) []byte {
	b = append(b, '[')
	for i := range p {
		if i > 0 {
			b = append(b, ',')
		}
		b = p[i].AppendJSON(b)
	}
	return append(b, ']')
}

// MarshalJSON implements json.Marshaler.
func (p Predictions) MarshalJSON() ([]byte, error) { return p.AppendJSON(nil), nil }

// checkRaw reports meta or extra fields that are not JSON.
func (it *Item) checkRaw() error {
	if len(it.Meta) > 0 && !json.Valid(it.Meta) {
		return fmt.Errorf("item %q: the meta is not JSON", it.ID)
	}
	for _, fields := range []map[string]json.RawMessage{it.Extra, it.Value.Extra} {
		for key, raw := range fields {
			if !json.Valid(raw) {
				return fmt.Errorf("item %q: the field %q is not JSON", it.ID, key)
			}
		}
	}
	return nil
}

// CheckRaw reports items whose Meta or Extra are not JSON, which would spoil a whole reply.
func (p *Prediction) CheckRaw() error {
	for i := range p.Result {
		if err := p.Result[i].checkRaw(); err != nil {
			return err
		}
	}
	return nil
}
