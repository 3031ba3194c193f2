package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
)

// CheckBackend asks whether Label Studio would take an address as that of a backend, and
// connects none: the request names no project, without which nothing can be made, and
// Label Studio looks at the address first. Nothing is sent to the address itself. Nil
// means that it would.
func (c *Client) CheckBackend(ctx context.Context, address string) error {
	return c.check(ctx, call{op: "ask whether the backend's address would be taken", method: http.MethodPost,
		path: "/api/ml/", body: map[string]string{"url": address}})
}

// CheckWebhook asks the same of a webhook's address. The request names an action that
// does not exist, so that no webhook is made.
func (c *Client) CheckWebhook(ctx context.Context, address string) error {
	return c.check(ctx, call{op: "ask whether the webhook's address would be taken", method: http.MethodPost,
		path: "/api/webhooks/", body: map[string]any{"url": address, "actions": []string{"none"}}})
}

// check makes a call that cannot succeed. An answer that complains about everything but
// the address is a yes.
func (c *Client) check(ctx context.Context, q call) error {
	err := c.do(ctx, q)
	if failed, ok := errors.AsType[*Error](err); ok && failed.Status == http.StatusBadRequest && !strings.Contains(failed.Detail, `"url"`) {
		return nil
	}
	return err
}

// PrivateRefused reports whether Label Studio refused an address because it lies inside
// the network, as it does unless it is configured otherwise. The error's hint says how.
func PrivateRefused(err error) bool {
	var failed *Error
	return errors.As(err, &failed) && failed.Status == http.StatusForbidden && privateRefused(failed.Detail)
}

// privateRefused knows the two sentences of Label Studio for it. The second one is also
// used for addresses that are no web addresses.
func privateRefused(detail string) bool {
	detail = strings.ToLower(detail)
	return strings.Contains(detail, "reserved network address") || strings.Contains(detail, "private network addresses")
}
