package api

import (
	"testing"
	"unicode/utf8"

	"github.com/asr-backend/asr-backend/internal/visible"
)

func FuzzDetail(f *testing.F) {
	for _, s := range []string{`{"detail": "no", "validation_errors": {"x": ["y"]}}`, "<html>", "a\x1b[31m\u202e\xff", `{"detail": 3}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		said := detail(raw)
		if len(said) > 410 || !utf8.ValidString(said) {
			t.Fatalf("%q", said)
		}
		e := &Error{Op: "ask", Method: "GET", URL: "http://h", Status: 400, Detail: said}
		if text := e.Error(); visible.Text(text) != text {
			t.Fatalf("error %q", text)
		}
	})
}
