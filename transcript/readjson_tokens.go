package transcript

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// object reads an object and calls member for each key, which must read the value. A
// null counts as an empty object.
func (d *jsonReader) object(member func(key string) error) error {
	if ok, err := d.enter('{'); !ok {
		return err
	}
	return d.members(member)
}

// list reads a list and calls item for each item, which must read it. A null counts as
// an empty list.
func (d *jsonReader) list(item func() error) error {
	if ok, err := d.enter('['); !ok {
		return err
	}
	return d.items(item)
}

func (d *jsonReader) enter(open json.Delim) (bool, error) {
	tok, err := d.Token()
	if err != nil || tok == nil {
		return false, err
	}
	if tok != open {
		return false, fmt.Errorf("%v where %v should stand", tok, open)
	}
	return true, nil
}

func (d *jsonReader) members(member func(key string) error) error {
	for d.More() {
		tok, err := d.Token()
		if err != nil {
			return err
		}
		key, ok := tok.(string)
		if !ok {
			return errors.New("an object has a key that is not a string")
		}
		if err := member(key); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

func (d *jsonReader) items(item func() error) error {
	for d.More() {
		if err := item(); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

// skip reads over one value of any kind and any size without keeping it.
func (d *jsonReader) skip() error {
	for depth := 0; ; {
		tok, err := d.Token()
		if err != nil {
			return err
		}
		switch tok {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

// ignored is a small value of no interest.
type ignored struct{}

func (*ignored) UnmarshalJSON([]byte) error { return nil }

// seconds is a time as JSON has it: a number, which may stand in quotes, or null, which
// leaves the time as it is.
type seconds time.Duration

func (s *seconds) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	t, err := parseSeconds(strings.Trim(string(b), `"`))
	if err == nil {
		*s = seconds(t)
	}
	return err
}

func (d *jsonReader) time(v *time.Duration) error { return d.Decode((*seconds)(v)) }
