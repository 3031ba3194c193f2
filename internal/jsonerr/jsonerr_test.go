package jsonerr_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"asr-backend/internal/jsonerr"
)

func TestErrorsAreSentences(t *testing.T) {
	type inner struct {
		Times []float64 `json:"times"`
		On    *bool     `json:"on"`
	}
	for text, want := range map[string]string{
		`{"a": {"times": ["x"]}}`: "a.times: want a number, got a string",
		`{"a": {"times": 3}}`:     "a.times: want a list, got a number",
		`{"a": {"on": []}}`:       "a.on: want true or false, got a list",
		`{"n": 1.5}`:              "n: want a whole number, got a number 1.5",
		`{"n": true}`:             "n: want a whole number, got true or false",
		`{"s": {}}`:               "s: want a string, got an object",
		`[]`:                      "want an object, got a list",
		`{"s": x}`:                "this is no valid JSON: at byte 7, invalid character 'x' looking for beginning of value",
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
