package back

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// A form leads back to the status page, whatever a page of somebody else wrote into it.
func TestFormsLeadBackToTheStatusPageOnly(t *testing.T) {
	for to, want := range map[string]string{
		"/status":                          "/status",
		"/status?project=3&state=failed":   "/status?project=3&state=failed",
		"/status?search=a+b#tasks":         "/status?search=a+b#tasks",
		"":                                 "/status",
		"//evil.example/status":            "/status",
		"https://evil.example/status":      "/status",
		"/status/../corrections?project=1": "/status",
		"/\\evil.example":                  "/status",
		"status":                           "/status",
		"/status\r\nSet-Cookie: x=y":       "/status",
		"/status?x=\r\nSet-Cookie:%20x=y":  "/status",
		"javascript:alert(1)":              "/status",
	} {
		got := place(to)
		if got != want {
			t.Errorf("%q leads to %q, want %q", to, got, want)
		}
		if strings.ContainsAny(got, "\r\n") {
			t.Errorf("%q has a line break", got)
		}
	}
}

// A browser resolves the address against that of the route, under whatever path a proxy has.
func TestAddressesAreRelativeToTheRoute(t *testing.T) {
	for _, route := range []string{"/learn", "/jobs/cancel", "/learn/phrases"} {
		for _, below := range []string{"", "/s/secret", "/asr"} {
			w := httptest.NewRecorder()
			To(w, route, "/status?project=3")
			to, err := (&url.URL{Path: below + route}).Parse(w.Header().Get("Location"))
			if err != nil || w.Code != 303 || to.String() != below+"/status?project=3" {
				t.Errorf("%s below %q: %d, %s, %v", route, below, w.Code, to, err)
			}
		}
	}
}

func FuzzPlace(f *testing.F) {
	f.Add("/status?project=1")
	f.Add("//evil.example")
	f.Fuzz(func(t *testing.T, raw string) {
		to, err := url.Parse(place(raw))
		if err != nil || to.Host != "" || to.Scheme != "" || to.Path != page {
			t.Errorf("%q leads to %v, %v", raw, to, err)
		}
	})
}
