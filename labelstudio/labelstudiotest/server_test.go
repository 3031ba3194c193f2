package labelstudiotest_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
)

// get asks through a transport and returns the status, the body and the error.
func get(t *testing.T, ls *labelstudiotest.Server, by http.RoundTripper, path, auth string) (*http.Response, string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", ls.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", auth)
	w, err := by.RoundTrip(r)
	if err != nil {
		return nil, "", err
	}
	defer w.Body.Close()
	body, err := io.ReadAll(w.Body)
	return w, string(body), err
}

func TestAServerWithoutANetworkLivesInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ls := labelstudiotest.New(t, labelstudiotest.Options{URL: "http://label-studio.test", Path: "/ls", AccessLifetime: time.Minute})
		ls.SetLatency(time.Hour)
		before := time.Now()
		if w, _, err := get(t, ls, ls.Transport(), "/api/version", ""); err != nil || w.StatusCode != 200 || time.Since(before) != time.Hour {
			t.Errorf("%+v, %v after %v", w, err, time.Since(before))
		}
		ls.SetDown(true)
		if _, _, err := get(t, ls, ls.Transport(), "/health", ""); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("a server that is down: %v", err)
		}
		if got := ls.Requests(); len(got) != 1 || got[0].String() != "GET /ls/api/version" {
			t.Errorf("requests %v", got)
		}
	})
}

func TestAServerWithANetworkGoesDownAndComesBack(t *testing.T) {
	ls := labelstudiotest.New(t, labelstudiotest.Options{})
	network := &http.Transport{}
	t.Cleanup(network.CloseIdleConnections)
	for _, down := range []bool{true, false} {
		ls.SetDown(down)
		if _, _, err := get(t, ls, network, "/health", ""); (err != nil) != down {
			t.Errorf("down %v: %v", down, err)
		}
	}
}

func TestRoutesAreAnsweredInAnotherWayAndGivenBack(t *testing.T) {
	ls := labelstudiotest.New(t, labelstudiotest.Options{URL: "http://label-studio.test"})
	status := func() int {
		w, _, err := get(t, ls, ls.Transport(), "/api/current-user/whoami", "Token "+ls.Token)
		if err != nil {
			t.Fatal(err)
		}
		return w.StatusCode
	}
	const route = "GET /api/current-user/"
	for _, want := range []int{500, 502} {
		ls.Handle(route, labelstudiotest.Answer(want, "{}"))
		if got := status(); got != want {
			t.Errorf("got %d, want %d", got, want)
		}
	}
	ls.Intercept(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { w.WriteHeader(503) })
	if got := status(); got != 503 {
		t.Errorf("an interceptor that comes first: %d", got)
	}
	ls.Intercept(nil)
	ls.Handle(route, nil)
	if got := status(); got != 200 {
		t.Errorf("given back: %d", got)
	}
}

func TestMediaAreServedWithTheToken(t *testing.T) {
	ls := labelstudiotest.New(t, labelstudiotest.Options{URL: "http://label-studio.test"})
	value := ls.Upload(7, "a b.wav", []byte("RIFF"))
	ls.AddCloudFile("s3://b/k.wav", "https://bucket/k.wav?signature=x")
	auth := "Token " + ls.Token
	for path, want := range map[string]string{
		strings.ReplaceAll(value, " ", "%20"):                       "200 RIFF",
		"/storage-data/uploaded/?filepath=upload/7/a%20b.wav":       "200 ", // for nginx
		"/tasks/1/resolve/?fileuri=czM6Ly9iL2sud2F2":                "303 ",
		"/projects/1/presign/?fileuri=czM6Ly9iL2sud2F2":             "303 ",
		"/tasks/1/resolve/?fileuri=czM6Ly9iL290aGVyLndhdg%3D%3D%3D": "404 ",
	} {
		w, body, err := get(t, ls, ls.Transport(), path, auth)
		if err != nil || w.Status[:4]+body != want {
			t.Errorf("%s: %+v, %q, %v; want %q", path, w, body, err, want)
		}
		if w.StatusCode == 303 && w.Header.Get("Location") != "https://bucket/k.wav?signature=x" {
			t.Errorf("%s: redirected to %s", path, w.Header.Get("Location"))
		}
		if w, _, err := get(t, ls, ls.Transport(), path, ""); err != nil || w.StatusCode != 401 {
			t.Errorf("%s without a token: %v, %v", path, w.StatusCode, err)
		}
	}
}

func TestTokensOpenUntilTheyEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ls := labelstudiotest.New(t, labelstudiotest.Options{URL: "http://label-studio.test"})
		status := func(auth string) int {
			w, _, err := get(t, ls, ls.Transport(), "/api/current-user/whoami", auth)
			if err != nil {
				t.Fatal(err)
			}
			return w.StatusCode
		}
		r, err := http.NewRequestWithContext(t.Context(), "POST", ls.URL+"/api/token/refresh/", strings.NewReader(`{"refresh":"`+ls.PersonalToken()+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		w, err := ls.Transport().RoundTrip(r)
		if err != nil || w.StatusCode != 200 {
			t.Fatal(w, err)
		}
		access := "Bearer " + ls.AccessTokens()[0]
		if status(access) != 200 || status("Bearer "+ls.PersonalToken()) != 401 || status("Token "+ls.Token) != 200 {
			t.Error("an access token and a legacy token open, a personal one does not")
		}
		time.Sleep(labelstudiotest.DefaultAccessLifetime)
		if status(access) != 401 {
			t.Error("an access token opens after its end")
		}
		ls.SetLegacyTokens(false)
		if status("Token "+ls.Token) != 401 {
			t.Error("a legacy token opens where they are switched off")
		}
	})
}
