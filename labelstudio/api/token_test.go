package api_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"

	"github.com/google/go-cmp/cmp"
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
		{"personal access token", labelstudiotest.JWT(fmt.Sprintf(`{"token_type":"refresh","exp":%d}`, in(time.Hour))), api.PersonalAccessToken, ""},
		{"a JWT that does not say its type", labelstudiotest.JWT(fmt.Sprintf(`{"exp":%d}`, in(time.Hour))), api.PersonalAccessToken, ""},
		{"two dots do not make a JWT", "a.b.c", api.LegacyToken, ""},
		{"nothing", "", 0, "no token is given"},
		{"an access token", labelstudiotest.JWT(fmt.Sprintf(`{"token_type":"access","exp":%d}`, in(time.Minute))), 0, "lasts minutes"},
		{"ended", labelstudiotest.JWT(fmt.Sprintf(`{"token_type":"refresh","exp":%d}`, in(-time.Hour))), 0, "ended on 2025-12-31"},
		{"without an end", labelstudiotest.JWT(`{"token_type":"refresh"}`), 0, "does not say when it ends"},
		{"an end that is no time", labelstudiotest.JWT(`{"token_type":"refresh","exp":1e300}`), 0, "does not say when it ends"},
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

// studioInBubble returns a Label Studio without a network, and a client with its personal
// access token.
func studioInBubble(t *testing.T, o labelstudiotest.Options) (*labelstudiotest.Server, *api.Client) {
	t.Helper()
	o.URL = "http://ls"
	s := labelstudiotest.New(t, o)
	c, err := api.New(api.Options{URL: s.URL, Token: labelstudio.NewSecret(s.PersonalToken()), Transport: s.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

// count returns how many exchanges of tokens and how many other requests there were.
func count(t *testing.T, s *labelstudiotest.Server) (exchanges, requests int) {
	t.Helper()
	for _, r := range s.Requests() {
		if r.URI != "/api/token/refresh/" {
			requests++
			continue
		}
		if exchanges++; r.Authorization != "" {
			t.Errorf("the exchange carries %s", r.Authorization)
		}
	}
	return exchanges, requests
}

func TestAccessTokenIsRenewedBeforeItEnds(t *testing.T) {
	for name, skew := range map[string]time.Duration{"clocks agree": 0, "server an hour behind": -time.Hour, "server an hour ahead": time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, c := studioInBubble(t, labelstudiotest.Options{ClockSkew: skew})
				for range 60 { // half an hour
					if _, err := c.Whoami(t.Context()); err != nil {
						t.Fatal(err)
					}
					time.Sleep(30 * time.Second)
				}
				if exchanges, requests := count(t, s); requests != 60 || exchanges < 6 || exchanges > 8 {
					t.Errorf("%d requests and %d exchanges in half an hour of five minute tokens", requests, exchanges)
				}
			})
		})
	}
}

func TestOneExchangeForMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := studioInBubble(t, labelstudiotest.Options{})
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
		if exchanges, _ := count(t, s); exchanges != 1 || failed.Load() != 0 {
			t.Errorf("%d exchanges, %d failures", exchanges, failed.Load())
		}
	})
}

func TestRefusedAccessTokenIsReplacedOnce(t *testing.T) {
	s, c := studioInBubble(t, labelstudiotest.Options{})
	check := func(err error, status, exchanges, requests int) {
		t.Helper()
		if e, r := count(t, s); api.Status(err) != status || (err == nil) != (status == 0) || e != exchanges || r != requests {
			t.Errorf("%v after %d exchanges and %d requests", err, e, r)
		}
	}
	_, err := c.Whoami(t.Context())
	check(err, 0, 1, 1)
	s.ForgetAccess() // before its end
	_, err = c.Whoami(t.Context())
	check(err, 0, 2, 3)
	// Refused again with the new one: no third try.
	s.Handle("/api/current-user/whoami", labelstudiotest.Answer(401, `{"detail":"Token is invalid or expired"}`))
	_, err = c.Whoami(t.Context())
	check(err, 401, 3, 5)
	s.Handle("/api/current-user/whoami", nil)
	s.RevokePersonalToken()
	_, err = c.Whoami(t.Context())
	if err == nil || !strings.Contains(err.Error(), "revoked or rotated") || !strings.Contains(err.Error(), "LABEL_STUDIO_API_KEY") || strings.Contains(err.Error(), "eyJ") {
		t.Errorf("error %v", err)
	}
	if _, retry := api.Retryable(err); retry {
		t.Error("a revoked token does not come back")
	}
}

func TestExchangeBelowAPath(t *testing.T) {
	s := newStudio(t, "/ls")
	token := s.PersonalToken()
	if _, err := client(t, s.URL, token).Whoami(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []labelstudiotest.Request{
		{Method: "POST", URI: "/ls/api/token/refresh/", Body: `{"refresh":"` + token + `"}`},
		{Method: "GET", URI: "/ls/api/current-user/whoami", Authorization: "Bearer " + s.AccessTokens()[0]},
	}
	if d := cmp.Diff(want, s.Requests()); d != "" {
		t.Errorf("requests (-want +got):\n%s", d)
	}
}

func TestLegacyTokenIsNotRepeated(t *testing.T) {
	s := newStudio(t, "")
	s.SetLegacyTokens(false)
	if _, err := client(t, s.URL, legacy).Whoami(t.Context()); api.Status(err) != 401 || len(s.Requests()) != 1 {
		t.Errorf("%v after %d requests", err, len(s.Requests()))
	}
}

func FuzzKindOf(f *testing.F) {
	f.Add(legacy)
	f.Add(labelstudiotest.JWT(personal))
	f.Add(labelstudiotest.JWT(`{"exp":-1}`))
	f.Add(labelstudiotest.JWT(`{"exp":"soon"}`))
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
