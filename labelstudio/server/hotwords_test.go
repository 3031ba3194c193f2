package server_test

import (
	"context"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/server"
)

// Requests about regions may have hotwords, and the model gets them.
func TestRequestsHaveHotwords(t *testing.T) {
	var got [][]string
	b := start(t, server.Options{Model: model{predict: func(_ context.Context, _ *labelstudio.Project, tasks []labelstudio.Task, c *labelstudio.Context) ([]labelstudio.Predictions, error) {
		if c != nil {
			got = append(got, c.Hotwords)
		} else {
			got = append(got, nil)
		}
		if c != nil && slices.Contains(c.Hotwords, "?") {
			return nil, labelstudio.Errorf(400, `params: hotwords: phrase "?" has no letters`)
		}
		return make([]labelstudio.Predictions, len(tasks)), nil
	}}})
	router := router(t)
	for _, c := range []struct {
		params string
		status int
		reply  string
		want   []string // what the model gets, if it is asked
		asked  bool
	}{
		{`{"context":{"result":[]},"hotwords":["Grete Hermann :2.5","Copenhagen"]}`, 200, `"result":[]`, []string{"Grete Hermann :2.5", "Copenhagen"}, true},
		{`{"context":{"result":[]},"hotwords":[]}`, 200, `"result":[]`, nil, true},
		{`{"context":{"result":[]},"hotwords":null}`, 200, `"result":[]`, nil, true},
		{`{"context":{"result":[],"hotwords":["inside"]}}`, 200, `"result":[]`, nil, true},
		{`{"context":null,"hotwords":[]}`, 200, `{"results":[[]]}`, nil, true},
		{`{"context":{"result":[]},"hotwords":["?"]}`, 400, `phrase \"?\" has no letters`, []string{"?"}, true},
		{`{"context":null,"hotwords":["Copenhagen"]}`, 400, `Only a request about regions can have hotwords of its own`, nil, false},
		{`{"context":{"result":[]},"hotwords":"Copenhagen"}`, 400, `\"params.hotwords\": got a string, want a list`, nil, false},
		{`{"context":{"result":[]},"hotwords":["a",7]}`, 400, `\"params.hotwords\": got a number, want a string`, nil, false},
	} {
		got = nil
		body := `{"tasks":[{"id":1,"data":{}}],"project":"1.2","params":` + c.params + `}`
		w, reply := ask(t, b, "POST", "/predict", body)
		if w.StatusCode != c.status || !strings.Contains(reply, c.reply) {
			t.Errorf("%s: %s %s", c.params, w.Status, reply)
		}
		if (len(got) == 1) != c.asked || c.asked && !slices.Equal(got[0], c.want) {
			t.Errorf("%s: the model got %q", c.params, got)
		}
		if c.status == 200 {
			r := httptest.NewRequest("POST", "/predict", nil)
			r.Header.Set("Content-Type", "application/json")
			conforms(t, router, r, []byte(body), w, reply)
		}
	}
}
