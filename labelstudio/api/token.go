package api

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/asr-backend/asr-backend/internal/without"
	"github.com/asr-backend/asr-backend/labelstudio"
)

// TokenKind says what a token is.
type TokenKind int

// The kinds of tokens.
const (
	LegacyToken TokenKind = iota
	PersonalAccessToken
)

// String names the kind as Label Studio's pages do.
func (k TokenKind) String() string {
	if k == PersonalAccessToken {
		return "personal access token"
	}
	return "legacy token"
}

// claims are the parts of a JWT that say what it is good for. Times are Unix seconds.
type claims struct {
	Type     string   `json:"token_type"`
	Expires  *float64 `json:"exp"`
	IssuedAt *float64 `json:"iat"`
}

// maxToken bounds a token, in bytes. Real ones have a few hundred.
const maxToken = 16 << 10

// parseJWT reads the claims of a JWT without checking its signature, which only Label
// Studio can. False means that it is none.
func parseJWT(token string) (claims, bool) {
	var c claims
	parts := strings.Split(token, ".")
	if len(token) > maxToken || len(parts) != 3 {
		return c, false
	}
	var header map[string]any
	for i, into := range []any{&header, &c} {
		raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[i], "="))
		if err != nil || !bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) || json.Unmarshal(raw, into) != nil {
			return claims{}, false
		}
	}
	return c, true
}

// end returns when the token ends, and false if it does not say.
func (c claims) end() (time.Time, bool) {
	// Beyond this a float64 is no whole second, and no calendar has it.
	const most = 1 << 40
	if c.Expires == nil || *c.Expires < 0 || *c.Expires > most {
		return time.Time{}, false
	}
	return time.Unix(int64(*c.Expires), 0), true
}

// KindOf returns what a token is, and what is wrong with one that cannot work.
func KindOf(token labelstudio.Secret, now time.Time) (TokenKind, error) {
	text := token.Reveal()
	switch {
	case text == "":
		return 0, errors.New("no token is given; make one under Account & Settings in Label Studio")
	case len(text) > maxToken || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		return 0, errors.New("the token has spaces or letters that no token has; copy it again")
	}
	c, ok := parseJWT(text)
	if !ok {
		return LegacyToken, nil
	}
	if c.Type == "access" {
		return 0, errors.New("this is an access token, which lasts minutes; use the personal access token it was made from")
	}
	end, ok := c.end()
	switch {
	case !ok:
		return 0, errors.New("the token does not say when it ends; copy the personal access token again")
	case !end.After(now):
		return 0, fmt.Errorf("the personal access token ended on %s; make a new one", end.UTC().Format(time.DateOnly))
	}
	return PersonalAccessToken, nil
}

// tokens hands out Authorization headers.
type tokens struct {
	secret labelstudio.Secret
	kind   TokenKind
	client *Client
	// turn is held while a token is exchanged. A channel, because waiting for it ends
	// with the caller's context.
	turn chan struct{}

	mu     sync.Mutex // guards the fields below
	access labelstudio.Secret
	// renewAt is by our own clock: the server's may differ, a lifetime does not.
	renewAt time.Time
}

const (
	// early is how long before its end an access token is renewed.
	early = 30 * time.Second
	// unknownLifetime is for an access token that does not say how long it lasts.
	unknownLifetime = time.Minute
)

func newTokens(secret labelstudio.Secret, c *Client) (*tokens, error) {
	secret = labelstudio.NewSecret(strings.TrimSpace(secret.Reveal()))
	// One that has ended is not refused: Label Studio's clock counts, and its answer is an
	// outage like that of a token which ends while it is used.
	kind, err := KindOf(secret, time.Time{})
	if err != nil {
		return nil, err
	}
	return &tokens{secret: secret, kind: kind, client: c, turn: make(chan struct{}, 1)}, nil
}

// header returns an Authorization header that should work now.
func (t *tokens) header(ctx context.Context) (string, error) {
	if t.kind == LegacyToken {
		return "Token " + t.secret.Reveal(), nil
	}
	return t.bearer(ctx, func() bool { return time.Now().Before(t.renewAt) })
}

