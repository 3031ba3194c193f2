package cli_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"asr-backend/internal/cli"
)

func TestNamesCannotControlTheTerminal(t *testing.T) {
	for text, want := range map[string]string{
		"übung 3.wav":                 "übung 3.wav",
		"日本語\tمی‌خواهم":               "日本語\tمی‌خواهم",
		"a\x1b[2Jb":                   `a\x1b[2Jb`,
		"a\rb\x00\x7f":                `a\x0db\x00\x7f`,
		"bad \xff byte":               `bad \xff byte`,
		"\u009b31m":                   `\u009b31m`,
		"call\u202e3pm.wav":           `call\u202e3pm.wav`,
		"first line\nsecond line":     "first line\nsecond line",
		"a\u2028line separator\ufffd": `a\u2028line separator\ufffd`,
	} {
		if got := cli.Printable(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("a\x1b[2J\xff")
	f.Fuzz(func(t *testing.T, text string) {
		got := cli.Printable(text)
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\x1b\r\x00\x07\x9b") {
			t.Errorf("%q gives %q", text, got)
		}
		if again := cli.Printable(got); again != got {
			t.Errorf("%q gives %q, and that %q", text, got, again)
		}
	})
}
