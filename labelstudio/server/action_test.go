package server_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/server"
)

func TestActionsAreTakenFromWhoMayAndFromNoOtherSite(t *testing.T) {
	did := 0
	actions := map[string]http.Handler{"/jobs/stop": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		did++
		raw, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %d %v", r.Method, r.Header.Get("Content-Type"), len(raw), err)
	})}
	private := map[string]http.Handler{"/jobs": actions["/jobs/stop"]}
	closed := start(t, server.Options{Private: private, Actions: actions, User: "u", Password: labelstudio.NewSecret("p")})
	open := start(t, server.Options{Private: private, Actions: actions})
	const origin = "http://example.com" // that of requests of httptest
	for name, c := range map[string]struct {
		b            *server.Server
		method, path string
		password     string
		origin, site string
		body         string
		status       int
		want         string
		allow        string
		encoding     string
	}{
		"a program":                    {b: closed, method: "POST", path: "/jobs/stop", password: "p", body: "task=1", status: 200, want: "POST application/x-www-form-urlencoded 6 <nil>"},
		"a slash at the end":           {b: closed, method: "POST", path: "/jobs/stop/", password: "p", status: 200, want: "POST"},
		"a page of this site":          {b: closed, method: "POST", path: "/jobs/stop", password: "p", origin: origin, site: "same-origin", status: 200, want: "POST"},
		"an old browser":               {b: closed, method: "POST", path: "/jobs/stop", password: "p", origin: origin, status: 200, want: "POST"},
		"a page of another site":       {b: closed, method: "POST", path: "/jobs/stop", password: "p", origin: "http://evil.example", site: "cross-site", status: 403, want: "other sites"},
		"an old browser, another site": {b: closed, method: "POST", path: "/jobs/stop", password: "p", origin: "http://evil.example", status: 403, want: "other sites"},
		"a page that hides its origin": {b: closed, method: "POST", path: "/jobs/stop", password: "p", origin: "null", status: 403, want: "other sites"},
		"no password":                  {b: closed, method: "POST", path: "/jobs/stop", status: 401},
		"a wrong password":             {b: closed, method: "POST", path: "/jobs/stop", password: "q", status: 401},
		"nobody has a password":        {b: open, method: "POST", path: "/jobs/stop", password: "p", status: 403, want: "set a user and a password"},
		"not changed by GET":           {b: closed, method: "GET", path: "/jobs/stop", password: "p", status: 405, allow: "POST"},
		"not shown by POST":            {b: closed, method: "POST", path: "/jobs", password: "p", status: 405, allow: "GET"},
		"as much as fits":              {b: closed, method: "POST", path: "/jobs/stop", password: "p", body: strings.Repeat("x", server.ActionBodyLimit), status: 200, want: fmt.Sprint(server.ActionBodyLimit, " <nil>")},
		"too much":                     {b: closed, method: "POST", path: "/jobs/stop", password: "p", body: strings.Repeat("x", server.ActionBodyLimit+1), status: 413},
		"compressed":                   {b: closed, method: "POST", path: "/jobs/stop", password: "p", body: "x", encoding: "gzip", status: 415},
	} {
		r := httptest.NewRequest(c.method, c.path, bytes.NewReader([]byte(c.body)))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for name, value := range map[string]string{"Origin": c.origin, "Sec-Fetch-Site": c.site, "Content-Encoding": c.encoding} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		if c.password != "" {
			r.SetBasicAuth("u", c.password)
		}
		before := did
		w, body := send(t, c.b, r)
		if w.StatusCode != c.status || !strings.Contains(body, c.want) || w.Header.Get("Allow") != c.allow {
			t.Errorf("%s: %d %q, Allow %q; want %d %q", name, w.StatusCode, body, w.Header.Get("Allow"), c.status, c.want)
		}
		if (did > before) != (c.status == 200) {
			t.Errorf("%s: status %d, and it was done: %v", name, c.status, did > before)
		}
	}
	for _, path := range []string{"jobs", "/predict"} {
		if _, err := server.New(server.Options{Model: model{}, Actions: map[string]http.Handler{path: nil}}); err == nil {
			t.Errorf("%s was accepted", path)
		}
	}
}

// A private route may be a pattern, such as that of one project.
func TestPrivateRoutesMayBePatterns(t *testing.T) {
	var routes []string
	options := server.Options{
		Private: map[string]http.Handler{"/projects/:id": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "asked for ", r.URL.Path)
		})},
		Observe: func(route string, _ int, _ time.Duration) { routes = append(routes, route) },
	}
	open := start(t, options)
	options.User, options.Password = "u", labelstudio.NewSecret("p")
	closed := start(t, options)
	for name, c := range map[string]struct {
		b            *server.Server
		method, path string
		password     string
		status       int
		want, allow  string
	}{
		"a project":              {b: closed, method: "GET", path: "/projects/7", password: "p", status: 200, want: "asked for /projects/7"},
		"a slash at the end":     {b: closed, method: "GET", path: "/projects/7/", password: "p", status: 200, want: "asked for /projects/7"},
		"another case":           {b: closed, method: "GET", path: "/Projects/7", password: "p", status: 200, want: "asked for"},
		"what is no number":      {b: closed, method: "GET", path: "/projects/x", password: "p", status: 200, want: "asked for /projects/x"},
		"not changed by POST":    {b: closed, method: "POST", path: "/projects/7", password: "p", status: 405, want: "takes GET only", allow: "GET"},
		"not deleted":            {b: closed, method: "DELETE", path: "/projects/7", password: "p", status: 405, want: "takes GET only", allow: "GET"},
		"the list of all":        {b: closed, method: "GET", path: "/projects", password: "p", status: 404, want: "no such route"},
		"below a project":        {b: closed, method: "GET", path: "/projects/7/tasks", password: "p", status: 404, want: "no such route"},
		"a POST below a project": {b: closed, method: "POST", path: "/projects/7/tasks", password: "p", status: 404, want: "no such route"},
		"a route that begins so": {b: closed, method: "GET", path: "/projects7", password: "p", status: 404, want: "no such route"},
		"no password":            {b: closed, method: "GET", path: "/projects/7", status: 401},
		"a POST without":         {b: closed, method: "POST", path: "/projects/7", status: 401},
		"nobody has a password":  {b: open, method: "GET", path: "/projects/7", password: "p", status: 403, want: "set a user and a password"},
	} {
		r := httptest.NewRequest(c.method, c.path, nil)
		if c.password != "" {
			r.SetBasicAuth("u", c.password)
		}
		w, body := send(t, c.b, r)
		if w.StatusCode != c.status || !strings.Contains(body, c.want) || w.Header.Get("Allow") != c.allow {
			t.Errorf("%s: %d %q, Allow %q; want %d %q", name, w.StatusCode, body, w.Header.Get("Allow"), c.status, c.want)
		}
	}
	// Metrics have one name for all projects, since numbers of projects would be labels without end.
	for _, route := range routes {
		if strings.ContainsAny(route, "7x") {
			t.Errorf("the route %q is counted", route)
		}
	}
	if !slices.Contains(routes, "/projects/:id") {
		t.Errorf("routes %q", routes)
	}
}
