// Package jsontoken reads JSON token by token, for readers that keep little of what may be
// very large: a transcript of ten hours, or an event that anybody may send.
package jsontoken

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Members reads an object whose opening brace has been read. It calls member for each key, which
// must read the value.
func Members(d *json.Decoder, member func(key string) error) error {
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		key, ok := t.(string)
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

// Items reads a list whose opening bracket has been read. It calls item for each item, which
// must read it.
func Items(d *json.Decoder, item func() error) error {
	for d.More() {
		if err := item(); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

// Skip reads over one value of any kind and any size without keeping it. It fails if more than
// most values stand in each other: a decoder remembers each level.
func Skip(d *json.Decoder, most int) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	return Rest(d, t, most)
}

// Rest is Skip for a value whose first token has been read.
func Rest(d *json.Decoder, t json.Token, most int) error {
	for depth := 0; ; {
		switch t {
		case json.Delim('{'), json.Delim('['):
			if depth++; depth > most {
				return fmt.Errorf("more than %d values stand in each other", most)
			}
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
		var err error
		if t, err = d.Token(); err != nil {
			return err
		}
	}
}
