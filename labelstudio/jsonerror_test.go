package labelstudio_test

import (
	"encoding/json"
	"strings"
	"testing"

	"asr-backend/labelstudio"
)

func TestJSONErrorsNameNoGoTypes(t *testing.T) {
	for _, c := range []struct {
		text string
		into any
		want string
	}{
		{`[1]`, new(labelstudio.PredictRequest), "got a list, want an object"},
		{`"x"`, new(labelstudio.Event), "got a text, want an object"},
		{`1.5`, new(labelstudio.SetupRequest), "got a number, want an object"},
		{`{"a":{"b":true}}`, new(struct {
			A struct {
				B []string `json:"b"`
			} `json:"a"`
		}), `"a.b": got true or false, want a list`},
		{`{"n":"x"}`, new(struct {
			N *float64 `json:"n"`
		}), `"n": got a text, want a number`},
		{`{"tasks":`, new(labelstudio.Event), "the JSON ends too early"},
		{``, new(labelstudio.Event), "the JSON ends too early"},
		{"{\x1b", new(labelstudio.Event), `not JSON at byte 2: invalid character '\x1b' looking for beginning of object key string`},
	} {
		err := labelstudio.JSONError(json.Unmarshal([]byte(c.text), c.into))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", c.text, err, c.want)
		}
	}
	task := labelstudio.Task{ID: 7, Annotations: json.RawMessage(`["x"]`)}
	if _, err := task.StoredAnnotations(); err == nil || strings.Contains(err.Error(), "Go ") {
		t.Errorf("annotations of a wrong type: %v", err)
	}
}
