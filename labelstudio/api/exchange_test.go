package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
)

// A token that has ended is no reason not to start: the next one may be in place already when
// the work comes, and until then it is an outage with the right reason.
func TestPersonalTokenThatEndedIsAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := labelstudiotest.New(t, labelstudiotest.Options{URL: "http://ls"})
		ended := labelstudiotest.JWT(fmt.Sprintf(`{"token_type":"refresh","exp":%d}`, time.Now().Add(-time.Hour).Unix()))
		c, err := api.New(api.Options{URL: s.URL, Token: labelstudio.NewSecret(ended), Transport: s.Transport()})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Whoami(t.Context())
		if !api.Outage(err) || !strings.Contains(err.Error(), "LABEL_STUDIO_API_KEY: the personal access token ended on 1999-12-31; make a new one") {
			t.Errorf("error %v", err)
		}
	})
}

// Access tokens that end at once are renewed for each request, and the last refusal counts.
func TestAccessTokensThatEndAtOnceAreAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := studioInBubble(t, labelstudiotest.Options{AccessLifetime: -time.Minute})
		_, err := c.Whoami(t.Context())
		if !api.Outage(err) || !strings.Contains(err.Error(), "LABEL_STUDIO_API_KEY holds a personal access token that this Label Studio does not accept") {
			t.Errorf("error %v", err)
		}
		if exchanges, requests := count(t, s); exchanges != 2 || requests != 2 {
			t.Errorf("%d exchanges and %d requests", exchanges, requests)
		}
	})
}

// Whoever answers in place of Label Studio has no access token.
func TestExchangeWithoutATokenIsAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := studioInBubble(t, labelstudiotest.Options{})
		s.Handle("/api/token/refresh/", labelstudiotest.Answer(200, `{}`))
		if _, err := c.Whoami(t.Context()); !api.Outage(err) || !strings.Contains(err.Error(), "it holds no access token") {
			t.Errorf("error %v", err)
		}
		s.Handle("/api/token/refresh/", nil)
		if _, err := c.Whoami(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A proxy that has lost Label Studio may say that nothing is there. No task is gone for that.
func TestPageOfAProxyDoesNotSayThatATaskIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := studioInBubble(t, labelstudiotest.Options{})
		s.Handle("/api/tasks/", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "default backend - 404", http.StatusNotFound)
		}))
		if _, err := c.Task(t.Context(), 1, 2); !api.Outage(err) || api.Status(err) != 0 {
			t.Errorf("a page: %v, status %d", err, api.Status(err))
		}
		s.Handle("/api/tasks/", nil)
		if _, err := c.Task(t.Context(), 1, 2); api.Outage(err) || api.Status(err) != http.StatusNotFound {
			t.Errorf("no such task: %v, status %d", err, api.Status(err))
		}
	})
}
