package doctor

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/internal/finding"
	"github.com/asr-backend/asr-backend/internal/hint"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/media"
)

// LabelStudio says which Label Studio to look at, and how the service looks from there.
type LabelStudio struct {
	URL   string
	Token labelstudio.Secret
	// BackendURL is the address under which Label Studio asks the service, as it is typed
	// on its page. Empty: whatever backends the projects have.
	BackendURL string
	// Project is the only project to look at; 0: all that the token's user sees.
	Project int64
	// Media configures how the service downloads recordings. Server and CacheDir are set here.
	Media media.Options
}

const (
	// maxProjects bounds how many projects are asked for their backends: each question
	// makes Label Studio ask those in turn.
	maxProjects = 100
	// apiTimeout bounds one request; Label Studio itself waits seconds for a backend.
	apiTimeout = 30 * time.Second
)

// visit is one examination of a Label Studio.
type visit struct {
	*LabelStudio
	running *running // or nil
	http    *http.Client
	base    *url.URL
	client  *api.Client
	// refused says that Label Studio sends no requests to private addresses, noEvents that
	// it sends no webhook events there.
	refused, noEvents bool
	findings          []finding.Finding
}

// examine looks at Label Studio from here, and at the service from there.
func (l *LabelStudio) examine(ctx context.Context, found *running) []finding.Finding {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	v := &visit{LabelStudio: l, running: found, http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	reached := v.address(ctx)
	switch token := v.token(transport); {
	case token && reached && v.whoami(ctx):
		v.projects(ctx)
	case v.BackendURL != "" && v.base != nil:
		v.backendAddress(ctx) // which needs no token
	}
	v.neverAsked()
	return v.findings
}

// userinfo is a user and a password in an address, wherever a message repeats one.
var userinfo = regexp.MustCompile(`(https?://)[^/@\s"']+@`)

// add notes a finding. Label Studio's messages repeat addresses and what it was sent, so
// secrets are taken out here, whatever the finding.
func (v *visit) add(check string, status finding.Status, detail, hint string) {
	secrets := []string{v.Token.Reveal()}
	if v.running != nil {
		secrets = append(secrets, v.running.service.Password.Reveal())
	}
	for _, secret := range secrets {
		if secret != "" {
			detail = strings.ReplaceAll(detail, secret, "***")
		}
	}
	detail, hint = userinfo.ReplaceAllString(detail, "$1***@"), userinfo.ReplaceAllString(hint, "$1***@")
	v.findings = append(v.findings, finding.New(check, status, detail, hint))
}

// fail notes an error of Label Studio's API with its own hint.
func (v *visit) fail(check string, status finding.Status, err error) {
	detail, advice := hint.Split(err)
	v.add(check, status, detail, advice)
}

const checkStudio = "label studio"

// page is a path of one of Label Studio's pages, as copied from a browser.
var page = regexp.MustCompile(`/(projects|user|api|settings|organization)(/.*)?$`)

// address judges the form of the address and asks who is there.
func (v *visit) address(ctx context.Context) bool {
	const example = "set LABEL_STUDIO_URL to the address at which this program reaches Label Studio, such as http://localhost:8080"
	if v.URL == "" && v.Token.IsZero() {
		v.add(checkStudio, finding.OK, "not looked at: neither LABEL_STUDIO_URL nor LABEL_STUDIO_API_KEY is set", "")
		return false
	}
	base, err := api.ParseURL(v.URL)
	if err != nil {
		v.add(checkStudio, finding.Failure, "LABEL_STUDIO_URL: "+err.Error(), example)
		return false
	}
	if path := page.FindString(base.Path); path != "" {
		base.Path = strings.TrimSuffix(base.Path, path)
		v.add(checkStudio, finding.Failure, fmt.Sprintf("LABEL_STUDIO_URL holds the path of a page, %q", path), "set it to "+base.String())
		return false
	}
	v.base = base
	return v.reach(ctx)
}

// reach asks who is at the address, and for the version.
func (v *visit) reach(ctx context.Context) bool {
	at := v.base.String()
	who, err := askBy(ctx, v.http, at+"/health")
	switch {
	case err != nil:
		v.add(checkStudio, finding.Failure, fmt.Sprintf("nothing answers at %s: %v", at, err), noAnswer(err, v.base, "LABEL_STUDIO_URL"))
	case who.studio():
		v.add(checkStudio, finding.OK, "answers at "+at, "")
		v.version(ctx)
		return true
	case who.backend():
		v.add(checkStudio, finding.Failure, fmt.Sprintf("%s answers at %s, not a Label Studio", who, at), "LABEL_STUDIO_URL is where Label Studio is; the backend's own address is typed into Label Studio")
	case who.code >= 300 && who.code <= 399:
		v.add(checkStudio, finding.Failure, fmt.Sprintf("%s redirects to %s", at, who.location), "set LABEL_STUDIO_URL to the address that Label Studio is really at, with https:// and its path if it has them")
	case who.code >= 502 && who.code <= 504:
		v.add(checkStudio, finding.Failure, fmt.Sprintf("a proxy answers at %s with %d", at, who.code), "Label Studio behind it does not answer; is it started?")
	default:
		v.add(checkStudio, finding.Failure, fmt.Sprintf("%s answers at %s, not a Label Studio", who, at), "correct LABEL_STUDIO_URL; if Label Studio lives under a path, the path belongs to it")
	}
	return false
}

// version asks for the release and says what an old one cannot do.
func (v *visit) version(ctx context.Context) {
	const check = "version"
	var said struct {
		Release string `json:"release"`
	}
	r, err := http.NewRequest(http.MethodGet, v.base.String()+"/api/version/", nil)
	if err == nil {
		err = getJSON(ctx, v.http, r, &said)
	}
	if err != nil || said.Release == "" {
		v.add(check, finding.Warning, fmt.Sprintf("Label Studio does not report its version: %v", err), "")
		return
	}
	var major, minor int
	if _, err := fmt.Sscanf(said.Release, "%d.%d", &major, &minor); err == nil && (major < 1 || major == 1 && minor < 13) {
		v.add(check, finding.Warning, "Label Studio "+said.Release, "update it to 1.13 or later: older versions drop the whole answer to Retrieve Predictions if one task has no prediction yet, so set LABEL_STUDIO_API_KEY, with which predictions are stored as they are ready")
		return
	}
	v.add(check, finding.OK, "Label Studio "+said.Release, "")
}

// token judges the token by its form and makes the client.
func (v *visit) token(transport *http.Transport) bool {
	const check = "token"
	const make = "make one in Label Studio under Account & Settings and set LABEL_STUDIO_API_KEY"
	switch {
	case v.Token.IsZero() && v.URL == "":
		return false
	case v.Token.IsZero():
		v.add(check, finding.Failure, "LABEL_STUDIO_API_KEY is not set: uploads cannot be fetched and finished work cannot be stored", make)
		return false
	}
	if _, err := api.KindOf(v.Token, time.Now()); err != nil {
		v.add(check, finding.Failure, "LABEL_STUDIO_API_KEY: "+err.Error(), make)
		return false
	}
	if v.base == nil {
		return false
	}
	client, err := api.New(api.Options{URL: v.base.String(), Token: v.Token, Transport: transport, Timeout: apiTimeout, UserAgent: "asr-backend doctor"})
	if err != nil {
		v.add(check, finding.Failure, err.Error(), "")
		return false
	}
	v.client = client
	return true
}

// whoami tries the token. It reports whether other requests may fare better.
func (v *visit) whoami(ctx context.Context) bool {
	const check = "token"
	user, err := v.client.Whoami(ctx)
	if err != nil {
		detail, advice := hint.Split(err)
		v.add(check, finding.Failure, detail, cmp.Or(advice, "its log says why"))
		return api.Status(err) != http.StatusUnauthorized
	}
	v.add(check, finding.OK, fmt.Sprintf("a %s of user %d, %s", v.client.Kind(), user.ID, user.Email), "")
	return true
}

// projects lists what the user sees, and looks at the backends of it.
func (v *visit) projects(ctx context.Context) {
	const check = "projects"
	var list []api.Project
	var err error
	more := ""
	if v.Project != 0 {
		list = make([]api.Project, 1)
		list[0], err = v.client.Project(ctx, v.Project)
	} else {
		for p, e := range v.client.Projects(ctx) {
			if e != nil {
				err = e
				break
			}
			if len(list) == maxProjects {
				more = fmt.Sprintf("; only the first %d are looked at, choose others with --project", maxProjects)
				break
			}
			list = append(list, p)
		}
	}
	if err != nil {
		v.fail(check, finding.Failure, err)
		if v.Project != 0 {
			list = nil
		}
	}
	switch {
	case err != nil: // those that were listed before are looked at
	case len(list) == 0:
		v.add(check, finding.Warning, "the user of the token sees no project", "make one; or, if there are some, make the user a member of them: what the token's user cannot see cannot be served")
	default:
		v.add(check, finding.OK, names(list)+more, "")
	}
	v.backends(ctx, list)
}

// names lists projects for people.
func names(list []api.Project) string {
	const most = 5
	var parts []string
	for _, p := range list[:min(most, len(list))] {
		parts = append(parts, name(p))
	}
	if len(list) > most {
		parts = append(parts, fmt.Sprintf("and %d more", len(list)-most))
	}
	return strings.Join(parts, ", ")
}

func name(p api.Project) string { return fmt.Sprintf("project %d %q", p.ID, p.Title) }

// neverAsked recognises from the service's own memory that nothing reaches it.
func (v *visit) neverAsked() {
	if v.running == nil || v.running.status == nil || len(v.running.status.Projects) > 0 {
		return
	}
	hint := "connect it in Label Studio under the project's Settings, Model. If that fails, the address is wrong from there, a firewall is between, or " + privateHint
	if v.refused {
		hint = privateHint
	}
	v.add("service", finding.Warning, "no Label Studio has asked this service yet", hint)
}

// privateHint is the remedy for the most common reason why nothing arrives.
const privateHint = "Label Studio refuses private addresses, as version 1.23.1 and later do by themselves: " +
	"set ML_BLOCK_LOCAL_IP=false and SSRF_PROTECTION_ENABLED=false in the environment of Label Studio (not of this service) and restart it"
