package transcript

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/internal/jsonerr"
	"github.com/asr-backend/asr-backend/internal/jsontoken"
)

// object reads an object and calls member for each key, which must read the value. A
// null counts as an empty object.
func (d *jsonReader) object(member func(key string) error) error {
	if ok, err := d.enter('{'); !ok {
		return err
	}
	return jsontoken.Members(d.Decoder, member)
}

// list reads a list and calls item for each item, which must read it. A null counts as
// an empty list.
func (d *jsonReader) list(item func() error) error {
	if ok, err := d.enter('['); !ok {
		return err
	}
	return jsontoken.Items(d.Decoder, item)
}

func (d *jsonReader) enter(open json.Delim) (bool, error) {
	tok, err := d.Token()
	if err != nil || tok == nil {
		return false, err
	}
	if tok == open {
		return true, nil
	}
	if err := d.rest(tok); err != nil {
		return false, err
	}
	return false, misfit{fmt.Errorf("%s where %v should stand", describe(tok), open)}
}

// describe says what a token is.
func describe(tok json.Token) string {
	switch tok := tok.(type) {
	case json.Delim:
		return tok.String()
	case string:
		return quote(tok)
	case float64:
		return "a number"
	}
	return fmt.Sprint(tok)
}

// skip reads over one value of any kind and any size without keeping it.
func (d *jsonReader) skip() error { return jsontoken.Skip(d.Decoder, math.MaxInt) }

// rest reads over what is left of the value that a token began.
func (d *jsonReader) rest(t json.Token) error { return jsontoken.Rest(d.Decoder, t, math.MaxInt) }

// A misfit is a value of the wrong kind or out of its range. It has been read over, so
// that reading can go on.
type misfit struct{ error }

// value reads a value into v, which must be a pointer; null leaves it as it is.
func (d *jsonReader) value(v any) error {
	err := d.Decode(v)
	if bad := (*json.UnmarshalTypeError)(nil); errors.As(err, &bad) {
		return misfit{jsonerr.Explain(err)}
	}
	return err
}

// name reads a text; anything else is skipped.
func (d *jsonReader) name(to *string) error {
	tok, err := d.Token()
	if err != nil {
		return err
	}
	if s, ok := tok.(string); ok {
		*to = s
	}
	return d.rest(tok)
}

// seconds is a time as JSON has it: a number, which may stand in quotes, or null, which
// leaves the time as it is.
type seconds time.Duration

func (s *seconds) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	t, err := parseSeconds(strings.Trim(string(b), `"`))
	if err != nil {
		return misfit{err}
	}
	*s = seconds(t)
	return nil
}

func (d *jsonReader) time(v *time.Duration) error { return d.value((*seconds)(v)) }

// millis reads a time in milliseconds.
func (d *jsonReader) millis(v *time.Duration) error {
	s := seconds(unknown)
	err := d.value(&s)
	if err == nil && s != unknown {
		*v = time.Duration(s) / 1000
	}
	return err
}

// clock reads a time like 00:01:02,345.
func (d *jsonReader) clock(v *time.Duration) error {
	var s string
	if err := d.value(&s); err != nil || s == "" {
		return err
	}
	t, err := parseClock(s)
	if err != nil {
		return misfit{err}
	}
	*v = t
	return nil
}
