package server_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/testlog"
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

// TestPasswordsInTheEncodingsOfClients sends what curl 7.88 and Firefox send (UTF-8), and what
// Python's requests sends for Label Studio (Latin-1).
func TestPasswordsInTheEncodingsOfClients(t *testing.T) {
	for name, c := range map[string]struct {
		password string // in the options
		sent     string
		status   int
	}{
		"ASCII":                              {"secret", "u:secret", 200},
		"UTF-8":                              {"gr\u00fc\u00dfe", "u:gr\xc3\xbc\xc3\x9fe", 200},
		"Latin-1":                            {"gr\u00fc\u00dfe", "u:gr\xfc\xdfe", 200},
		"another one in Latin-1":             {"gr\u00fc\u00dfe", "u:gr\xfc\xdf", 401},
		"the highest of Latin-1":             {"\u00ff", "u:\xff", 200},
		"decomposed in the options":          {"cafe\u0301", "u:caf\xe9", 200},
		"decomposed, sent composed":          {"cafe\u0301", "u:caf\xc3\xa9", 200},
		"decomposed, sent as it is":          {"cafe\u0301", "u:cafe\xcc\x81", 200},
		"not in Latin-1":                     {"\u043f\u0430\u0440\u043e\u043b\u044c", "u:\xd0\xbf\xd0\xb0\xd1\x80\xd0\xbe\xd0\xbb\xd1\x8c", 200},
		"not in Latin-1, with its low bytes": {"\u043f\u0430", "u:\x3f\x30", 401},
		"not in Latin-1, as question marks":  {"\u043f\u0430", "u:??", 401},
		"bytes of UTF-8 twice":               {"\u00fc", "u:\xc3\x83\xc2\xbc", 401},
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t, server.Options{User: "u", Password: labelstudio.NewSecret(c.password)})
			w, _ := ask(t, b, "GET", "/health", "", "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(c.sent)))
			if w.StatusCode != c.status {
				t.Errorf("%s, want %d", w.Status, c.status)
			}
		})
	}
}

func TestWebhooksNeedTheirSecret(t *testing.T) {
	const secret = "s3cret-S3cret_s3cret"
	var log testlog.Buffer
	var seen []string
	b := start(t, server.Options{
		WebhookSecret: labelstudio.NewSecret(secret), Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Observe: func(route string, status int, _ time.Duration) { seen = append(seen, fmt.Sprint(route, " ", status)) },
	})
	const event = `{"action":"START_TRAINING"}`
	for _, c := range []struct {
		name, method, path, header string
		status                     int
		route                      string
	}{
		{"without it", "POST", "/webhook", "", 401, "/webhook"},
		{"in the header", "POST", "/webhook", secret, 201, "/webhook"},
		{"another one in the header", "POST", "/webhook", secret + "x", 401, "/webhook"},
		{"in the path", "POST", "/s/" + secret + "/webhook", "", 201, "/webhook"},
		{"in the path, with slashes", "POST", "/s/" + secret + "/webhook/", "", 201, "/webhook"},
		{"in the path, with a query", "POST", "/s/" + secret + "/webhook?project=4", "", 201, "/webhook"},
		{"another one in the path", "POST", "/s/" + secret + "x/webhook", "", 404, "unknown"},
		{"in another case", "POST", "/s/" + strings.ToUpper(secret) + "/webhook", "", 404, "unknown"},
		{"twice in the path", "POST", "/s/" + secret + "/s/" + secret + "/webhook", "", 404, "unknown"},
		{"nothing in the path", "POST", "/s//webhook", "", 404, "unknown"},
		{"in the query", "POST", "/webhook?secret=" + secret, "", 401, "/webhook"},
		{"setup with it", "POST", "/s/" + secret + "/setup", "", 200, "/setup"},
		{"setup without it", "POST", "/setup", "", 200, "/setup"},
		{"health with it", "GET", "/s/" + secret + "/health", "", 200, "/health"},
		{"nothing behind it", "GET", "/s/" + secret, "", 200, "/"},
		{"an unknown route", "GET", "/s/" + secret + "/nothing", "", 404, "unknown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var headers []string
			if c.header != "" {
				headers = []string{"X-Webhook-Secret", c.header}
			}
			w, body := ask(t, b, c.method, c.path, event, headers...)
			if want := fmt.Sprint(c.route, " ", c.status); w.StatusCode != c.status || seen[len(seen)-1] != want {
				t.Errorf("%s %s, observed %s, want %s", w.Status, body, seen[len(seen)-1], want)
			}
			if strings.Contains(body+fmt.Sprint(w.Header), secret) {
				t.Error("the answer has the secret")
			}
		})
	}
	if len(seen) != 16 {
		t.Errorf("%d requests were observed", len(seen))
	}
	if strings.Contains(strings.ToLower(log.String()), strings.ToLower(secret[:10])) {
		t.Errorf("the log has the secret:\n%s", log.String())
	}
	for _, bad := range []string{"short", "0123456789abcdef/", "0123456789abcdef\u00fc", "0123456789 abcdef"} {
		_, err := server.New(server.Options{Model: model{}, WebhookSecret: labelstudio.NewSecret(bad)})
		if err == nil || strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// A password is asked for beside the secret.
func TestASecretDoesNotReplaceThePassword(t *testing.T) {
	const secret = "0123456789abcdef"
	b := start(t, server.Options{User: "u", Password: labelstudio.NewSecret("p"), Open: []string{"/webhook"}, WebhookSecret: labelstudio.NewSecret(secret)})
	for path, want := range map[string]int{"/webhook": 401, "/s/" + secret + "/webhook": 201, "/s/" + secret + "/setup": 401, "/s/" + secret + "/versions": 401} {
		if w, body := ask(t, b, "POST", path, `{"action":"START_TRAINING"}`); w.StatusCode != want {
			t.Errorf("%s: %s %s", path, w.Status, body)
		}
	}
}
