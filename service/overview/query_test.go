package overview_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/service/overview"

	"github.com/google/go-cmp/cmp"
)

func TestQueriesAreReadFromAddresses(t *testing.T) {
	for text, want := range map[string]overview.Query{
		"":              {},
		"project=7&x=1": {},
		"state=failed&state=not+pushed,waiting&attention=1": {States: []overview.State{overview.Failed, overview.NotPushed, overview.Waiting}, Attention: true},
		"search=+a+&sort=-updated&offset=50&limit=20":       {Search: "a", Sort: overview.ByUpdated, Reverse: true, Offset: 50, Limit: 20},
		"sort=urgency&state=&attention=0":                   {},
	} {
		values, err := url.ParseQuery(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := overview.ParseQuery(values)
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("%s: %v, want (-), got (+):\n%s", text, err, d)
		}
	}
	for text, want := range map[string]string{
		"state=lost": "no state", "sort=size": "no order", "offset=-1": "no number", "limit=x": "no number", "limit=1001": "too much", "attention=maybe": "neither", "offset=99999999999": "no number",
	} {
		values, _ := url.ParseQuery(text)
		if _, err := overview.ParseQuery(values); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// Whoever may open the page may write any address.
func FuzzParseQuery(f *testing.F) {
	f.Add("state=failed,waiting&search=a.wav&sort=-errors&offset=10&limit=20&attention=1")
	f.Fuzz(func(t *testing.T, text string) {
		values, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		q, err := overview.ParseQuery(values)
		if err == nil && (q.Offset < 0 || q.Limit < 0 || q.Limit > overview.MaxLimit) {
			t.Errorf("%q: %+v", text, q)
		}
		for _, s := range q.States {
			if !s.Known() {
				t.Errorf("%q: state %q", text, s)
			}
		}
	})
}
