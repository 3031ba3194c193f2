package jobs

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Limits on names and data. They keep a subject below the 4 KiB control line of the NATS
// protocol and a message below the 1 MiB that a server accepts by default.
const (
	// MaxName is the longest key or project name, in bytes.
	MaxName = 512
	// MaxPayload is the largest payload of a job, in bytes.
	MaxPayload = 256 << 10
	// MaxValue is the largest window result or project value, in bytes.
	MaxValue = 1_000_000

	maxKind   = 32
	maxReason = 2 << 10
)

// Buckets are named by the prefix followed by one of these.
const (
	bucketJobs     = "-jobs"     // key-value: one record per job
	bucketWindows  = "-windows"  // key-value: <job id>.<index>
	bucketResults  = "-results"  // key-value: <job id>.<result id>, results up to inlineResult
	bucketBlobs    = "-blobs"    // object store: <job id>.<result id>, larger results
	bucketProjects = "-projects" // key-value: <project>.<key>
)

const hexDigits = "0123456789ABCDEF"

// escape turns any string into one token of a NATS subject. Letters, digits, hyphen and
// underscore stand for themselves and every other byte is written =XX, so that the nats
// command lists readable names.
func escape(s string) string {
	var b strings.Builder
	b.Grow(len(s) + 8)
	for i := range len(s) {
		if c := s[i]; plain(c) {
			b.WriteByte(c)
		} else {
			b.WriteByte('=')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
	return b.String()
}

// unescape inverts escape. It refuses tokens that escape does not produce, so that two
// tokens never mean one name.
func unescape(token string) (string, error) {
	b := make([]byte, 0, len(token))
	for i := 0; i < len(token); i++ {
		c := token[i]
		if plain(c) {
			b = append(b, c)
			continue
		}
		if c != '=' || i+2 >= len(token) {
			return "", fmt.Errorf("%q is not an escaped name", token)
		}
		hi, lo := strings.IndexByte(hexDigits, token[i+1]), strings.IndexByte(hexDigits, token[i+2])
		if hi < 0 || lo < 0 || plain(byte(hi<<4|lo)) {
			return "", fmt.Errorf("%q is not an escaped name", token)
		}
		b = append(b, byte(hi<<4|lo))
		i += 2
	}
	return string(b), nil
}

func plain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

// checkName checks the name of a job, a project or a value.
func checkName(what, s string) error {
	switch {
	case s == "":
		return fmt.Errorf("the %s is empty", what)
	case len(s) > MaxName:
		return fmt.Errorf("%w: the %s has %d bytes, at most %d fit", ErrTooLarge, what, len(s), MaxName)
	case !utf8.ValidString(s):
		return fmt.Errorf("the %s %q is not UTF-8", what, s)
	}
	return nil
}

func checkKind(s string) error {
	if s == "" || len(s) > maxKind {
		return fmt.Errorf("the kind %q must have 1 to %d letters", s, maxKind)
	}
	for i := range len(s) {
		if !plain(s[i]) {
			return fmt.Errorf("the kind %q holds %q; letters, digits, - and _ are allowed", s, s[i])
		}
	}
	return nil
}
