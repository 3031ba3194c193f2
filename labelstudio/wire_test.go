package labelstudio_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/jsonerr"
	"github.com/asr-backend/asr-backend/internal/visible"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// capture returns the body of a recorded request, chosen by the number in its name.
func capture(number string) []byte {
	return labelstudiotest.CaptureOf(number).Body
}

func decode[T any](t testing.TB, raw []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("decode %s: %v", raw, err)
	}
	return v
}

func TestPredictRequestOfRealServer(t *testing.T) {
	r := decode[labelstudio.PredictRequest](t, capture("07"))
	if r.Project.ID() != 45 || len(r.Tasks) != 3 || r.Context != nil || !strings.Contains(r.LabelConfig, "TextArea") {
		t.Fatalf("project %d, %d tasks, context %v", r.Project.ID(), len(r.Tasks), r.Context)
	}
	task := r.Tasks[0]
	if url, _ := task.Data.Text("audio"); task.ID != 51 || task.Project != 45 || url != "/data/upload/45/650c175e-call_one.wav" {
		t.Errorf("task %d of project %d with audio %q", task.ID, task.Project, url)
	}
	stored, err := task.StoredPredictions()
	if err != nil || len(stored) != 1 || stored[0].ID != 257 || stored[0].ModelVersion != "fixture-1" ||
		stored[0].Score != 0.9 || len(stored[0].Result) != 2 || stored[0].CreatedAt.Year() != 2026 {
		t.Errorf("predictions %+v, %v", stored, err)
	}
	notes, err := task.StoredAnnotations()
	if err != nil || len(notes) != 1 || notes[0].CompletedBy != 1 || notes[0].LeadTime != 12500*time.Millisecond {
		t.Fatalf("annotations %+v, %v", notes, err)
	}
	want := labelstudio.Value{
		Span: &labelstudio.Span{Start: 300 * time.Millisecond, End: 3100 * time.Millisecond},
		Text: []string{"And so, my fellow Americans,"},
	}
	if diff := cmp.Diff(want, notes[0].Result[1].Value); diff != "" {
		t.Errorf("value (-want +got):\n%s", diff)
	}
}

func TestInteractiveRequestOfRealServer(t *testing.T) {
	r := decode[labelstudio.PredictRequest](t, capture("08"))
	if r.Context == nil || len(r.Context.Result) != 1 || r.Context.Result[0].ID != "Yx2k9AbCdE" ||
		r.Context.Result[0].Origin != "manual" || len(r.Tasks) != 1 || r.Tasks[0].Drafts == nil {
		t.Fatalf("request %+v", r)
	}
	if r := decode[labelstudio.PredictRequest](t, capture("21")); r.Login != "media-user" || r.Password.Reveal() != "media-password" {
		t.Errorf("task data credentials %q", r.Login)
	}
}

func TestPredictRequestTolerates(t *testing.T) {
	for _, c := range []struct {
		name, body string
		tasks      int
		id         int64
		project    int64
	}{
		{"one task instead of a list", `{"tasks":{"id":1}}`, 1, 1, 0},
		{"by hand, with data only", `{"tasks":[{"data":{"audio":"a.wav"}}]}`, 1, 0, 0},
		{"null parameters", `{"tasks":[{"id":2}],"project":null,"label_config":null,"params":null}`, 1, 2, 0},
		{"parameters of another type", `{"tasks":[{"id":2}],"params":[1]}`, 1, 2, 0},
		{"a host name in the parameters", `{"tasks":[{"id":2}],"params":{"hostname":"http://ls","context":false}}`, 1, 2, 0},
		{"ids as texts, a bare project number", `{"tasks":[{"id":"7","project":"3"}],"project":3}`, 1, 7, 3},
		{"a project without a time", `{"tasks":[{"id":7.0}],"project":"12"}`, 1, 7, 12},
		{"a project that is a word", `{"tasks":[],"project":"abc"}`, 0, 0, 0},
		{"unknown fields", `{"tasks":[{"id":1,"new":{"x":[1]}}],"later":true}`, 1, 1, 0},
		{"a task that is none keeps its position", `{"tasks":[null,5,{"id":9,"data":"x","annotations":"y"}]}`, 3, 0, 0},
		{"no tasks", `{}`, 0, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := decode[labelstudio.PredictRequest](t, []byte(c.body))
			if len(r.Tasks) != c.tasks || r.Project.ID() != c.project || r.Context != nil {
				t.Fatalf("%d tasks of project %d, context %v", len(r.Tasks), r.Project.ID(), r.Context)
			}
			if c.tasks > 0 && r.Tasks[0].ID != c.id {
				t.Errorf("task %d, want %d", r.Tasks[0].ID, c.id)
			}
		})
	}
	for _, body := range []string{``, `[`, `[]`, `"x"`, `{"tasks":`} {
		if err := json.Unmarshal([]byte(body), new(labelstudio.PredictRequest)); err == nil {
			t.Errorf("%q was taken for a request", body)
		}
	}
}

