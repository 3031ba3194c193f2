package server_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
	"github.com/asr-backend/asr-backend/labelstudio/server"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden replies")

func router(t testing.TB) routers.Router {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(server.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	router, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return router
}

// conforms checks a request and its reply against openapi.yaml.
func conforms(t testing.TB, router routers.Router, r *http.Request, body []byte, w *http.Response, reply string) {
	t.Helper()
	r.Body, r.URL.Host, r.URL.Scheme = io.NopCloser(bytes.NewReader(body)), "", ""
	route, params, err := router.FindRoute(&http.Request{Method: r.Method, URL: &url.URL{Path: r.URL.Path}})
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.URL.Path, err)
	}
	in := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params, Route: route, QueryParams: r.URL.Query(),
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}
	if err := openapi3filter.ValidateRequest(t.Context(), in); err != nil {
		t.Errorf("the request is not what openapi.yaml describes: %v", err)
	}
	out := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: w.StatusCode, Header: w.Header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	out.SetBodyBytes([]byte(reply))
	if err := openapi3filter.ValidateResponse(t.Context(), out); err != nil {
		t.Errorf("the reply is not what openapi.yaml describes: %v", err)
	}
}

// TestRealRequests replays what Label Studio sent, in its order, and holds the replies to
// testdata/replies.
func TestRealRequests(t *testing.T) {
	router := router(t)
	b := start(t, server.Options{
		Model: model{predict: transcribes}, User: "mluser", Password: labelstudio.NewSecret("ml-password"),
		Open: []string{"/webhook"},
	})
	open := start(t, server.Options{Model: model{predict: transcribes}})
	for _, c := range labelstudiotest.Captures() {
		t.Run(c.Name, func(t *testing.T) {
			r, to := c.Request(), open
			if strings.Contains(c.Name, "basic-auth") {
				to = b
			}
			w, got := send(t, to, r)
			conforms(t, router, c.Request(), c.Body, w, got)
			var pretty bytes.Buffer
			if err := json.Indent(&pretty, []byte(got), "", " "); err != nil {
				t.Fatalf("%v in %s", err, got)
			}
			got = w.Status + "\n" + pretty.String() + "\n"
			golden := filepath.Join("testdata", "replies", c.Name+".txt")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.What, diff)
			}
		})
	}
}

// TestSDKAcceptsReplies has label-studio-sdk judge the golden replies of /predict, under
// the configuration that came with the request.
func TestSDKAcceptsReplies(t *testing.T) {
	var questions []oracle.Predictions
	for _, c := range labelstudiotest.Captures() {
		if c.Path != "/predict" {
			continue
		}
		var r labelstudio.PredictRequest
		if err := json.Unmarshal(c.Body, &r); err != nil {
			t.Fatal(err)
		}
		reply, err := os.ReadFile(filepath.Join("testdata", "replies", c.Name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		status, body, _ := strings.Cut(string(reply), "\n")
		var w struct {
			Results json.RawMessage `json:"results"`
		}
		if err := json.Unmarshal([]byte(body), &w); err != nil || status != "200 OK" {
			t.Fatalf("%s: %s, %v", c.Name, status, err)
		}
		questions = append(questions, oracle.Predictions{Name: c.Name, Config: r.LabelConfig, Tasks: len(r.Tasks), Results: w.Results})
	}
	if oracle.ValidatePredictions(t, questions) == 0 {
		t.Error("no reply had a region")
	}
}
