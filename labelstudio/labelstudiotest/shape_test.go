package labelstudiotest_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
)

var (
	// random are keys whose values are each server's own.
	random = []string{"id", "task", "project", "created_at", "updated_at", "email", "access", "task_ids"}
	// given are keys whose values a test gave.
	given = []string{"data", "result", "extra_params"}
)

// differ says where JSON of the fake is not like that of a real server: a key that the real
// one does not have, another kind of value, or, with exact, another value. What the fake
// leaves out is no difference.
func differ(path string, real, fake any, exact bool) []string {
	var out []string
	switch f := fake.(type) {
	case map[string]any:
		r, ok := real.(map[string]any)
		if !ok {
			return []string{fmt.Sprintf("%s is an object, want %v", path, real)}
		}
		for key, value := range f {
			if _, ok := r[key]; !ok {
				out = append(out, fmt.Sprintf("%s.%s does not exist", path, key))
				continue
			}
			switch {
			case !exact && slices.Contains(given, key):
			case key == "predictions_model_versions": // in the order of the database
				out = append(out, differ(path+"."+key, inOrder(r[key]), inOrder(value), exact)...)
			default:
				out = append(out, differ(path+"."+key, r[key], value, exact && !slices.Contains(random, key))...)
			}
		}
		return out
	case []any:
		r, ok := real.([]any)
		if !ok || exact && len(r) != len(f) {
			return []string{fmt.Sprintf("%s has %d values, want %v", path, len(f), real)}
		}
		for i := range min(len(r), len(f)) {
			out = append(out, differ(path+"[]", r[i], f[i], exact)...)
		}
		return out
	}
	if strings.HasSuffix(path, ".predictions[]") { // an export has their identifiers
		exact = false
	}
	if exact && real != fake || !exact && real != nil && fake != nil && reflect.TypeOf(real) != reflect.TypeOf(fake) {
		out = append(out, fmt.Sprintf("%s is %#v, want %#v", path, fake, real))
	}
	return out
}

func inOrder(list any) any {
	parts := strings.Split(fmt.Sprint(list), ",")
	slices.Sort(parts)
	return strings.Join(parts, ",")
}

func parsed(t testing.TB, raw []byte) any {
	t.Helper()
	if len(raw) == 0 {
		return nil
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return v
}

// TestRequestsToBackendsAreLikeRealOnes compares what the server sends with what a real one
// was recorded to send for the same reason.
func TestRequestsToBackendsAreLikeRealOnes(t *testing.T) {
	b := &backend{answers: map[string]string{"/predict": `{"results":[[]]}`}}
	ls := labelstudiotest.New(t, labelstudiotest.Options{Backends: b})
	p := ls.AddProject(labelstudiotest.Project{Title: "Calls"})
	result := []json.RawMessage{json.RawMessage(`{"id":"s0001","from_name":"transcription","to_name":"audio","type":"textarea","value":{"start":0.3,"end":3.1,"channel":0,"text":["hi"]}}`)}
	var id, a int64
	for _, step := range []struct {
		capture string
		do      func()
	}{
		{"01", func() { connect(t, ls, p, `{"words":false}`) }},
		{"02", func() { connect(t, ls, p, `{"words":false}`) }},
		{"15", func() { id = ls.Import(p, map[string]any{"audio": "/data/upload/1/a.wav"})[0] }},
		{"04", func() { retrieve(t, ls, p, id) }},
		{"10", func() { a = ls.Annotate(id, result) }},
		{"11", func() { ls.UpdateAnnotation(a, result) }},
		{"07", func() {
			ls.AddPrediction(labelstudiotest.Prediction{Task: id, Version: "old", Result: result})
			retrieve(t, ls, p, id)
		}},
		{"08", func() {
			b.answers["/predict"] = `{"results":[{"result":[]}]}`
			if _, err := ls.Interact(id, []any{}); err != nil {
				t.Error(err)
			}
		}},
		{"12", func() { ls.DeleteAnnotation(a) }},
		{"17", func() { ls.Emit(p, "PROJECT_UPDATED", nil) }},
		{"18", func() {
			if err := ls.Train(p); err != nil {
				t.Error(err)
			}
		}},
		{"16", func() {
			ls.DeleteTasks(id)
			ls.EmitDeleted(p, id)
		}},
		{"20", func() {
			ls.ChangeWebhooks(p, func(w *labelstudiotest.Webhook) { w.SendPayload = false })
			ls.EmitDeleted(p, id)
		}},
	} {
		want := labelstudiotest.CaptureOf(step.capture)
		before := len(b.asked)
		step.do()
		at := slices.IndexFunc(b.asked[before:], func(r asked) bool { return r.path == want.Path })
		if at < 0 {
			t.Errorf("%s: %s was not asked", want.Name, want.Path)
			continue
		}
		got := b.asked[before+at]
		if got.method != want.Method || !strings.HasPrefix(want.Headers["User-Agent"], got.agent) {
			t.Errorf("%s: %s by %s, want %s by %s", want.Name, got.method, got.agent, want.Method, want.Headers["User-Agent"])
		}
		for _, d := range differ("", parsed(t, want.Body), parsed(t, got.body), false) {
			t.Errorf("%s: %s", want.Name, d)
		}
	}
}