func TestSetupRequest(t *testing.T) {
	r := decode[labelstudio.SetupRequest](t, capture("02"))
	if r.Project.ID() != 45 || r.Hostname != "http://localhost:8080" || string(r.ExtraParams) == "" ||
		!strings.HasPrefix(r.AccessToken.Reveal(), "fa4e") || !strings.Contains(r.Schema, "<Labels") {
		t.Errorf("request %+v", r)
	}
	if r := decode[labelstudio.SetupRequest](t, capture("23")); r.ExtraParams != nil {
		t.Errorf("null extra_params are %s, want nil", r.ExtraParams)
	}
	for _, extra := range []string{`"text"`, `{"a":1}`, `[1]`, `7`, `true`} {
		r := decode[labelstudio.SetupRequest](t, []byte(`{"project":"1.2","extra_params":`+extra+`}`))
		if string(r.ExtraParams) != extra {
			t.Errorf("extra_params %s, want %s", r.ExtraParams, extra)
		}
	}
}

func TestEventsOfRealServer(t *testing.T) {
	for _, c := range []struct {
		number             string
		action             labelstudio.Action
		tasks, annotations int
		firstTask, first   int64
	}{
		{"10", labelstudio.AnnotationCreated, 1, 1, 51, 22},
		{"11", labelstudio.AnnotationUpdated, 1, 1, 51, 22},
		{"12", labelstudio.AnnotationsDeleted, 0, 1, 0, 22},
		{"13", labelstudio.AnnotationCreated, 1, 1, 53, 23},
		{"14", labelstudio.TasksCreated, 1, 0, 54, 0},
		{"15", labelstudio.TasksCreated, 2, 0, 55, 0},
		{"16", labelstudio.TasksDeleted, 1, 0, 57, 0},
		{"17", labelstudio.ProjectUpdated, 0, 0, 0, 0},
		{"18", labelstudio.StartTraining, 0, 0, 0, 0},
		{"19", labelstudio.AnnotationsCreated, 3, 3, 51, 25},
		{"24", labelstudio.TasksCreated, 1, 0, 58, 0},
	} {
		t.Run(c.number, func(t *testing.T) {
			e := decode[labelstudio.Event](t, capture(c.number))
			if e.Action != c.action || !e.Action.Known() || !e.HasPayload() || e.LabelConfig == "" || e.Title == "" {
				t.Errorf("event %s of project %d", e.Action, e.ProjectID)
			}
			if len(e.Tasks) != c.tasks || len(e.Annotations) != c.annotations {
				t.Fatalf("%d tasks and %d annotations, want %d and %d", len(e.Tasks), len(e.Annotations), c.tasks, c.annotations)
			}
			if c.tasks > 0 && e.Tasks[0].ID != c.firstTask || c.annotations > 0 && e.Annotations[0].ID != c.first {
				t.Errorf("first task or annotation is not %d, %d", c.firstTask, c.first)
			}
		})
	}
	if e := decode[labelstudio.Event](t, capture("20")); e.HasPayload() || e.Action != labelstudio.ProjectUpdated {
		t.Errorf("event without payload: %+v", e)
	}
	if e := decode[labelstudio.Event](t, capture("13")); !e.Annotations[0].WasCancelled {
		t.Error("the skipped task is not marked")
	}
	if e := decode[labelstudio.Event](t, capture("19")); e.Annotations[1].ParentPrediction != 258 || len(e.Annotations[1].Result) != 2 {
		t.Errorf("annotation made from a prediction: %+v", e.Annotations[1])
	}
	if e := decode[labelstudio.Event](t, []byte(`{"action":"NEW_THING","annotation":{"completed_by":{"id":4}}}`)); e.Action.Known() || e.Annotations[0].CompletedBy != 4 {
		t.Errorf("unknown event: %+v", e)
	}
}

