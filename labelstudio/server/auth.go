package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/asr-backend/asr-backend/labelstudio"

	"github.com/gofiber/fiber/v2"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"
)

// digest stands for a secret, so that comparing it takes equal time at any length.
type digest [sha256.Size]byte

func digestOf(text string) digest { return sha256.Sum256([]byte(text)) }

func (d digest) equal(other digest) bool { return subtle.ConstantTimeCompare(d[:], other[:]) == 1 }

// credentialsOf returns the digests of a user and a password in every encoding in which clients
// send them. Browsers send UTF-8, composed as RFC 7617 asks for; Label Studio, as every client
// made with Python's requests, sends Latin-1, and cannot send anything else.
func credentialsOf(user, password string) []digest {
	text := user + ":" + password // unambiguous: a user has no ':'
	composed := norm.NFC.String(text)
	out := []digest{digestOf(text), digestOf(composed)}
	if latin, err := charmap.ISO8859_1.NewEncoder().String(composed); err == nil {
		out = append(out, digestOf(latin))
	}
	return out
}

// authenticate asks for HTTP Basic authentication where the options do.
func (b *Server) authenticate(c *fiber.Ctx) error {
	if b.options.User == "" || slices.Contains(b.options.Open, routeOf(c)) ||
		b.authentic(c.Get(fiber.HeaderAuthorization)) {
		return c.Next()
	}
	c.Set(fiber.HeaderWWWAuthenticate, `Basic realm="asr-backend", charset="UTF-8"`)
	return labelstudio.Errorf(http.StatusUnauthorized,
		"This backend asks for a user and a password: enter them in the project's model settings.")
}

// authentic compares with all digests, so that the time says nothing.
func (b *Server) authentic(header string) bool {
	scheme, credentials, _ := strings.Cut(header, " ")
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(credentials))
	if err != nil || !strings.EqualFold(scheme, "basic") {
		return false
	}
	got, ok := digestOf(string(raw)), false
	for _, want := range b.credentials {
		ok = want.equal(got) || ok
	}
	return ok
}

// A webhook's secret comes in a header, which a webhook in Label Studio may have, or in the
// path: Label Studio sends a backend's events to the backend's address with "/webhook" behind
// it, and takes nothing else along. So the secret may stand in that address, in front of all
// routes: http://host:9090/s/<secret>.
const (
	secretHeader = "X-Webhook-Secret"
	secretPrefix = "/s/"
	leastSecret  = 16 // characters
)

const keySecret = "secret" // of Locals: the path had the secret

// strip takes the secret out of the path, before anything sees it. A path with another one
// stays what it is: an unknown route.
func (b *Server) strip(c *fiber.Ctx) error {
	rest, ok := strings.CutPrefix(c.Path(), secretPrefix)
	if !ok || b.options.WebhookSecret.IsZero() || c.Locals(keySecret) != nil {
		return c.Next()
	}
	secret, route, _ := strings.Cut(rest, "/")
	if !b.secret.equal(digestOf(secret)) {
		return c.Next()
	}
	c.Locals(keySecret, true)
	c.Path("/" + strings.Clone(route))
	return c.RestartRouting()
}

// requireSecret lets webhooks with the secret through.
func (b *Server) requireSecret(c *fiber.Ctx) error {
	if b.options.WebhookSecret.IsZero() || c.Locals(keySecret) != nil || b.secret.equal(digestOf(c.Get(secretHeader))) {
		return c.Next()
	}
	c.Set(fiber.HeaderWWWAuthenticate, `Secret realm="asr-backend"`)
	return labelstudio.Errorf(http.StatusUnauthorized,
		"This backend requires a secret for webhooks: send it in the header %s, or enter the backend's address as http://.../s/<secret>.", secretHeader)
}

// checkSecret makes sure that a webhook's secret can stand in a path and cannot be guessed.
func checkSecret(s labelstudio.Secret) error {
	text := s.Reveal()
	if text == "" {
		return nil
	}
	if len(text) < leastSecret || strings.ContainsFunc(text, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", r)
	}) {
		return errors.New("the webhook secret needs 16 or more letters, digits, \"-\" and \"_\"; openssl rand -hex 16 makes one")
	}
	return nil
}
