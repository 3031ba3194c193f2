package labelstudio

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// number is an integer as the wire may carry it: a number, a string of digits, null, or
// an object with an "id" (some serializers expand users and projects). Anything else
// reads as zero, because no reply depends on it.
type number int64

func (n *number) UnmarshalJSON(b []byte) error {
	*n = 0
	b = bytes.TrimSpace(b)
	if len(b) == 0 {
		return nil
	}
	switch b[0] {
	case '{':
		var o struct {
			ID number `json:"id"`
		}
		if json.Unmarshal(b, &o) == nil {
			*n = o.ID
		}
	case '"':
		var s string
		if json.Unmarshal(b, &s) == nil {
			*n = parseNumber(s)
		}
	default:
		*n = parseNumber(string(b))
	}
	return nil
}

func parseNumber(s string) number {
	s = strings.TrimSpace(s)
	if v, err := strconv.ParseInt(s, 10, 64); err == nil {
		return number(v)
	}
	if v, err := strconv.ParseFloat(s, 64); err == nil && math.Abs(v) < 1<<53 {
		return number(v)
	}
	return 0
}

// label is text as the wire may carry it: a string, a number or null.
type label string

func (l *label) UnmarshalJSON(b []byte) error {
	*l = ""
	var s string
	if json.Unmarshal(b, &s) == nil {
		*l = label(s)
		return nil
	}
	if b = bytes.TrimSpace(b); len(b) > 0 && (b[0] == '-' || b[0] >= '0' && b[0] <= '9') {
		*l = label(b)
	}
	return nil
}

// flag is a boolean that tolerates other types, which read as false.
type flag bool

func (f *flag) UnmarshalJSON(b []byte) error {
	*f = flag(string(bytes.TrimSpace(b)) == "true")
	return nil
}

// list decodes a list, a single element in place of a list, or null. Elements that are
// not of the element's type are kept as zero values, so that positions stay.
type list[T any] []T

func (l *list[T]) UnmarshalJSON(b []byte) error {
	*l = nil
	b = bytes.TrimSpace(b)
	if len(b) == 0 || string(b) == "null" {
		return nil
	}
	if b[0] != '[' {
		var one T
		if err := json.Unmarshal(b, &one); err != nil {
			return err
		}
		*l = list[T]{one}
		return nil
	}
	return json.Unmarshal(b, (*[]T)(l))
}

// AppendSeconds appends d to b as a JSON number of seconds, exact to the nanosecond and
// without trailing zeros.
func AppendSeconds(b []byte, d time.Duration) []byte {
	// The unsigned form also holds the magnitude of the smallest Duration.
	u := uint64(d)
	if d < 0 {
		b = append(b, '-')
		u = -u
	}
	b = strconv.AppendUint(b, u/1e9, 10)
	frac := u % 1e9
	if frac == 0 {
		return b
	}
	var digits [9]byte
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = byte('0' + frac%10)
		frac /= 10
	}
	b = append(b, '.')
	return append(b, bytes.TrimRight(digits[:], "0")...)
}

var errNotSeconds = errors.New("not a number of seconds")

// parseSeconds reads a JSON number of seconds. Times beyond a year are refused: no
// recording has them and they would leave the range in which a float64 is exact.
func parseSeconds(b []byte) (time.Duration, error) {
	v, err := strconv.ParseFloat(string(bytes.TrimSpace(b)), 64)
	if err != nil || math.IsNaN(v) || math.Abs(v) > 366*24*3600 {
		return 0, errNotSeconds
	}
	return time.Duration(math.Round(v * 1e9)), nil
}
