package oracle

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
)

// Predictions is an answer to a request for predictions, to be judged by label-studio-sdk.
type Predictions struct {
	Name    string          `json:"name"`    // of the request, for messages
	Config  string          `json:"config"`  // the labelling configuration that came with it
	Tasks   int             `json:"tasks"`   // how many the request had
	Results json.RawMessage `json:"results"` // of the answer
}

// ValidatePredictions fails the test unless label-studio-sdk accepts every prediction under
// its labelling configuration. It returns how many items the predictions have together.
func ValidatePredictions(t testing.TB, all []Predictions) (items int) {
	t.Helper()
	in, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	out := RunPython(t, in, `
import json, sys
from label_studio_sdk.label_interface import LabelInterface
from label_studio_sdk.label_interface.objects import PredictionValue
items = 0
for q in json.load(sys.stdin):
    li = LabelInterface(q["config"])
    assert len(q["results"]) == q["tasks"], q["name"]
    for result in q["results"]:
        for p in result if isinstance(result, list) else [result]:
            if "result" not in p: # a reason: Label Studio skips it
                continue
            PredictionValue(**p)
            errors = li.validate_prediction(p, return_errors=True)
            assert not errors, (q["name"], errors)
            items += len(p["result"])
print(items)
`)
	items, err = strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	return items
}
