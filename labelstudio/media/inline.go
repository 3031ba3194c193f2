package media

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/asr-backend/asr-backend/internal/download"
)

// MaxInline is the largest recording that a data URI may hold, in bytes. Label Studio keeps it
// in the task, sends it with every request and loads it with every page of tasks.
const MaxInline = 20 << 20

// longInline is from which size on a data URI has a reference, in bytes.
const longInline = 128 << 10

// reference stands between "data:" and the digest. It makes no data URI: that has a comma.
const reference = ";sha256="

// Reference returns a short value in place of a long data URI, and false for every other
// value. Fetch finds what the reference names as long as the cache has it: the URI has to be
// fetched before, for the same project.
func Reference(value string) (string, bool) {
	value = strings.TrimSpace(value)
	if _, ok := dataURI(value); !ok || len(value) < longInline {
		return "", false
	}
	return "data:" + reference + inlineDigest(value), true
}

func inlineDigest(value string) string {
	sum := sha256.New()
	// In pieces: as a whole, the text would be copied.
	_, _ = io.Copy(sum, struct{ io.Reader }{strings.NewReader(value)}) // neither fails
	return hex.EncodeToString(sum.Sum(nil))
}

// dataURI returns what stands behind "data:" in a value.
func dataURI(value string) (string, bool) {
	head, rest, ok := cutFold(value, "data:")
	return rest, ok && head == ""
}

// inline is a recording in the value itself, or what a reference names. Both are kept for a
// project: a digest that stands in another project's task opens nothing.
func inline(r Request, value, rest string) (source, error) {
	s := source{kind: Inline, name: "inline", immutable: true}
	digest, referred := strings.CutPrefix(rest, reference)
	if s.referred = referred && !strings.Contains(rest, ","); !s.referred {
		digest = inlineDigest(value)
	}
	// White space inside is what encoders write, and what browsers pass over.
	head, _, _ := strings.Cut(rest, ",")
	if len(head) > longInline || hasControls(head) {
		return s, &Error{Kind: Inline, Value: shown(value), Hint: foul}
	}
	s.key = fmt.Sprintf("inline of project %d %s", r.Project, digest)
	return s, nil
}

// writeData decodes a data URI into a file: "data:audio/wav;base64,..." or percent-encoded
// text. It takes no memory beyond some buffers.
func writeData(file io.Writer, value string, limit int64) error {
	rest, _ := dataURI(strings.TrimSpace(value))
	head, body, ok := strings.Cut(rest, ",")
	if !ok {
		return fmt.Errorf("%w: it has no comma", errBadData)
	}
	limit = min(limit, MaxInline)
	var r io.Reader = &unescaper{rest: body}
	const suffix = ";base64"
	if at := len(head) - len(suffix); at >= 0 && strings.EqualFold(head[at:], suffix) {
		r = base64.NewDecoder(base64.RawStdEncoding, &unescaper{rest: body, base64: true})
	}
	n, err := io.Copy(file, io.LimitReader(r, limit+1))
	switch {
	case n > limit:
		return fmt.Errorf("%w: a data URI may hold %d bytes", download.ErrTooLarge, limit)
	case isDecoding(err):
		return fmt.Errorf("%w: %w", errBadData, err)
	case err != nil:
		return err
	case n == 0:
		return download.ErrEmpty
	}
	return nil
}

// unescaper reads the text of a data URI without its percent encoding; of base64, also without
// white space and padding.
type unescaper struct {
	rest   string
	base64 bool
	padded bool // there was padding
}

type escapeError string

func (e escapeError) Error() string { return fmt.Sprintf("%q is no percent encoding", string(e)) }

// Read implements io.Reader.
func (u *unescaper) Read(p []byte) (n int, err error) {
	for n < len(p) && u.rest != "" {
		if size := u.plain(len(p) - n); size > 0 {
			n += copy(p[n:], u.rest[:size])
			u.rest = u.rest[size:]
			continue
		}
		c, size := u.rest[0], 1
		if c == '%' {
			if len(u.rest) < 3 {
				return n, escapeError(u.rest)
			}
			raw, err := hex.DecodeString(u.rest[1:3])
			if err != nil {
				return n, escapeError(u.rest[:3])
			}
			c, size = raw[0], 3
		}
		u.rest = u.rest[size:]
		switch {
		case u.base64 && c == '=':
			u.padded = true
			continue
		case strings.IndexByte(" \t\r\n", c) >= 0 && (u.base64 || size == 1 && c != ' '):
			continue
		case u.padded:
			return n, base64.CorruptInputError(0)
		}
		p[n] = c
		n++
	}
	if n == 0 && u.rest == "" {
		return 0, io.EOF
	}
	return n, nil
}

// plain returns how many of the next bytes, at most so many, stand for themselves.
func (u *unescaper) plain(most int) int {
	if u.padded {
		return 0
	}
	next := u.rest[:min(len(u.rest), most)]
	for _, special := range []byte("%= \t\r\n") {
		if i := strings.IndexByte(next, special); i >= 0 {
			next = next[:i]
		}
	}
	return len(next)
}

// isDecoding reports whether an error is about the text and not about the file.
func isDecoding(err error) bool {
	_, escape := errors.AsType[escapeError](err)
	_, corrupt := errors.AsType[base64.CorruptInputError](err)
	return escape || corrupt || errors.Is(err, io.ErrUnexpectedEOF)
}
