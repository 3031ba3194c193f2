package jobs

import (
	"regexp"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/priority"

	"pgregory.net/rapid"
)

// What nats.go accepts as a key of a bucket (validKeyRe in jetstream/kv.go), less the dot,
// which separates tokens.
var natsToken = regexp.MustCompile(`^[-/_=a-zA-Z0-9]+$`)

func TestEveryNameBecomesOneTokenAndComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "name"))
		token := escape(s)
		if !natsToken.MatchString(token) {
			t.Fatalf("escape(%q): got %q, which is no token", s, token)
		}
		if back, err := unescape(token); err != nil || back != s {
			t.Fatalf("unescape(%q): got %q, %v; want %q", token, back, err, s)
		}
	})
}

func FuzzUnescape(f *testing.F) {
	for _, s := range []string{"a", "=2F", "=2f", "=41", "=", "=4", "a.b", "ü", "=FF=00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if s, err := unescape(token); err == nil && escape(s) != token {
			t.Errorf("unescape(%q) = %q, which escape writes as %q", token, s, escape(s))
		}
	})
}

func TestNamesThatCannotBeStoredAreRefused(t *testing.T) {
	for what, s := range map[string]Spec{
		"empty key":               {Project: "p", Kind: "k"},
		"empty project":           {Key: "k", Kind: "k"},
		"empty kind":              {Key: "k", Project: "p"},
		"key too long":            {Key: strings.Repeat("k", MaxName+1), Project: "p", Kind: "k"},
		"key not UTF-8":           {Key: "a\xff", Project: "p", Kind: "k"},
		"kind with a dot":         {Key: "k", Project: "p", Kind: "a.b"},
		"class unknown":           {Key: "k", Project: "p", Kind: "k", Class: priority.Classes},
		"payload too large":       {Key: "k", Project: "p", Kind: "k", Payload: make([]byte, MaxPayload+1)},
		"waits for itself":        {Key: "k", Project: "p", Kind: "k", After: "k"},
		"waits for a broken name": {Key: "k", Project: "p", Kind: "k", After: strings.Repeat("k", MaxName+1)},
	} {
		if err := s.check(); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	longest := Spec{Key: strings.Repeat(" ", MaxName), Project: strings.Repeat(".", MaxName), Kind: "k", Payload: make([]byte, MaxPayload)}
	if err := longest.check(); err != nil {
		t.Errorf("the longest names and payload: %v", err)
	}
}
