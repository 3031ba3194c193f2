package labelstudiotest_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"

	"go.uber.org/goleak"
)

var (
	record = flag.String("record", "", "record testdata/conversation.jsonl with the real Label Studio at this address")
	token  = flag.String("token", "", "legacy token for -record")
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// exchange is a request and the answer of a real Label Studio 1.23.2. Names in braces are
// values of earlier answers.
type exchange struct {
	Do     string          `json:"do"` // method and route
	Query  string          `json:"query,omitempty"`
	Body   string          `json:"body,omitempty"`
	Keep   string          `json:"keep,omitempty"` // the identifiers that the answer holds, by this name
	Plain  bool            `json:"plain,omitempty"`
	Auth   string          `json:"auth,omitempty"` // another than the token
	Status int             `json:"status"`
	Reply  json.RawMessage `json:"reply,omitempty"`
}

// conversation is what is said to the real server and to ours.
func conversation() []exchange {
	const config = `<View><Labels name='labels' toName='audio'><Label value='Speech'/></Labels><Audio name='audio' value='$audio'/><TextArea name='text' toName='audio' perRegion='true'/></View>`
	const result = `[{"id":"s1","from_name":"text","to_name":"audio","type":"textarea","value":{"start":0.3,"end":1,"channel":0,"text":["hi"]}}]`
	prediction := func(task, version string) exchange {
		return exchange{Do: "POST /api/predictions/", Body: `{"task":` + task + `,"score":0.5,"model_version":"` + version + `","result":` + result + `}`, Keep: "prediction"}
	}
	list := []exchange{
		{Do: "GET /health"}, {Do: "GET /api/version/", Auth: "none"},
		{Do: "GET /api/current-user/whoami"}, {Do: "GET /api/current-user/whoami", Auth: "Token wrong"},
		{Do: "GET /api/current-user/whoami", Auth: "none"}, {Do: "GET /api/current-user/whoami", Auth: "Bearer a.b.c"},
		{Do: "POST /api/token/refresh/", Body: `{"refresh":"a.b.c"}`, Auth: "none"}, {Do: "POST /api/token/refresh", Body: `{}`, Auth: "none"},
		{Do: "POST /api/projects/", Body: `{"title":"Calls","label_config":"` + config + `"}`, Keep: "project"},
		{Do: "GET /api/projects/{project}/"}, {Do: "GET /api/projects/99999"}, {Do: "GET /api/projects/", Query: "page=99"},
		{Do: "POST /api/projects/{project}/import", Query: "return_task_ids=true", Body: `[{"data":{"audio":"a"}},{"data":{"audio":"b"}},{"data":{"audio":"c"}},{"audio":"d"},{"data":{"audio":"e"}}]`},
		{Do: "GET /api/tasks/", Query: "project={project}", Keep: "task"},
		prediction("{task0}", "v1"), prediction("{task2}", "v1"), prediction("{task2}", "v12"), prediction("{task2}", "v1"), prediction("{task3}", ""),
		prediction("99999", "v1"),
		{Do: "POST /api/predictions/", Body: `{"task":{task0},"score":0.5}`},
		{Do: "POST /api/predictions/", Body: `{"task":{task0},"result":[],"model_version":null}`},
		{Do: "GET /api/predictions/", Query: "task={task2}"}, {Do: "GET /api/predictions/", Query: "task=99999"}, {Do: "GET /api/predictions", Query: "project={project}"},
		{Do: "POST /api/projects/{project}/import/predictions", Body: `[{"task":{task1},"result":` + result + `}]`},
		{Do: "GET /api/tasks/", Query: "project=99999"}, {Do: "GET /api/tasks/"},
	}
	for _, query := range []string{"page=1&page_size=2", "page=2&page_size=2&fields=task_only", "page=3&page_size=2&fields=all", "page=4&page_size=2", "page=last&page_size=2", "page=0", "page=x", "page_size=0", "fields=all&unknown=1"} {
		list = append(list, exchange{Do: "GET /api/tasks", Query: "project={project}&" + query})
	}
	for _, query := range queries {
		list = append(list, exchange{Do: "GET /api/tasks/", Query: "project={project}&query=" + url.QueryEscape(query)})
	}
	return append(list, []exchange{
		{Do: "POST /api/tasks/{task0}/annotations/", Body: `{"result":` + result + `}`}, {Do: "POST /api/tasks/99999/annotations/", Body: `{"result":[]}`},
		{Do: "GET /api/tasks/{task0}/annotations/"}, {Do: "GET /api/tasks/99999/annotations/"},
		{Do: "PATCH /api/tasks/{task0}/", Body: `{"data":{"audio":"z"}}`}, {Do: "PATCH /api/tasks/99999/", Body: `{"data":{}}`}, {Do: "GET /api/tasks/{task1}"},
		{Do: "GET /api/projects/{project}/export", Query: "exportType=JSON"}, {Do: "GET /api/projects/{project}/export", Query: "exportType=JSON&download_all_tasks=true"},
		{Do: "PATCH /api/predictions/{prediction}/", Body: `{"score":0.75,"model_version":"v2"}`}, {Do: "PATCH /api/predictions/{prediction}/", Body: `{"model_version":null}`},
		{Do: "PATCH /api/predictions/99999/", Body: `{"score":0.75}`},
		{Do: "DELETE /api/predictions/{prediction}/"}, {Do: "DELETE /api/predictions/{prediction}/"},
		{Do: "GET /api/ml/", Query: "project={project}"}, {Do: "POST /api/ml/", Body: `{"url":"http://8.8.8.8:9090"}`},
		{Do: "POST /api/webhooks/", Body: `{"url":"http://8.8.8.8:9090/webhook","actions":["none"]}`}, {Do: "POST /api/webhooks/", Body: `{"url":"http://asr:9090/webhook","actions":["none"]}`},
		{Do: "POST /api/webhooks/", Body: `{"url":"http://8.8.8.8:9/webhook","project":{project},"send_payload":false}`}, {Do: "GET /api/webhooks/", Query: "project={project}"},
		{Do: "GET /data/upload/1/missing.wav"}, {Do: "GET /data/upload/1/missing.wav", Auth: "none"}, {Do: "GET /storage-data/uploaded/", Query: "filepath=upload/1/x.wav", Plain: true},
		{Do: "GET /data/local-files/", Query: "d=x.wav", Plain: true}, {Do: "GET /tasks/{task1}/resolve/", Query: "fileuri=czM6Ly9iL2sud2F2", Plain: true}, {Do: "GET /tasks/{task1}/presign/", Query: "fileuri=czM6Ly9iL2sud2F2", Plain: true},
		{Do: "DELETE /api/tasks/{task1}/"}, {Do: "DELETE /api/tasks/{task1}/"}, {Do: "GET /api/predictions/", Query: "task={task1}"},
	}...)
}

// queries are values of the parameter query of a list of tasks.
var queries = func() []string {
	filter := func(column, operator, value string) string {
		return `{"filter":"filter:tasks:` + column + `","operator":"` + operator + `","type":"Number","value":` + value + `}`
	}
	filters := func(conjunction string, items ...string) string {
		return `{"filters":{"conjunction":"` + conjunction + `","items":[` + strings.Join(items, ",") + `]}}`
	}
	var out []string
	for _, f := range [][2]string{
		{"equal", "0"}, {"equal", `"1"`}, {"not_equal", "1"}, {"less", "1"}, {"less_or_equal", "1"}, {"greater", "1"}, {"greater_or_equal", "1"},
		{"in", `{"min":1,"max":2}`}, {"not_in", `{"min":1,"max":2}`}, {"in_list", "[0,3]"}, {"not_in_list", "[0,3]"}, {"empty", "true"}, {"empty", "false"}, {"unknown", "1"},
	} {
		out = append(out, filters("and", filter("total_predictions", f[0], f[1])))
	}
	for _, f := range [][2]string{
		{"contains", `["v1"]`}, {"contains", `["v12"]`}, {"contains", `["v12","x"]`}, {"not_contains", `["v1"]`}, {"not_contains", `["v12"]`}, {"not_contains", `[]`},
		{"contains", `"v12"`}, {"not_contains", `"v12"`}, {"contains", `"2"`}, {"empty", "true"}, {"empty", "false"},
	} {
		out = append(out, filters("and", filter("predictions_model_versions", f[0], f[1])))
	}
	return append(out,
		filters("and"), filters("and", filter("id", "greater", "{task1}"), filter("total_predictions", "equal", "0")), filters("or", filter("id", "equal", "{task1}"), filter("id", "equal", "{task3}")),
		filters("and", filter("predictions_model_versions", "not_contains", `["v1"]`), filter("total_predictions", "greater", "0")),
		filters("and", filter("total_annotations", "equal", "0")),
		`{"filters":{"conjunction":"and","items":[{"filter":"total_predictions","operator":"equal","type":"Number","value":0}]}}`,
		`{"selectedItems":{"all":false,"included":[{task1},99999]}}`, `{"selectedItems":{"all":true,"excluded":[{task1}]}}`, `{"selectedItems":{"all":true,"included":[{task1}]}}`,
		`{"selectedItems":{"all":false,"included":[{task1},{task2}]},"filters":{"conjunction":"and","items":[`+filter("id", "less", "{task2}")+`]}}`,
		`{"ordering":["-tasks:id"],"unknown":[1]}`, `{"ordering":["tasks:total_predictions"]}`, `{}`)
}()

// say sends a request with what is known put in, and keeps what the answer says.
func (e *exchange) say(t *testing.T, base, auth string, known map[string]string) (status int, reply []byte) {
	t.Helper()
	fill := func(text string) string {
		for name, value := range known {
			text = strings.ReplaceAll(text, "{"+name+"}", value)
		}
		return text
	}
	method, path, _ := strings.Cut(fill(e.Do), " ")
	query, err := url.ParseQuery(fill(strings.NewReplacer("%7B", "{", "%7D", "}").Replace(e.Query)))
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, base+path+"?"+query.Encode(), strings.NewReader(fill(e.Body)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if e.Auth != "" {
		auth = e.Auth
	}
	if auth != "none" {
		r.Header.Set("Authorization", auth)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	w, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	if reply, err = io.ReadAll(w.Body); err != nil {
		t.Fatal(err)
	}
	if e.Keep != "" && w.StatusCode < 300 {
		var said struct {
			ID    int64
			Tasks []struct{ ID int64 }
		}
		if err := json.Unmarshal(reply, &said); err != nil {
			t.Fatalf("%s: %v in %s", e.Do, err, reply)
		}
		known[e.Keep] = fmt.Sprint(said.ID)
		for i, task := range said.Tasks {
			known[fmt.Sprint(e.Keep, i)] = fmt.Sprint(task.ID)
		}
	}
	return w.StatusCode, reply
}

// TestConversationIsThatOfARealServer says to the fake what was said to a real Label
// Studio, and compares the answers.
func TestConversationIsThatOfARealServer(t *testing.T) {
	const file = "testdata/conversation.jsonl"
	if *record != "" {
		var lines bytes.Buffer
		known := map[string]string{}
		for _, e := range conversation() {
			var reply []byte
			if e.Status, reply = e.say(t, strings.TrimSuffix(*record, "/"), "Token "+*token, known); !e.Plain {
				e.Reply = reply
			}
			if err := json.NewEncoder(&lines).Encode(e); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(file, lines.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	ls, known := labelstudiotest.New(t, labelstudiotest.Options{}), map[string]string{}
	for line := range bytes.Lines(raw) {
		var e exchange
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		status, reply := e.say(t, ls.URL, "Token "+ls.Token, known)
		what := e.Do + " " + e.Query + " " + e.Body
		if status != e.Status {
			t.Errorf("%s: got %d, want %d: %s", what, status, e.Status, reply)
			continue
		}
		if e.Plain {
			continue
		}
		for _, d := range differ("", parsed(t, e.Reply), parsed(t, reply), status != 500) {
			t.Errorf("%s: %s", what, d)
		}
	}
}
