package api_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/api"
)

func TestKindsOfTokens(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	in := func(d time.Duration) int64 { return now.Add(d).Unix() }
	for _, c := range []struct {
		name, token string
		kind        api.TokenKind
		want        string // of the error
	}{
		{"legacy", legacy, api.LegacyToken, ""},
		{"personal access token", jwt(fmt.Sprintf(`{"token_type":"refresh","exp":%d}`, in(time.Hour))), api.PersonalAccessToken, ""},
		{"a JWT that does not say its type", jwt(fmt.Sprintf(`{"exp":%d}`, in(time.Hour))), api.PersonalAccessToken, ""},
		{"two dots do not make a JWT", "a.b.c", api.LegacyToken, ""},
		{"nothing", "", 0, "no token is given"},
		{"an access token", jwt(fmt.Sprintf(`{"token_type":"access","exp":%d}`, in(time.Minute))), 0, "lasts minutes"},
		{"ended", jwt(fmt.Sprintf(`{"token_type":"refresh","exp":%d}`, in(-time.Hour))), 0, "ended on 2025-12-31"},
		{"without an end", jwt(`{"token_type":"refresh"}`), 0, "does not say when it ends"},
		{"an end that is no time", jwt(`{"token_type":"refresh","exp":1e300}`), 0, "does not say when it ends"},
		{"two words", "Token " + legacy, 0, "spaces"},
		{"far too long", strings.Repeat("x", 1<<20), 0, "copy it again"},
	} {
		t.Run(c.name, func(t *testing.T) {
			kind, err := api.KindOf(labelstudio.NewSecret(c.token), now)
			if c.want == "" && (err != nil || kind != c.kind) {
				t.Errorf("%v, %v; want %v", kind, err, c.kind)
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			if err != nil && c.token != "" && strings.Contains(err.Error(), c.token) {
				t.Error("the error repeats the token")
			}
		})
	}
	if _, err := api.New(api.Options{URL: "http://ls", Token: labelstudio.NewSecret("")}); err == nil || !strings.HasPrefix(err.Error(), "LABEL_STUDIO_API_KEY: no token") {
		t.Errorf("error %v", err)
	}
	if c, err := api.New(api.Options{URL: "http://ls", Token: labelstudio.NewSecret(legacy + "\n")}); err != nil || c.Kind() != api.LegacyToken {
		t.Errorf("a token with the end of its line: %v", err)
	}
}

// authority is Label Studio's side of tokens, as a RoundTripper so that its time can be
// faked.
type authority struct {
	mu        sync.Mutex // guards the fields below
	exchanges int
	requests  int
	good      string // the access token that opens
	revoked   bool
	refuse    int // how many requests to refuse yet
	lifetime  time.Duration
	skew      time.Duration // of the server's clock
}

func (a *authority) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	answer := func(status int, body string) (*http.Response, error) {
		return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Header: http.Header{}, Request: r}, nil
	}
	if r.URL.Path == "/api/token/refresh/" {
		a.exchanges++
		if auth := r.Header.Get("Authorization"); auth != "" {
			return nil, errors.New("the exchange carries " + auth)
		}
		if a.revoked {
			return answer(401, `{"detail":"Token is blacklisted"}`)
		}
		now := time.Now().Add(a.skew)
		a.good = jwt(fmt.Sprintf(`{"token_type":"access","iat":%d,"exp":%d,"n":%d}`, now.Unix(), now.Add(a.lifetime).Unix(), a.exchanges))
		return answer(200, `{"access":"`+a.good+`"}`)
	}
	a.requests++
	if r.Header.Get("Authorization") != "Bearer "+a.good || a.refuse > 0 {
		a.refuse = max(a.refuse-1, 0)
		return answer(401, `{"detail":"Token is invalid or expired"}`)
	}
	return answer(200, `{"id":1}`)
}

