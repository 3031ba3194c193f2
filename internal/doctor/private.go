package doctor

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/asr-backend/asr-backend/internal/finding"
	"github.com/asr-backend/asr-backend/internal/hint"
	"github.com/asr-backend/asr-backend/labelstudio/api"
)

// maxProbes bounds how many addresses are tried.
const maxProbes = 3

// probeAll asks Label Studio what it thinks of the addresses of backends, and returns
// those that it refuses because they are private.
func (v *visit) probeAll(ctx context.Context, mine []connection) map[string]bool {
	var addresses []string
	if v.BackendURL != "" {
		addresses = append(addresses, strings.TrimSpace(v.BackendURL))
	}
	for _, c := range mine {
		if !slices.ContainsFunc(addresses, func(a string) bool { return sameAddress(a, c.backend.URL) }) {
			addresses = append(addresses, c.backend.URL)
		}
	}
	private := map[string]bool{}
	for _, a := range addresses[:min(maxProbes, len(addresses))] {
		if v.probe(ctx, a) {
			private[plain(a)] = true
			v.refused = true
		}
	}
	return private
}

// probe asks whether Label Studio would take an address, for a backend and for a webhook:
// two settings, one for each. It reports whether backends there are refused.
func (v *visit) probe(ctx context.Context, address string) bool {
	const check = "private addresses"
	at := plain(address)
	if err := v.client.CheckBackend(ctx, address); err != nil {
		detail, advice := hint.Split(err)
		switch {
		case api.PrivateRefused(err):
			v.add(check, finding.Failure, fmt.Sprintf("Label Studio refuses to ask %s: %s", at, said(err)), privateHint+". Backends that were connected before stay silent too")
			return true
		case strings.Contains(detail, "resolve hostname"):
			v.add(checkBackend, finding.Failure, fmt.Sprintf("Label Studio does not know the name in %s", at), "use a name or address that is known where Label Studio runs; containers find each other by name on one network only")
		default:
			v.add(checkBackend, finding.Warning, "Label Studio could not be asked about "+at+": "+detail, advice)
		}
		return false
	}
	// A webhook at a name without a dot is refused for that; see webhook.
	if err := v.client.CheckWebhook(ctx, strings.TrimRight(address, "/")+"/webhook"); api.PrivateRefused(err) {
		v.noEvents = true
		v.add(check, finding.Failure, fmt.Sprintf("Label Studio would ask %s, but refuses to send it events: %s", at, said(err)),
			"set SSRF_PROTECTION_ENABLED=false in the environment of Label Studio too, and restart it. Until then connecting ends with an error although the backend is saved and asked, and each further attempt makes another one")
		return false
	}
	v.add(check, finding.OK, "Label Studio takes "+at, "")
	return false
}

// said is what Label Studio itself said.
func said(err error) string {
	detail, _ := hint.Split(err)
	if _, after, ok := strings.Cut(detail, "403 Forbidden: "); ok {
		return after
	}
	return detail
}

// webhook looks whether Label Studio sends the service the events of a project.
func (v *visit) webhook(ctx context.Context, c connection) {
	const check = "webhook"
	list, err := v.client.Webhooks(ctx, c.project.ID)
	if err != nil {
		v.fail(check, finding.Warning, err)
		return
	}
	want := strings.TrimRight(c.backend.URL, "/") + "/webhook"
	list = slices.DeleteFunc(list, func(w api.Webhook) bool { return !sameAddress(w.URL, want) })
	active := slices.DeleteFunc(slices.Clone(list), func(w api.Webhook) bool { return !w.Active })
	at := name(c.project) + ": "
	const loss = ". Without it predictions come all the same, but only once somebody opens a task or asks for them, and corrections are not counted"
	switch {
	case len(list) == 0 && dotless(c.backend.URL):
		v.add(check, finding.Warning, at+"there is no webhook to "+plain(want),
			"Label Studio takes no webhook at a name without a dot: give the service a name with one, such as asr-backend.internal, and connect it by that"+loss)
	case len(list) == 0:
		v.add(check, finding.Warning, at+"there is no webhook to "+plain(want),
			"add it under Settings, Webhooks, with payload and for all events; or remove the backend and connect it again"+loss)
	case len(active) == 0:
		v.add(check, finding.Warning, at+"the webhook to "+plain(want)+" is switched off", "switch it on under Settings, Webhooks"+loss)
	case len(active) > 1:
		v.add(check, finding.Warning, fmt.Sprintf("%s%d webhooks go to %s", at, len(active), plain(want)), "remove all but one under Settings, Webhooks: each event is sent so many times. Removing a backend leaves its webhook behind")
	case !active[0].SendPayload || !active[0].AllActions:
		v.add(check, finding.Warning, at+"the webhook to "+plain(want)+" sends no payload, or not all events", "change it under Settings, Webhooks")
	case v.refused || v.noEvents: // said already
	default:
		v.add(check, finding.OK, at+"events are sent to "+plain(want), "")
	}
}

// dotless reports whether the host is a name that Label Studio's check of webhooks
// refuses: localhost, addresses and names with a dot pass.
func dotless(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Hostname() != "localhost" && !strings.ContainsAny(u.Hostname(), ".:")
}
