package visible_test

import (
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/asr-backend/asr-backend/internal/visible"
)

func TestTextOfMessagesDoesNotActOnTerminals(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "",
		`plain "text" C:\x`:                `plain "text" C:\x`,
		"Grüße, 語音":                        "Grüße, 語音",
		"می\u200cخواهم":                    "می\u200cخواهم",
		"a\x1b[31mred":                     `a\x1b[31mred`,
		"two\nlines\r\t":                   `two\nlines\r\t`,
		"nul\x00 del\x7f c1\u009b":         `nul\x00 del\x7f c1\u009b`,
		"gpj\u202e.exe \u2066":             `gpj\u202e.exe \u2066`,
		"latin\xe9":                        `latin\xe9`,
		"a sign that stands for it \ufffd": "a sign that stands for it \ufffd",
	} {
		if got := visible.Text(text); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("a\x1b[31m\u202e\xff")
	f.Fuzz(func(t *testing.T, text string) {
		got := visible.Text(text)
		for _, r := range got {
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
				t.Fatalf("%q gives %q", text, got)
			}
		}
		if !utf8.ValidString(got) || visible.Text(got) != got {
			t.Fatalf("%q gives %q", text, got)
		}
	})
}
