package service_test

import (
	"encoding/json"
	"io"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
	"github.com/asr-backend/asr-backend/labelstudio/server"
	"github.com/asr-backend/asr-backend/service"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
)

// asked sends a request with the password of the service, and holds request and answer to the
// description at /openapi.yaml.
func (w *world) asked(router routers.Router, method, path, contentType, body string, status int) (reply, location string) {
	w.t.Helper()
	request := func() *openapi3filter.RequestValidationInput {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.SetBasicAuth("operator", "secret")
		if contentType != "" {
			r.Header.Set("Content-Type", contentType)
		}
		route, params, err := router.FindRoute(r)
		if err != nil {
			w.t.Fatalf("%s %s: %v", method, path, err)
		}
		return &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route,
			Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}}
	}
	in := request()
	if err := openapi3filter.ValidateRequest(w.t.Context(), in); err != nil && status < 400 {
		w.t.Errorf("%s %s is not what openapi.yaml describes: %v", method, path, err)
	}
	answer, err := w.service.Test(request().Request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != status {
		w.t.Fatalf("%s %s: %d %s, %v; want %d", method, path, answer.StatusCode, raw, err, status)
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: answer.StatusCode, Header: answer.Header, Options: in.Options}
	if err := openapi3filter.ValidateResponse(w.t.Context(), out.SetBodyBytes(raw)); err != nil {
		w.t.Errorf("the answer to %s %s is not what openapi.yaml describes: %v\n%s", method, path, err, raw)
	}
	return string(raw), answer.Header.Get("Location")
}

func TestJobsAreControlledByHTTP(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(server.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	router, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	inWorld(t, func(w *world, o *service.Options) {
		w.slow, o.Recordings = time.Minute, 1
		o.User, o.Password, o.Open = "operator", labelstudio.NewSecret("secret"), []string{"/webhook"}
	}, func(w *world) {
		p := w.project("")
		if _, err := w.Connect(labelstudiotest.Backend{Project: p, URL: address, User: "operator", Password: "secret"}); err != nil {
			t.Fatal(err)
		}
		w.ready()
		ids := w.record(p, 3)
		w.EmitCreated(p, ids...)
		list := func(query string) (found struct {
			Jobs  []service.TaskStatus
			Total int
		}) {
			reply, _ := w.asked(router, "GET", "/jobs"+query, "", "", 200)
			if err := json.Unmarshal([]byte(reply), &found); err != nil {
				t.Error(err)
			}
			return found
		}
		w.until("under way", time.Minute, func() bool { return list("?project="+itoa(p)+"&state=transcribing").Total > 0 })
		if all := list("?sort=task&limit=2&offset=1"); all.Total != 3 || len(all.Jobs) != 2 || all.Jobs[0].ID != ids[1] || all.Jobs[0].File == "" {
			t.Errorf("%+v", all)
		}
		reply, _ := w.asked(router, "GET", "/jobs?task="+itoa(ids[0]), "", "", 200)
		if !strings.Contains(reply, `"transcriptions": [`) || !strings.Contains(reply, `"class": "batch"`) {
			t.Errorf("%s", reply)
		}
		const form = "application/x-www-form-urlencoded"
		reply, _ = w.asked(router, "POST", "/jobs/prioritize", "application/json", `{"tasks":[`+itoa(ids[2])+`]}`, 200)
		if !strings.Contains(reply, `"prioritized": 1`) {
			t.Errorf("%s", reply)
		}
		back := url.Values{"task": {itoa(ids[0])}, "return": {"/status?project=" + itoa(p)}}
		if _, to := w.asked(router, "POST", "/jobs/cancel", form, back.Encode(), 303); to != "../status?project="+itoa(p) {
			t.Errorf("leads to %s", to)
		}
		reply, _ = w.asked(router, "POST", "/jobs/cancel", "application/json", `{"project":`+itoa(p)+`}`, 200)
		if !strings.Contains(reply, `"cancelled": 2`) || list("?state=cancelled").Total != 3 {
			t.Errorf("%s", reply)
		}
		w.hurries.Store(true)
		reply, _ = w.asked(router, "POST", "/jobs/retry", form, "project="+itoa(p)+"&state=cancelled", 200)
		if !strings.Contains(reply, `"retried": 3`) {
			t.Errorf("%s", reply)
		}
		w.until("delivered", time.Hour, func() bool { return w.delivered(ids) == 3 })
		for path, body := range map[string]string{"/jobs/cancel": `{}`, "/jobs/retry": `{"tasks":"all"}`, "/jobs/prioritize": `{"project":4711}`} {
			w.asked(router, "POST", path, "application/json", body, 400)
		}
		w.asked(router, "GET", "/jobs?state=lost", "", "", 400)
		w.asked(router, "GET", "/jobs?project=x", "", "", 400)
		w.asked(router, "GET", "/jobs?project=4711", "", "", 404)
		w.asked(router, "GET", "/jobs?task=4711", "", "", 404)
	})
}

func itoa(id int64) string { return strconv.FormatInt(id, 10) }