// renew returns a header other than one that was refused. False means that there is no
// other.
func (t *tokens) renew(ctx context.Context, refused string) (string, bool, error) {
	if t.kind == LegacyToken {
		return "", false, nil
	}
	h, err := t.bearer(ctx, func() bool { return "Bearer "+t.access.Reveal() != refused })
	return h, err == nil, err
}

// bearer returns the access token's header if good says so, after exchanging the token
// otherwise. Many callers make one exchange.
func (t *tokens) bearer(ctx context.Context, good func() bool) (string, error) {
	current := func() (string, bool) {
		t.mu.Lock()
		defer t.mu.Unlock()
		return "Bearer " + t.access.Reveal(), !t.access.IsZero() && good()
	}
	if h, ok := current(); ok {
		return h, nil
	}
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if h, ok := current(); ok {
		return h, nil // another caller was first
	}
	access, lifetime, err := t.exchange(ctx)
	if err != nil {
		return "", err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.access, t.renewAt = access, time.Now().Add(lifetime-min(early, lifetime/2))
	return "Bearer " + access.Reveal(), nil
}

// exchange turns the personal access token into an access token.
func (t *tokens) exchange(ctx context.Context) (labelstudio.Secret, time.Duration, error) {
	var reply struct {
		Access string `json:"access"`
	}
	q := call{
		op: "exchange the personal access token", method: http.MethodPost, path: "/api/token/refresh/",
		body: map[string]string{"refresh": t.secret.Reveal()}, reply: &reply,
	}
	body, err := json.Marshal(q.body)
	if err != nil {
		return labelstudio.Secret{}, 0, fmt.Errorf("%s: %w", q.op, err)
	}
	err = t.client.once(ctx, q, body, "")
	var failed *Error
	switch {
	case errors.As(err, &failed) && failed.Status == http.StatusUnauthorized:
		failed.Hint = fmt.Sprintf("%s holds a personal access token that was revoked or rotated, or belongs to another Label Studio; make a new one.", t.client.options.TokenName)
		if _, ended := KindOf(t.secret, time.Now()); ended != nil {
			failed.Hint = fmt.Sprintf("%s: %v.", t.client.options.TokenName, ended)
		}
		return labelstudio.Secret{}, 0, err
	case err != nil:
		return labelstudio.Secret{}, 0, err
	case reply.Access == "":
		return labelstudio.Secret{}, 0, &Error{Op: q.op, Method: q.method, URL: without.Secrets(t.client.base) + q.path, Status: http.StatusOK,
			Err: fmt.Errorf("%w: it holds no access token", errNoSense)}
	}
	lifetime := unknownLifetime
	c, _ := parseJWT(reply.Access)
	if end, ok := c.end(); ok {
		lifetime = time.Until(end)
		if c.IssuedAt != nil {
			lifetime = time.Duration((*c.Expires - *c.IssuedAt) * float64(time.Second))
		}
		lifetime = min(max(lifetime, 0), 24*time.Hour)
	}
	return labelstudio.NewSecret(reply.Access), lifetime, nil
}

// scrub removes tokens from a text of the other side, which may repeat what it was sent.
func (t *tokens) scrub(text, header string) string {
	for _, secret := range []string{t.secret.Reveal(), strings.TrimPrefix(strings.TrimPrefix(header, "Bearer "), "Token ")} {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	return text
}

// Kind returns what kind of token the client uses.
func (c *Client) Kind() TokenKind { return c.tokens.kind }

// Authorization returns the header that opens Label Studio's own routes, media among them.
func (c *Client) Authorization(ctx context.Context) (string, error) { return c.tokens.header(ctx) }

// Renew returns a header other than one that was answered with 401, and false if there is
// no other.
func (c *Client) Renew(ctx context.Context, refused string) (string, bool, error) {
	return c.tokens.renew(ctx, refused)
}
