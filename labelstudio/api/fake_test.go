package api_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/api"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const legacy = "0123456789abcdef0123456789abcdef01234567"

// jwt makes an unsigned token with these claims.
func jwt(claims string) string {
	enc := base64.RawURLEncoding
	return enc.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + enc.EncodeToString([]byte(claims)) + ".c2lnbmF0dXJl"
}

func pat() string {
	return jwt(fmt.Sprintf(`{"token_type":"refresh","exp":%d,"jti":"x"}`, time.Now().Add(200*365*24*time.Hour).Unix()))
}

// seen is a request as the fake got it.
type seen struct{ method, uri, auth, body string }

// fake is a Label Studio of canned answers by "METHOD /path".
type fake struct {
	*httptest.Server
	mu       sync.Mutex // guards requests
	requests []seen
}

// newFake serves answers below a path; a handler's pattern is "METHOD /api/...".
func newFake(t testing.TB, below string, answers map[string]http.HandlerFunc) *fake {
	t.Helper()
	f := &fake{}
	mux := http.NewServeMux()
	for pattern, h := range answers {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" "+below+path, h)
	}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		f.mu.Lock()
		f.requests = append(f.requests, seen{r.Method, r.URL.RequestURI(), r.Header.Get("Authorization"), string(raw)})
		f.mu.Unlock()
		r.Body = io.NopCloser(strings.NewReader(string(raw)))
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fake) all() []seen {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]seen(nil), f.requests...)
}

// says answers with a status and JSON.
func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

func client(t testing.TB, url, token string) *api.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c, err := api.New(api.Options{URL: url, Token: labelstudio.NewSecret(token), Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