func (a *authority) client(t *testing.T) *api.Client {
	t.Helper()
	c, err := api.New(api.Options{URL: "http://ls", Token: labelstudio.NewSecret(pat()), Transport: a})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAccessTokenIsRenewedBeforeItEnds(t *testing.T) {
	for name, skew := range map[string]time.Duration{"clocks agree": 0, "server an hour behind": -time.Hour, "server an hour ahead": time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &authority{lifetime: 5 * time.Minute, skew: skew}
				c := a.client(t)
				for range 60 { // half an hour
					if _, err := c.Whoami(t.Context()); err != nil {
						t.Fatal(err)
					}
					time.Sleep(30 * time.Second)
				}
				if a.requests != 60 || a.exchanges < 6 || a.exchanges > 8 {
					t.Errorf("%d requests and %d exchanges in half an hour of five minute tokens", a.requests, a.exchanges)
				}
			})
		})
	}
}

func TestOneExchangeForMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &authority{lifetime: 5 * time.Minute}
		c := a.client(t)
		var wg sync.WaitGroup
		var failed atomic.Int32
		for range 20 {
			wg.Go(func() {
				if _, err := c.Whoami(t.Context()); err != nil {
					failed.Add(1)
				}
			})
		}
		wg.Wait()
		if a.exchanges != 1 || failed.Load() != 0 {
			t.Errorf("%d exchanges, %d failures", a.exchanges, failed.Load())
		}
	})
}

func TestRefusedAccessTokenIsReplacedOnce(t *testing.T) {
	a := &authority{lifetime: 5 * time.Minute}
	c := a.client(t)
	if _, err := c.Whoami(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The server forgets the token before its end.
	a.good = "another"
	if _, err := c.Whoami(t.Context()); err != nil || a.exchanges != 2 || a.requests != 3 {
		t.Errorf("%v after %d exchanges and %d requests", err, a.exchanges, a.requests)
	}
	// Refused again with the new one: no third try.
	a.refuse = 2
	if _, err := c.Whoami(t.Context()); api.Status(err) != 401 || a.exchanges != 3 || a.requests != 5 {
		t.Errorf("%v after %d exchanges and %d requests", err, a.exchanges, a.requests)
	}
	a.revoked, a.good = true, "nothing"
	_, err := c.Whoami(t.Context())
	if err == nil || !strings.Contains(err.Error(), "revoked or rotated") || !strings.Contains(err.Error(), "LABEL_STUDIO_API_KEY") || strings.Contains(err.Error(), "eyJ") {
		t.Errorf("error %v", err)
	}
	if _, retry := api.Retryable(err); retry {
		t.Error("a revoked token does not come back")
	}
}

func TestExchangeBelowAPath(t *testing.T) {
	access := jwt(`{"token_type":"access","iat":0,"exp":300}`)
	f := newFake(t, "/ls", map[string]http.HandlerFunc{
		"POST /api/token/refresh/":     says(200, `{"access":"`+access+`"}`),
		"GET /api/current-user/whoami": says(200, `{"id":1}`),
	})
	token := pat()
	if _, err := client(t, f.URL+"/ls", token).Whoami(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := f.all()
	if got[0].uri != "/ls/api/token/refresh/" || got[0].body != `{"refresh":"`+token+`"}` || got[0].auth != "" || got[1].auth != "Bearer "+access {
		t.Errorf("requests %+v", got)
	}
}

func TestLegacyTokenIsNotRepeated(t *testing.T) {
	f := newFake(t, "", map[string]http.HandlerFunc{"GET /api/current-user/whoami": says(401, `{}`)})
	if _, err := client(t, f.URL, legacy).Whoami(t.Context()); api.Status(err) != 401 || len(f.all()) != 1 {
		t.Errorf("%v after %d requests", err, len(f.all()))
	}
}

func FuzzKindOf(f *testing.F) {
	f.Add(legacy)
	f.Add(pat())
	f.Add(jwt(`{"exp":-1}`))
	f.Add(jwt(`{"exp":"soon"}`))
	f.Add("e30.e30.")
	f.Fuzz(func(t *testing.T, token string) {
		kind, err := api.KindOf(labelstudio.NewSecret(token), time.Now())
		if err != nil && len(token) > 12 && strings.Contains(err.Error(), token) {
			t.Errorf("the error repeats the token: %v", err)
		}
		if err == nil && kind != api.LegacyToken && kind != api.PersonalAccessToken {
			t.Errorf("kind %d", kind)
		}
	})
}
