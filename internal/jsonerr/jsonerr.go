// Package jsonerr words errors of encoding/json for whoever wrote the JSON: with JSON's names
// of types in place of Go's, and with the place.
package jsonerr

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// Explain words an error of encoding/json for people: it names JSON's types, where the
// package names Go's, and the place in the text. Other errors come back as they are.
func Explain(err error) error {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &kind):
		value, _, _ := strings.Cut(kind.Value, " ") // "number 1.5" has its text behind
		text := fmt.Sprintf("got %s, want %s", names[value], wanted(kind.Type))
		if kind.Field != "" {
			text = fmt.Sprintf("%q: %s", kind.Field, text)
		}
		return &explained{text, err}
	case errors.As(err, &syntax) && strings.HasPrefix(syntax.Error(), "unexpected end"), errors.Is(err, io.ErrUnexpectedEOF):
		return &explained{"the JSON ends too early", err}
	case errors.As(err, &syntax):
		return &explained{fmt.Sprintf("not JSON at byte %d: %v", syntax.Offset, syntax), err}
	}
	return err
}

type explained struct {
	text string
	err  error
}

func (e *explained) Error() string { return e.text }
func (e *explained) Unwrap() error { return e.err }

// names are encoding/json's names of values.
var names = map[string]string{
	"object": "an object", "array": "a list", "string": "a string", "number": "a number", "bool": "true or false", "null": "null",
}

func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Pointer:
		return wanted(t.Elem())
	case reflect.Float32, reflect.Float64:
		return "a number"
	}
	return "a whole number"
}
