package labelstudio

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// JSONError words an error of encoding/json for people: it names JSON's types, where the
// package names Go's, and the place in the text. Other errors come back as they are.
func JSONError(err error) error {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &kind):
		value, _, _ := strings.Cut(kind.Value, " ") // "number 1.5" has its text behind
		text := fmt.Sprintf("got %s, want %s", jsonNames[value], wanted(kind.Type))
		if kind.Field != "" {
			text = fmt.Sprintf("%q: %s", kind.Field, text)
		}
		return &jsonError{text, err}
	case errors.As(err, &syntax) && strings.HasPrefix(syntax.Error(), "unexpected end"), errors.Is(err, io.ErrUnexpectedEOF):
		return &jsonError{"the JSON ends too early", err}
	case errors.As(err, &syntax):
		return &jsonError{fmt.Sprintf("not JSON at byte %d: %v", syntax.Offset, syntax), err}
	}
	return err
}

type jsonError struct {
	text string
	err  error
}

func (e *jsonError) Error() string { return e.text }
func (e *jsonError) Unwrap() error { return e.err }

// jsonNames are encoding/json's names of values.
var jsonNames = map[string]string{
	"object": "an object", "array": "a list", "string": "a text", "number": "a number", "bool": "true or false", "null": "null",
}

func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	case reflect.Pointer:
		return wanted(t.Elem())
	}
	return "a number"
}
