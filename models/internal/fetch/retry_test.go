package fetch_test

import (
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/models/internal/fetch"
)

func TestWhatPassesIsTriedAgainAndWhatDoesNotIsNot(t *testing.T) {
	b := content(1000)
	for _, test := range []struct {
		code, requests int
		say            string
	}{
		{http.StatusInternalServerError, 6, "500"},
		{http.StatusBadGateway, 6, "502"},
		{http.StatusTooManyRequests, 6, "asked too often"},
		{http.StatusNotFound, 1, "moved or removed"},
		{http.StatusForbidden, 1, "account"},
		{http.StatusUnauthorized, 1, "account"},
		{http.StatusGone, 1, "moved or removed"},
	} {
		t.Run(strconv.Itoa(test.code), func(t *testing.T) {
			s := serve(t, b)
			s.fault = func(*http.Request, int) any { return test.code }
			c, waits := client(t, fetch.Options{})
			q := fetch.Request{URL: s.URL + "/file", Path: filepath.Join(t.TempDir(), "m")}
			_, err := c.File(t.Context(), q)
			if err == nil || !strings.Contains(err.Error(), test.say) || !strings.Contains(err.Error(), q.URL) {
				t.Errorf("got %v, want the address and %q", err, test.say)
			}
			if got := len(s.requests()); got != test.requests {
				t.Errorf("%d requests, want %d", got, test.requests)
			}
			for i, w := range *waits {
				if least := time.Second << i; w < least || w > least*5/4 {
					t.Errorf("wait %d of %v, want %v and up to a quarter more", i, w, least)
				}
			}
		})
	}
}

func TestRetryAfterIsKeptUnlessItIsTooLong(t *testing.T) {
	b := content(1000)
	for name, test := range map[string]struct {
		after string
		fails bool
	}{
		"seconds":  {"7", false},
		"an hour":  {"3600", true},
		"nonsense": {"soon", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, b)
			s.fault = func(_ *http.Request, n int) any {
				if n > 0 {
					return nil
				}
				return func(w http.ResponseWriter) {
					w.Header().Set("Retry-After", test.after)
					w.WriteHeader(http.StatusTooManyRequests)
				}
			}
			c, waits := client(t, fetch.Options{})
			_, err := c.File(t.Context(), fetch.Request{URL: s.URL, Path: filepath.Join(t.TempDir(), "m")})
			if (err != nil) != test.fails {
				t.Fatalf("got %v", err)
			}
			if test.fails && !strings.Contains(err.Error(), "1h0m0s") {
				t.Errorf("got %v, want how long", err)
			}
			if name == "seconds" && ((*waits)[0] != 7*time.Second) {
				t.Errorf("waited %v, want 7s", (*waits)[0])
			}
		})
	}
}
