package jsonerr_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/internal/jsonerr"
)

func TestErrorsAreSentences(t *testing.T) {
	type inner struct {
		Times []float64 `json:"times"`
		On    *bool     `json:"on"`
	}
	for text, want := range map[string]string{
		`{"a": {"times": ["x"]}}`: `"a.times": got a string, want a number`,
		`{"a": {"times": 3}}`:     `"a.times": got a number, want a list`,
		`{"a": {"on": []}}`:       `"a.on": got a list, want true or false`,
		`{"n": 1.5}`:              `"n": got a number, want a whole number`,
		`{"n": true}`:             `"n": got true or false, want a whole number`,
		`{"s": {}}`:               `"s": got an object, want a string`,
		`[]`:                      "got a list, want an object",
		`{"s": x}`:                "not JSON at byte 7: invalid character 'x' looking for beginning of value",
		"{\x1b":                   `not JSON at byte 2: invalid character '\x1b' looking for beginning of object key string`,
		`{"s": "x"`:               "the JSON ends too early",
	} {
		var v struct {
			A inner  `json:"a"`
			N int    `json:"n"`
			S string `json:"s"`
		}
		err := jsonerr.Explain(json.NewDecoder(strings.NewReader(text)).Decode(&v))
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
	other := errors.New("other")
	if err := jsonerr.Explain(other); err != other {
		t.Errorf("got %v, want the error as it is", err)
	}
}
