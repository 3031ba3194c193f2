package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/labelstudio"
)

func TestWordTimesComeFromTheService(t *testing.T) {
	var asked string
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		asked = r.URL.String()
		switch {
		case user == "":
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, "it needs authentication")
		case password != "secret":
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Query().Get("project") == "8":
			fmt.Fprintln(w, "error: the store does not answer")
		default:
			fmt.Fprintln(w, `{"annotation":1,"corrected":[]}`)
		}
	}))
	defer service.Close()
	for _, c := range []struct {
		address, user, password string
		project                 int64
		asked, err              string
	}{
		{service.URL, "u", "secret", 7, "/corrections?project=7", ""},
		{service.URL + "/", "u", "secret", 7, "/corrections?project=7", ""},
		{service.URL + "/corrections?project=9", "u", "secret", 7, "/corrections?project=9", ""},
		{service.URL + "/asr", "u", "secret", 7, "/asr/corrections?project=7", ""},
		{strings.Replace(service.URL, "://", "://u:secret@", 1), "", "", 7, "/corrections?project=7", ""},
		{service.URL, "u", "secret", 0, "", "name the project, as in " + service.URL + "/corrections?project=7"},
		{service.URL, "", "", 7, "/corrections?project=7", "403 Forbidden it needs authentication"},
		{service.URL, "u", "guess", 7, "/corrections?project=7", "set BASIC_AUTH_USER"},
		{service.URL, "u", "secret", 8, "/corrections?project=8", "could not read all corrections: the store does not answer"},
		{"http://127.0.0.1:1", "u", "secret", 7, "", "connection refused"},
		{"http:///x", "", "", 7, "", "not an address"},
	} {
		asked = ""
		command := exportManifestCommand{Words: c.address, Project: c.project, BasicUser: c.user, BasicPassword: labelstudio.NewSecret(c.password)}
		words, err := command.words(t.Context())
		switch {
		case asked != c.asked:
			t.Errorf("%s: asked %q, want %q", c.address, asked, c.asked)
		case (err == nil) != (c.err == ""), err != nil && !strings.Contains(err.Error(), c.err):
			t.Errorf("%s: got %v, want %q", c.address, err, c.err)
		case err == nil && words == nil:
			t.Errorf("%s: no words", c.address)
		case err != nil && strings.Contains(err.Error(), "secret"):
			t.Errorf("the password is in %v", err)
		}
	}
}
