package server_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/server"
)

func TestBasicAuthentication(t *testing.T) {
	b := start(t, server.Options{
		User: "mluser", Password: labelstudio.NewSecret("ml:password"), Open: []string{"/webhook", "/ready"},
	})
	url := "http://mluser:ml%3Apassword@127.0.0.1:9090"
	for _, c := range []struct {
		name, method, path, body, auth string
		status                         int
	}{
		{"nothing", "GET", "/health", "", "", 401},
		{"the right ones", "GET", "/health", "", "Basic bWx1c2VyOm1sOnBhc3N3b3Jk", 200},
		{"scheme in lower case", "GET", "/", "", "basic bWx1c2VyOm1sOnBhc3N3b3Jk", 200},
		{"a wrong password", "GET", "/health", "", "Basic bWx1c2VyOm1s", 401},
		{"a token", "GET", "/health", "", "Token bWx1c2VyOm1sOnBhc3N3b3Jk", 401},
		{"not base64", "GET", "/health", "", "Basic ***", 401},
		{"an unknown route says no more", "GET", "/nothing", "", "", 401},
		{"an open route", "POST", "/webhook", `{"action":"START_TRAINING"}`, "", 201},
		{"an open route with a slash", "POST", "/webhook/", `{"action":"START_TRAINING"}`, "", 201},
		{"a probe", "GET", "/ready", "", "", 200},
		{"setup", "POST", "/setup", "{}", "", 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			var headers []string
			if c.auth != "" {
				headers = []string{"Authorization", c.auth}
			}
			w, body := ask(t, b, c.method, c.path, c.body, headers...)
			if w.StatusCode != c.status {
				t.Errorf("%s, want %d", w.Status, c.status)
			}
			if c.status == 401 && (!strings.HasPrefix(w.Header.Get("Www-Authenticate"), "Basic realm=") || !strings.Contains(body, "user and a password")) {
				t.Errorf("challenge %q, body %s", w.Header.Get("Www-Authenticate"), body)
			}
		})
	}
	// Credentials in the URL, as Label Studio's client sends them.
	r, err := http.NewRequest("GET", url+"/health", nil)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := r.URL.User.Password()
	r.SetBasicAuth(r.URL.User.Username(), password)
	if w, _ := send(t, b, r); w.StatusCode != 200 {
		t.Errorf("credentials in the URL: %s", w.Status)
	}
}

func TestPrivateRoutesNeedAuthentication(t *testing.T) {
	private := map[string]http.Handler{"/corrections": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "private %s", r.URL.Query().Get("project"))
	})}
	var seen []string
	observe := func(route string, status int, _ time.Duration) { seen = append(seen, fmt.Sprint(route, " ", status)) }
	ask := func(b *server.Server, path, password string) (int, string) {
		t.Helper()
		r := httptest.NewRequest("GET", path, nil)
		if password != "" {
			r.SetBasicAuth("u", password)
		}
		w, err := b.Test(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(w.Body)
		if err := errors.Join(err, w.Body.Close()); err != nil {
			t.Fatal(err)
		}
		return w.StatusCode, string(body)
	}
	open := start(t, server.Options{Private: private})
	if status, body := ask(open, "/corrections?project=3", ""); status != 403 || strings.Contains(body, "private 3") {
		t.Errorf("without a password in the options: %d %s", status, body)
	}
	closed := start(t, server.Options{Private: private, User: "u", Password: labelstudio.NewSecret("p"), Observe: observe})
	if status, body := ask(closed, "/corrections?project=3", "p"); status != 200 || body != "private 3" {
		t.Errorf("with the password: %d %s", status, body)
	}
	for _, password := range []string{"", "q"} {
		if status, body := ask(closed, "/corrections?project=3", password); status != 401 || strings.Contains(body, "private 3") {
			t.Errorf("with password %q: %d %s", password, status, body)
		}
	}
	if seen[0] != "/corrections 200" {
		t.Errorf("observed %q", seen)
	}
	for _, path := range []string{"corrections", "/predict"} {
		if _, err := server.New(server.Options{Model: model{}, Private: map[string]http.Handler{path: nil}}); err == nil {
			t.Errorf("%s was accepted", path)
		}
	}
}
