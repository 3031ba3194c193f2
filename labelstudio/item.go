package labelstudio

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
)

// Item is one entry of a result list: what one control of the labelling configuration
// says about a region or about the whole recording. Items with equal ids are one region.
// Label Studio's editor decides by the first item of an id what kind of region it is, so
// the labels come first, and keeps only the fields named here when the annotator submits.
type Item struct {
	// ID groups items into a region; unique in an annotation, any text without '#'.
	ID       string
	FromName string // the control
	ToName   string // the object, here the Audio tag
	Type     string // the control's tag in lower case; an unknown one breaks the whole page
	// Origin is empty, "manual", "prediction" or "prediction-changed".
	Origin string
	// OriginalLength is the length of the recording, or zero.
	OriginalLength time.Duration
	Score          *float64
	Value          Value
	// Meta is kept by the editor through a submit. The first item's meta belongs to the
	// region and is copied into all its items, so data of a text sits on its own item.
	Meta json.RawMessage
	// Extra are the fields that this type does not know.
	Extra map[string]json.RawMessage
}

// Value is what a control says. The editor drops every key from it that is neither a
// time nor the control's own.
type Value struct {
	// Span is where on the time line, or nil for the whole recording.
	Span *Span
	// Labels, Text and Choices are the values of the controls of these names; nil is
	// absent, empty is an empty list.
	Labels, Text, Choices []string
	// Extra are the keys of other controls, as they came.
	Extra map[string]json.RawMessage
}

// Span is a stretch of a channel, from Start up to End.
type Span struct {
	Start, End time.Duration
	Channel    int
}

// UnmarshalJSON reads an item and keeps what it does not know. Something other than an
// object reads as an empty item, so that the rest of a list is still of use.
func (it *Item) UnmarshalJSON(b []byte) error {
	*it = Item{}
	fields := objectFields(b)
	for key, raw := range fields {
		switch key {
		case "id":
			it.ID = textOf(raw)
		case "from_name":
			it.FromName = textOf(raw)
		case "to_name":
			it.ToName = textOf(raw)
		case "type":
			it.Type = textOf(raw)
		case "origin":
			it.Origin = textOf(raw)
		case "original_length":
			it.OriginalLength, _ = parseSeconds(raw)
		case "score":
			if v, err := strconv.ParseFloat(string(raw), 64); err == nil {
				it.Score = &v
			}
		case "value":
			if err := it.Value.UnmarshalJSON(raw); err != nil {
				return err
			}
		case "meta":
			if string(raw) != "null" {
				it.Meta = raw
			}
		default:
			keep(&it.Extra, key, raw)
		}
	}
	return nil
}

// UnmarshalJSON reads a value. Times that are not numbers (a paragraph's index, say) stay
// in Extra with the keys of unknown controls; a text that is a bare string becomes a list.
func (v *Value) UnmarshalJSON(b []byte) error {
	*v = Value{}
	fields := objectFields(b)
	start, errStart := parseSeconds(fields["start"])
	end, errEnd := parseSeconds(fields["end"])
	if errStart == nil && errEnd == nil {
		channel, _ := strconv.Atoi(string(fields["channel"]))
		v.Span = &Span{Start: start, End: end, Channel: channel}
		for _, key := range []string{"start", "end", "channel"} {
			delete(fields, key)
		}
	}
	for key, raw := range fields {
		var ok bool
		switch key {
		case "labels":
			v.Labels, ok = stringsOf(raw)
		case "text":
			v.Text, ok = stringsOf(raw)
		case "choices":
			v.Choices, ok = stringsOf(raw)
		}
		if !ok {
			keep(&v.Extra, key, raw)
		}
	}
	return nil
}

// objectFields returns the members of a JSON object, or nothing for another type.
func objectFields(b []byte) map[string]json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(b, &fields) != nil {
		return nil
	}
	for key, raw := range fields {
		fields[key] = bytes.TrimSpace(raw)
	}
	return fields
}

func keep(extra *map[string]json.RawMessage, key string, raw json.RawMessage) {
	if *extra == nil {
		*extra = map[string]json.RawMessage{}
	}
	(*extra)[key] = raw
}

func textOf(raw []byte) string {
	var l label
	_ = l.UnmarshalJSON(raw)
	return string(l)
}

// stringsOf reads a list of strings or a bare string, and reports whether it was one.
func stringsOf(raw []byte) ([]string, bool) {
	out := []string{}
	if json.Unmarshal(raw, &out) == nil && out != nil {
		return out, true
	}
	var one string
	if len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &one) == nil {
		return []string{one}, true
	}
	return nil, false
}
