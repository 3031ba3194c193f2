package labelstudiotest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// JWT returns a token with these claims, whose signature only this package takes for one.
func JWT(claims string) string {
	enc := base64.RawURLEncoding
	return enc.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + enc.EncodeToString([]byte(claims)) + ".c2lnbmF0dXJl"
}

// claims are those of Label Studio's tokens. Times are in Unix seconds.
type claims struct {
	Type    string `json:"token_type"`
	Expires int64  `json:"exp"`
	Issued  int64  `json:"iat"`
	ID      string `json:"jti"`
	User    string `json:"user_id"`
}

func (c claims) token() string {
	raw, err := json.Marshal(c)
	if err != nil {
		panic(err) // strings and numbers
	}
	return JWT(string(raw))
}

func personalToken(now time.Time) string {
	return claims{"refresh", now.AddDate(200, 0, 0).Unix(), now.Unix(), fmt.Sprintf("%032x", 0), "1"}.token()
}

// PersonalToken returns the user's personal access token.
func (s *Server) PersonalToken() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.personal
}

// RevokePersonalToken makes the personal access token invalid, and every access token.
func (s *Server) RevokePersonalToken() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revoked = true
	clear(s.access)
}

// ForgetAccess makes every access token invalid before its end.
func (s *Server) ForgetAccess() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.access)
}

// SetLegacyTokens allows legacy tokens, as they are at first, or not.
func (s *Server) SetLegacyTokens(allowed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noLegacy = !allowed
}

// AccessTokens returns all valid access tokens, in no order.
func (s *Server) AccessTokens() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.access))
}

// refuse returns why the Authorization header of a request opens nothing, or "".
func (s *Server) refuse(r *http.Request) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch {
	case scheme == "Token" && token == s.Token && s.noLegacy:
		return "Authentication token no longer valid: legacy token authentication has been disabled for this organization"
	case scheme == "Token" && token == s.Token:
		return ""
	case scheme == "Token":
		return "Invalid token."
	case scheme == "Bearer" && time.Now().Add(s.options.ClockSkew).Before(s.access[token]):
		return ""
	}
	return "Authentication credentials were not provided."
}

// exchange makes an access token of a personal one.
func (s *Server) exchange(r request) reply {
	var in struct{ Refresh *string }
	if err := r.parse(&in); err != nil {
		return s.fail(http.StatusBadRequest, err.Error())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case in.Refresh == nil:
		return s.invalid("refresh", "This field is required.")
	case *in.Refresh != s.personal:
		return s.fail(http.StatusUnauthorized, "Token is invalid")
	case s.revoked:
		return s.fail(http.StatusUnauthorized, "Token is blacklisted")
	}
	now := time.Now().Add(s.options.ClockSkew)
	end := now.Add(s.options.AccessLifetime)
	s.exchanges++
	access := claims{"access", end.Unix(), now.Unix(), fmt.Sprintf("%032x", s.exchanges), "1"}.token()
	s.access[access] = end
	return reply{http.StatusOK, map[string]string{"access": access}}
}
