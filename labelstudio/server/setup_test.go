package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/server"
)

func TestSetupErrorReachesTheUser(t *testing.T) {
	var err error
	b := start(t, server.Options{Model: model{setup: func(context.Context, *labelstudio.Project) (labelstudio.Setup, error) {
		return labelstudio.Setup{}, err
	}}})
	for _, c := range []struct {
		name   string
		err    error
		status int
		reason string
	}{
		{"a status of its own", labelstudio.Errorf(400, "labeling config has no %s tag", "Audio"), 400, "labeling config has no Audio tag"},
		{"wrapped", fmt.Errorf("project 4: %w", labelstudio.Errorf(422, "no")), 422, "project 4: no"},
		{"any error", errors.New("cannot"), 500, "cannot"},
		{"an impossible status", labelstudio.Errorf(200, "strange"), 500, "strange"},
		{"lines and letters that a status line cannot hold", errors.New("déjà\r\nSet-Cookie: x"), 500, "d?j?  Set-Cookie: x"},
		{"a long story", errors.New(strings.Repeat("x", 9000)), 500, strings.Repeat("x", 237) + "..."},
		{"no version at all", nil, 500, "The model has no version, without which Label Studio refuses its predictions."},
		{"too slow", context.DeadlineExceeded, 503, "The model took too long to say its version. Try again."},
	} {
		t.Run(c.name, func(t *testing.T) {
			err = c.err
			w, body := ask(t, b, "POST", "/setup", `{"project":"1.2","schema":"<View/>"}`)
			if want := fmt.Sprintf("%d %s", c.status, c.reason); w.Status != want {
				t.Errorf("got  %s\nwant %s", w.Status, want)
			}
			if w.Header.Get("Set-Cookie") != "" || !strings.Contains(body, fmt.Sprintf(`"status":%d`, c.status)) {
				t.Errorf("headers %v, body %s", w.Header, body)
			}
		})
	}
}

func TestSetupRemembersParameters(t *testing.T) {
	var seen []string
	b := start(t, server.Options{Model: model{
		setup: func(_ context.Context, p *labelstudio.Project) (labelstudio.Setup, error) {
			seen = append(seen, string(p.ExtraParams))
			return labelstudio.Setup{ModelVersion: "v-" + string(p.ExtraParams)}, nil
		},
		predict: func(_ context.Context, p *labelstudio.Project, tasks []labelstudio.Task, _ *labelstudio.Context) ([]labelstudio.Predictions, error) {
			seen = append(seen, "predict "+string(p.ExtraParams)+" "+p.LabelConfig)
			return make([]labelstudio.Predictions, len(tasks)), nil
		},
	}})
	for _, body := range []string{
		`{"project":"4.1","schema":"<View/>"}`, `{"project":"4.1","schema":"<View/>","extra_params":{"a":1}}`,
		`{"project":"4.1","schema":"<View/>","extra_params":null}`, `{"project":"5.1","schema":"<View/>"}`,
		`{"project":"4.1","schema":"<View/>","extra_params":"text"}`,
	} {
		if w, got := ask(t, b, "POST", "/setup", body); w.StatusCode != 200 {
			t.Fatalf("%s %s", w.Status, got)
		}
	}
	// Without a configuration in the request, the one from /setup counts.
	ask(t, b, "POST", "/predict", `{"tasks":[{"id":1,"project":4}]}`)
	want := []string{``, `{"a":1}`, `{"a":1}`, ``, `"text"`, `"text"`, `predict "text" <View/>`}
	if !slices.Equal(seen, want) {
		t.Errorf("parameters\n%q, want\n%q", seen, want)
	}
	if _, body := ask(t, b, "GET", "/versions", ""); body != `{"versions":["v-","v-{\"a\":1}","v-\"text\""]}` {
		t.Errorf("versions %s", body)
	}
}

func TestTheStateOfSetupReachesPredict(t *testing.T) {
	requests := 0
	b := start(t, server.Options{Model: model{
		setup: func(_ context.Context, p *labelstudio.Project) (labelstudio.Setup, error) {
			if p.State != nil {
				t.Errorf("Setup got the state %v", p.State)
			}
			requests++
			return labelstudio.Setup{ModelVersion: "m-1", State: requests}, nil
		},
		predict: func(_ context.Context, p *labelstudio.Project, tasks []labelstudio.Task, _ *labelstudio.Context) ([]labelstudio.Predictions, error) {
			if p.State != requests {
				t.Errorf("Predict got the state %v in request %d", p.State, requests)
			}
			return make([]labelstudio.Predictions, len(tasks)), nil
		},
	}})
	for range 3 {
		w, err := b.Test(httptest.NewRequest("POST", "/predict", strings.NewReader(`{"tasks":[{"id":1,"data":{}}],"project":"7.1"}`)))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(w.Body)
		if err := errors.Join(err, w.Body.Close()); err != nil || w.StatusCode != 200 || strings.Contains(string(body), "State") {
			t.Errorf("%d %s, %v", w.StatusCode, body, err)
		}
	}
}
