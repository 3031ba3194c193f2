// Package jsonerr turns errors of encoding/json into sentences for whoever wrote the JSON:
// without Go's names of types and fields, with the place.
package jsonerr

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
)

// Explain returns a sentence for an error of encoding/json, and other errors as they are.
// The error stays wrapped.
func Explain(err error) error {
	var wrong *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &wrong):
		text := fmt.Sprintf("want %s, got %s", wanted(wrong.Type), article(wrong.Value))
		if wrong.Field != "" {
			text = wrong.Field + ": " + text
		}
		return &explained{text, err}
	case errors.As(err, &syntax):
		return &explained{fmt.Sprintf("this is no valid JSON: at byte %d, %s", syntax.Offset, syntax.Error()), err}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &explained{"the JSON ends too early", err}
	}
	return err
}

type explained struct {
	text string
	err  error
}

func (e *explained) Error() string { return e.text }
func (e *explained) Unwrap() error { return e.err }

// wanted is what JSON calls the kind of a Go type.
func wanted(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.String:
		return "a string"
	case reflect.Slice, reflect.Array:
		return "a list"
	}
	return "an object"
}

// article puts an article before what encoding/json calls a value: "number 1.5", "string",
// "bool", "array", "object".
func article(value string) string {
	switch value {
	case "array":
		return "a list"
	case "object":
		return "an object"
	case "bool":
		return "true or false"
	}
	return "a " + value
}