func TestItemKeepsWhatItDoesNotKnow(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"fields in the order of exports", `{"value":{"text":["a"],"end":2.5,"start":1,"channel":1},"type":"textarea","id":"r","score":0.5,"meta":{"x":1},"from_name":"t","to_name":"a","original_length":11.0}`,
			`{"id":"r","from_name":"t","to_name":"a","type":"textarea","original_length":11,"score":0.5,"value":{"start":1,"end":2.5,"channel":1,"text":["a"]},"meta":{"x":1}}`},
		{"unknown fields and other controls' values", `{"id":"r","parentID":"p","readonly":true,"value":{"rating":4,"start":0,"end":1}}`,
			`{"id":"r","value":{"start":0,"end":1,"channel":0,"rating":4},"parentID":"p","readonly":true}`},
		{"paragraph indexes are no times", `{"id":"r","value":{"start":"0","end":"3","paragraphlabels":["A"]}}`,
			`{"id":"r","value":{"end":"3","paragraphlabels":["A"],"start":"0"}}`},
		{"a bare text becomes a list", `{"id":"r","value":{"text":"hi"}}`, `{"id":"r","value":{"text":["hi"]}}`},
		{"a text of another type stays", `{"id":"r","value":{"text":{"a":1}}}`, `{"id":"r","value":{"text":{"a":1}}}`},
		{"relations have no value", `{"type":"relation","from_id":"a","to_id":"b","direction":"right"}`,
			`{"type":"relation","direction":"right","from_id":"a","to_id":"b"}`},
		{"ids as numbers, null scores", `{"id":5,"score":null,"meta":null}`, `{"id":"5"}`},
		{"no object", `[1]`, `{}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := json.Marshal(decode[labelstudio.Item](t, []byte(c.in)))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestTimesAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Any sample of a recording of up to a hundred hours.
		d := time.Duration(rapid.Int64Range(0, 100*3600*16000).Draw(t, "sample")) * (time.Second / 16000)
		raw := labelstudio.AppendSeconds(nil, d)
		var v labelstudio.Value
		if err := json.Unmarshal(fmt.Appendf(nil, `{"start":%s,"end":%s}`, raw, raw), &v); err != nil || v.Span == nil {
			t.Fatalf("read %s: %v", raw, err)
		}
		if v.Span.Start != d {
			t.Fatalf("%v became %s became %v", d, raw, v.Span.Start)
		}
	})
	for d, want := range map[time.Duration]string{
		0: "0", time.Second: "1", 12340 * time.Millisecond: "12.34", 62500: "0.0000625",
		-1500 * time.Millisecond: "-1.5", 36000*time.Second + 62500: "36000.0000625", math.MinInt64: "-9223372036.854775808",
	} {
		if got := string(labelstudio.AppendSeconds(nil, d)); got != want {
			t.Errorf("%d ns is %s, want %s", d, got, want)
		}
	}
}

func TestPredictionsNeverHoldNull(t *testing.T) {
	got, err := json.Marshal([]labelstudio.Predictions{nil, {}, {{}}, {{ModelVersion: "v", Score: 0.25, Result: []labelstudio.Item{{ID: "x"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	want := `[[],[],[{"score":0,"result":[]}],[{"model_version":"v","score":0.25,"result":[{"id":"x"}]}]]`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Label Studio stores what has a result, and nothing else.
func TestAReasonHasNoResult(t *testing.T) {
	p := labelstudio.NotNow(`"being" transcribed`)
	p[0].ModelVersion, p[0].Result = "v", []labelstudio.Item{{ID: "x"}}
	if got, err := json.Marshal(p); err != nil || string(got) != `[{"reason":"\"being\" transcribed"}]` {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestDataIsKeptWhole(t *testing.T) {
	task := decode[labelstudio.Task](t, []byte(`{"data":{"audio":"a","n":{"deep":[1,2.50]},"x":null,"e":[]}}`))
	changed := task.Data.With(labelstudio.Data{"x": json.RawMessage(`"new"`)})
	got, err := json.Marshal(changed)
	if err != nil || string(got) != `{"audio":"a","e":[],"n":{"deep":[1,2.50]},"x":"new"}` {
		t.Errorf("data %s, %v", got, err)
	}
	for key, want := range map[string]bool{"audio": false, "n": false, "x": true, "e": true, "absent": true} {
		if got := task.Data.Empty(key); got != want {
			t.Errorf("Empty(%q) is %v", key, got)
		}
	}
}

func TestSecretNeverPrints(t *testing.T) {
	type inner struct{ hidden labelstudio.Secret }
	s := labelstudio.NewSecret("hush")
	var b strings.Builder
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "a", s, "b", struct{ S labelstudio.Secret }{s})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&b, verb+verb+verb, s, inner{s}, &inner{s})
	}
	raw, _ := json.Marshal(map[string]any{"s": s})
	b.Write(raw)
	for _, leak := range []string{"hush", fmt.Sprintf("%x", "hush")} {
		if strings.Contains(b.String(), leak) {
			t.Errorf("the secret stands in %s", b.String())
		}
	}
	if s.Reveal() != "hush" || s.String() != "***" || (labelstudio.Secret{}).String() != "" {
		t.Errorf("reveals %q, prints %q", s.Reveal(), s.String())
	}
}

func FuzzRequests(f *testing.F) {
	for _, n := range []string{"02", "04", "07", "08", "10", "12", "15", "19", "20", "25", "26", "27"} {
		f.Add(capture(n))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var p labelstudio.PredictRequest
		if err := json.Unmarshal(body, &p); err != nil {
			if text := jsonerr.Explain(err).Error(); strings.Contains(text, "Go ") || visible.Text(text) != text {
				t.Fatalf("error %q", text)
			}
		} else {
			for i := range p.Tasks {
				_, _ = p.Tasks[i].StoredPredictions()
				_, _ = p.Tasks[i].StoredAnnotations()
			}
			if p.Context != nil {
				roundTrip(t, p.Context.Result)
			}
		}
		_ = json.Unmarshal(body, new(labelstudio.SetupRequest))
		var e labelstudio.Event
		if json.Unmarshal(body, &e) == nil {
			for _, a := range e.Annotations {
				roundTrip(t, a.Result)
			}
		}
	})
}

// roundTrip checks that items survive being written and read again.
func roundTrip(t *testing.T, items []labelstudio.Item) {
	t.Helper()
	raw, err := json.Marshal(items)
	if err != nil {
		t.Fatalf("write %+v: %v", items, err)
	}
	var again []labelstudio.Item
	if err := json.Unmarshal(raw, &again); err != nil {
		t.Fatalf("read %s: %v", raw, err)
	}
	second, err := json.Marshal(again)
	if err != nil || string(second) != string(raw) {
		t.Fatalf("first  %s\nsecond %s (%v)", raw, second, err)
	}
}
