package api_test

import (
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
)

// TestCheckingAddresses replays what Label Studio 1.23.2 answered to these requests.
func TestCheckingAddresses(t *testing.T) {
	const (
		reserved  = `{"id":"x","status_code":403,"version":"1.23.2","detail":"URL resolves to a reserved network address (block: 10.0.0.0/8)","exc_info":null}`
		unknown   = `{"id":"x","status_code":500,"version":"1.23.2","detail":"Can't resolve hostname asr","exc_info":null}`
		noProject = `{"id":"x","status_code":400,"version":"1.23.2","detail":"Validation error","exc_info":null,"validation_errors":{"project":["This field is required."]}}`
		noAction  = `{"id":"x","status_code":400,"version":"1.23.2","detail":"Validation error","exc_info":null,"validation_errors":{"actions":{"0":["\"none\" is not a valid choice."]}}}`
		dotless   = `{"id":"x","status_code":400,"version":"1.23.2","detail":"Validation error","exc_info":null,"validation_errors":{"url":["Enter a valid URL."],"actions":{"0":["\"none\" is not a valid choice."]}}}`
		member    = `{"id":"x","status_code":403,"version":"1.23.2","detail":"You do not have permission to perform this action.","exc_info":null}`
	)
	for _, c := range []struct {
		name            string
		status          int
		answer          string
		webhook         bool
		taken, private  bool
		sent, wantError string
	}{
		{"a backend that would be taken", 400, noProject, false, true, false, `{"url":"http://10.0.0.5:9090"}`, ""},
		{"a webhook that would be taken", 400, noAction, true, true, false, `{"actions":["none"],"url":"http://10.0.0.5:9090"}`, ""},
		{"a private address", 403, reserved, false, false, true, "", "set ML_BLOCK_LOCAL_IP=false and SSRF_PROTECTION_ENABLED=false"},
		{"a private address of a webhook", 403, reserved, true, false, true, "", "SSRF_PROTECTION_ENABLED=false"},
		{"a name that Label Studio does not know", 500, unknown, false, false, false, "", "Can't resolve hostname asr"},
		{"a webhook at a name without a dot", 400, dotless, true, false, false, "", "Enter a valid URL."},
		{"a user who may not connect", 403, member, false, false, false, "", "member of the project"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := "/api/ml/"
			if c.webhook {
				path = "/api/webhooks/"
			}
			s := newStudio(t, "")
			s.Handle("POST "+path, labelstudiotest.Answer(c.status, c.answer))
			check := client(t, s.URL, legacy).CheckBackend
			if c.webhook {
				check = client(t, s.URL, legacy).CheckWebhook
			}
			err := check(t.Context(), "http://10.0.0.5:9090")
			if (err == nil) != c.taken {
				t.Errorf("taken: got %v, want %v: %v", err == nil, c.taken, err)
			}
			if got := api.PrivateRefused(err); got != c.private {
				t.Errorf("private: got %v, want %v: %v", got, c.private, err)
			}
			if err != nil && !strings.Contains(err.Error(), c.wantError) {
				t.Errorf("got %q, want it to say %q", err, c.wantError)
			}
			if sent := s.Requests()[0].Body; c.sent != "" && sent != c.sent {
				t.Errorf("sent %s, want %s", sent, c.sent)
			}
		})
	}
}
