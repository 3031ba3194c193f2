package doctor

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/asr-backend/asr-backend/internal/finding"
	"github.com/asr-backend/asr-backend/internal/without"
	"github.com/asr-backend/asr-backend/labelstudio/api"
)

const checkBackend = "backend"

// connection is a project with a backend that is, or may be, this service.
type connection struct {
	project api.Project
	backend api.Backend
}

// backends looks at the service from Label Studio's side. Listing backends makes Label
// Studio ask each of them, so that what it says is of now.
func (v *visit) backends(ctx context.Context, projects []api.Project) {
	if v.BackendURL != "" && !v.backendAddress(ctx) {
		v.recording(ctx, projects, nil)
		return
	}
	var mine []connection
	var elsewhere []string
	for _, p := range projects {
		list, err := v.client.Backends(ctx, p.ID)
		if err != nil {
			v.fail(checkBackend, finding.Warning, err)
			continue
		}
		found := v.match(p, list)
		if len(found) == 0 && len(list) > 0 {
			elsewhere = append(elsewhere, fmt.Sprintf("%s asks %s", name(p), plain(list[0].URL)))
		}
		mine = append(mine, found...)
	}
	if v.running != nil && v.running.status != nil {
		_ = v.running.refresh(ctx) // what it reported before will do
	}
	private := v.probeAll(ctx, mine)
	for _, c := range mine {
		v.state(c, private[plain(c.backend.URL)])
		v.webhook(ctx, c)
	}
	if len(mine) == 0 && len(projects) > 0 {
		v.unconnected(elsewhere)
	}
	v.recording(ctx, projects, mine)
}

// match returns the connections of a project to this service, and says what is wrong with
// how many there are.
func (v *visit) match(p api.Project, list []api.Backend) []connection {
	var mine []connection
	for _, b := range list {
		if v.BackendURL == "" || sameAddress(b.URL, v.BackendURL) {
			mine = append(mine, connection{p, b})
		}
	}
	if len(list) < 2 || len(mine) == 0 {
		return mine
	}
	same := slices.DeleteFunc(slices.Clone(list), func(b api.Backend) bool { return !sameAddress(b.URL, mine[0].backend.URL) })
	switch {
	case len(same) > 1:
		v.add(checkBackend, finding.Warning, fmt.Sprintf("%s has %d connections to %s", name(p), len(same), plain(same[0].URL)), "remove all but one: each attempt to connect makes another one, also an attempt that ended with an error about the webhook")
	case v.BackendURL != "" && list[0].ID != mine[0].backend.ID:
		v.add(checkBackend, finding.Warning, fmt.Sprintf("%s asks only the first of its %d backends, %s", name(p), len(list), plain(list[0].URL)), "remove that one if this service is to be asked")
	case v.BackendURL == "":
		v.add(checkBackend, finding.Warning, fmt.Sprintf("%s has %d backends, and asks only the first, %s", name(p), len(list), plain(list[0].URL)), "remove the others")
	}
	return mine[:1]
}

// unconnected says that nothing is connected.
func (v *visit) unconnected(elsewhere []string) {
	detail, address := "no project has a backend", "the service's address as Label Studio reaches it"
	if v.BackendURL != "" {
		detail, address = "no project is connected to "+plain(v.BackendURL), plain(v.BackendURL)
	}
	if len(elsewhere) > 0 {
		detail += "; " + strings.Join(elsewhere[:min(3, len(elsewhere))], ", ")
	}
	v.add(checkBackend, finding.Warning, detail, "open the project's Settings, Model, Connect Model, and type "+address)
}

// state says how Label Studio finds the service.
func (v *visit) state(c connection, private bool) {
	address := plain(c.backend.URL)
	at := fmt.Sprintf("%s asks %s: ", name(c.project), address)
	asked, known := v.running.asked(c.project.ID)
	never := ""
	if known && !asked {
		never = ", and the service here was never asked for this project"
	}
	switch c.backend.State {
	case "DI":
		v.add(checkBackend, finding.Failure, at+"not reached"+never, unreached(address, private))
	case "ER":
		hint := "the message is the service's own; its page /status and its log say more"
		v.add(checkBackend, finding.Failure, at+"an error: "+c.backend.Error, hint)
	default:
		if never != "" {
			v.add(checkBackend, finding.Warning, at+"connected"+never, "another backend answers at that address; if it should be the one here, correct the address in Label Studio")
			return
		}
		v.add(checkBackend, finding.OK, at+"connected, version "+c.backend.ModelVersion, "")
	}
}

// unreached says what to do about a backend that Label Studio does not reach.
func unreached(address string, private bool) string {
	if private {
		return privateHint
	}
	u, err := url.Parse(address)
	if err == nil && loopback(u.Hostname()) {
		return "localhost is Label Studio's own machine or container there: if the service runs elsewhere, connect it by a name or address of its machine; else start it"
	}
	return "start the service; if it runs, Label Studio does not reach that address: a firewall, another network, or a name that is not known there. If it asks for a user and a password, they have to be given when connecting"
}

// backendAddress judges the address that is to be typed into Label Studio.
func (v *visit) backendAddress(ctx context.Context) bool {
	u, err := url.Parse(strings.TrimSpace(v.BackendURL))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		v.add(checkBackend, finding.Failure, "the backend's address is none with http:// or https://", "it looks like http://asr-backend.internal:9090")
		return false
	}
	for _, route := range []string{"/health", "/setup", "/predict", "/webhook", "/status"} {
		if strings.HasSuffix(strings.TrimRight(u.Path, "/"), route) {
			v.add(checkBackend, finding.Failure, fmt.Sprintf("the backend's address ends with %s", route), "leave that out: Label Studio appends it")
			return false
		}
	}
	if loopback(u.Hostname()) && !loopback(v.base.Hostname()) {
		v.add(checkBackend, finding.Warning, fmt.Sprintf("%s is Label Studio's own machine or container, seen from there, and that is %s", plain(v.BackendURL), v.base.Hostname()), "use a name or address of this machine")
	}
	switch who, err := ask(ctx, strings.TrimRight(u.String(), "/")+"/health"); {
	case err != nil:
		v.add(checkBackend, finding.Warning, fmt.Sprintf("%s cannot be asked from here: %v", plain(v.BackendURL), err), "that is no mistake if the name is only known where Label Studio runs")
	case who.studio():
		v.add(checkBackend, finding.Failure, plain(v.BackendURL)+" is a Label Studio, not a backend", "the backend's address is where `asr-backend serve` listens")
		return false
	case !who.backend() && who.code != 401:
		v.add(checkBackend, finding.Failure, fmt.Sprintf("%s is %s", plain(v.BackendURL), who), "the backend's address is where `asr-backend serve` listens")
		return false
	}
	return true
}

// sameAddress compares addresses of backends as Label Studio keeps them: whatever their
// credentials, their case and the slash at their end.
func sameAddress(a, b string) bool { return canonical(a) == canonical(b) }

func canonical(address string) string {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil {
		return address
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[strings.ToLower(u.Scheme)]
	}
	return strings.ToLower(u.Scheme+"://"+net.JoinHostPort(u.Hostname(), port)) + strings.TrimRight(u.Path, "/")
}

// secretPath is the secret of webhooks in a backend's address; see server.Options.WebhookSecret.
var secretPath = regexp.MustCompile(`/s/[A-Za-z0-9_-]{16,}`)

// plain writes an address without credentials, the secret of webhooks and query.
func plain(address string) string {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil {
		return "an address that cannot be read"
	}
	return secretPath.ReplaceAllString(strings.TrimRight(without.Secrets(u), "/"), "/s/***")
}
