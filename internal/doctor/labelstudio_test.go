package doctor

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
)

// The first findings if Label Studio itself is well.
var well = []string{
	"OK label studio: answers at http://127.0.0.1:",
	"OK version: Label Studio 1.23.2",
	"OK token: a legacy token of user 1, ann@example.com",
	`OK projects: project 3 "Calls"`,
}

// The last, if the service is well connected.
var connected = []string{
	"OK private addresses: Label Studio takes http://10.0.0.5:9090",
	`OK backend: project 3 "Calls" asks http://10.0.0.5:9090: connected, version small-1`,
	`OK webhook: project 3 "Calls": events are sent to http://10.0.0.5:9090/webhook`,
	`OK recording: task 71 of project 3 "Calls": upload "call.wav", 32 kB, WAV`,
}

func after(first []string, more ...string) []string {
	return append(append([]string{}, first...), more...)
}

func TestConnections(t *testing.T) {
	const refuses = "FAILURE private addresses: Label Studio refuses to ask http://10.0.0.5:9090: URL resolves to a reserved network address (block: 10.0.0.0/8) -> set ML_BLOCK_LOCAL_IP=false and SSRF_PROTECTION_ENABLED=false in the environment of Label Studio"
	for _, c := range []struct {
		name    string
		change  func(s studio)
		project int64
		want    []string
	}{
		{"all is well", func(studio) {}, 0, after(well, connected...)},
		{"one project is looked at", func(s studio) { s.AddProject(labelstudiotest.Project{ID: 4, Title: "Other"}) }, 3, after(well, connected...)},
		{"the user sees no project", func(s studio) { s.DeleteProject(3) }, 0, after(well[:3],
			"WARNING projects: sees no project -> make the user a member")},
		{"Label Studio is too old for answers that say not yet", func(s studio) { s.refuse("GET /api/version/", 200, `{"release":"1.12.1"}`) }, 0, after(after(well[:1],
			"WARNING version: Label Studio 1.12.1 -> update it to 1.13"), append(well[2:], connected...)...)},
		{"no project has a backend", func(s studio) { s.DeleteBackends(3) }, 0, after(well,
			"WARNING backend: no project has a backend -> Settings, Model, Connect Model", connected[3])},
		{"private addresses are refused, after an update", func(s studio) {
			s.refuse(addresses, 403, reserved)
			s.refuse(hooks, 403, reserved)
			s.connect("http://10.0.0.5:9090", "DI", "")
		}, 0, after(well, refuses,
			`FAILURE backend: project 3 "Calls" asks http://10.0.0.5:9090: not reached -> set ML_BLOCK_LOCAL_IP=false and SSRF_PROTECTION_ENABLED=false`,
			connected[3])},
		{"private addresses are refused for webhooks only", func(s studio) { s.refuse(hooks, 403, reserved) }, 0, after(well,
			"FAILURE private addresses: Label Studio would ask http://10.0.0.5:9090, but refuses to send it events -> set SSRF_PROTECTION_ENABLED=false in the environment of Label Studio too",
			connected[1], connected[3])},
		{"the user may connect nothing", func(s studio) { s.refuse(addresses, 403, member) }, 0, after(well, "WARNING backend: could not be asked about http://10.0.0.5:9090 -> a member of the project", connected[1], connected[2], connected[3])},
		{"the backend is not reached", func(s studio) { s.connect("http://10.0.0.5:9090", "DI", "") }, 0, after(well, connected[0],
			"FAILURE backend: not reached -> a firewall, another network", connected[2], connected[3])},
		{"the backend is looked for on Label Studio's own machine", func(s studio) {
			s.connect("http://localhost:9090/", "DI", "")
		}, 0, after(well, "OK private addresses: Label Studio takes http://localhost:9090",
			"FAILURE backend: asks http://localhost:9090: not reached -> localhost is Label Studio's own machine or container there",
			"OK webhook: http://localhost:9090/webhook", connected[3])},
		{"the backend answers with an error that repeats credentials", func(s studio) {
			s.connect("http://operator:hush@10.0.0.5:9090", "ER", "400 Client Error: the project has no Audio tag for url: http://operator:hush@10.0.0.5:9090/setup")
			s.DeleteWebhooks(3)
			s.webhook("http://10.0.0.5:9090/webhook")
		}, 0, after(well, connected[0],
			"FAILURE backend: an error: 400 Client Error: the project has no Audio tag for url: http://***@10.0.0.5:9090/setup -> /status", connected[2], connected[3])},
		{"a name that Label Studio does not know", func(s studio) {
			s.connect("http://asr-backend:9090", "DI", "")
			s.DeleteWebhooks(3)
			s.refuse(addresses, 500, unknown)
		}, 0, after(well, "FAILURE backend: Label Studio does not know the name in http://asr-backend:9090 -> known where Label Studio runs",
			"FAILURE backend: asks http://asr-backend:9090: not reached",
			"WARNING webhook: there is no webhook to http://asr-backend:9090/webhook -> a name with one, such as asr-backend.internal", connected[3])},
		{"a name without a dot gets no webhook", func(s studio) {
			s.connect("http://asr-backend:9090", "CO", "")
			s.DeleteWebhooks(3)
		}, 0, after(well, "OK private addresses: Label Studio takes http://asr-backend:9090",
			"OK backend: connected, version small-1",
			"WARNING webhook: there is no webhook to http://asr-backend:9090/webhook -> Label Studio takes no webhook at a name without a dot", connected[3])},
		{"the webhook was removed", func(s studio) {
			s.ChangeWebhooks(3, func(w *labelstudiotest.Webhook) { w.URL = "http://10.0.0.5:9091/webhook" })
		}, 0, after(well, connected[0], connected[1],
			"WARNING webhook: there is no webhook to http://10.0.0.5:9090/webhook -> add it under Settings, Webhooks", connected[3])},
		{"the webhook is switched off", func(s studio) {
			s.ChangeWebhooks(3, func(w *labelstudiotest.Webhook) { w.Active = false })
		}, 0, after(well, connected[0], connected[1],
			"WARNING webhook: is switched off -> switch it on", connected[3])},
		{"the webhook sends no payload", func(s studio) {
			s.ChangeWebhooks(3, func(w *labelstudiotest.Webhook) { w.SendPayload = false })
		}, 0, after(well, connected[0], connected[1],
			"WARNING webhook: sends no payload -> change it", connected[3])},
		{"a webhook was left behind by a backend that was removed", func(s studio) { s.webhook("HTTP://10.0.0.5:9090/webhook/") }, 0, after(well, connected[0], connected[1], "WARNING webhook: 2 webhooks go to http://10.0.0.5:9090/webhook -> remove all but one", connected[3])},
		{"connecting was tried twice", func(s studio) { s.backend("http://10.0.0.5:9090/", "CO", "") }, 0, after(well, append([]string{`WARNING backend: project 3 "Calls" has 2 connections to http://10.0.0.5:9090 -> remove all but one`}, connected...)...)},
		{"two backends, of which the second is never asked", func(s studio) { s.backend("http://10.0.0.6:9090/", "CO", "") }, 0, after(well, append([]string{"WARNING backend: has 2 backends, and asks only the first, http://10.0.0.5:9090 -> remove"}, connected...)...)},
		{"there are no tasks", func(s studio) { s.DeleteTasks(71) }, 0, after(well, connected[0], connected[1], connected[2], "OK recording: no tasks yet")},
		{"the tasks have their recording elsewhere", func(s studio) { s.SetData(71, map[string]any{"sound": "x.wav"}) }, 0,
			after(well, connected[0], connected[1], connected[2], `WARNING recording: nothing under "audio" -> the labelling configuration names`)},
		{"the project has no recordings", func(s studio) {
			s.ChangeProject(3, func(p *labelstudiotest.Project) { p.Config = `<View><Text name="t" value="$t"/></View>` })
		}, 0, after(well, connected[0], connected[1], connected[2], "WARNING recording: cannot be served -> change the project's labelling configuration")},
		{"the configuration is broken", func(s studio) {
			s.ChangeProject(3, func(p *labelstudiotest.Project) { p.Config = `<View>` })
		}, 0,
			after(well, connected[0], connected[1], connected[2], "WARNING recording: is not XML -> correct the project's labelling configuration")},
		{"the upload is gone", func(s studio) { s.refuse(upload, 404, `{}`) }, 0,
			after(well, connected[0], connected[1], connected[2], "FAILURE recording: 404 Not Found -> does not have the upload")},
		{"the upload is a text", func(s studio) { s.refuse(upload, 200, strings.Repeat("this is no sound\n", 100)) }, 0,
			after(well, connected[0], connected[1], connected[2], "FAILURE recording: not an audio file -> no recording")},
		{"the recording is inside the network", func(s studio) {
			s.SetData(71, map[string]any{"audio": "http://127.0.0.2:1/x.wav"})
		}, 0, after(well, connected[0], connected[1], connected[2], "FAILURE recording: inside the network -> --allow-host")},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStudio(t)
			c.change(s)
			l := &LabelStudio{URL: s.URL, Token: secret(legacy), Project: c.project}
			expect(t, l.examine(t.Context(), nil), c.want...)
		})
	}
}

func TestAddressesAndTokens(t *testing.T) {
	well, repeats := newStudio(t).URL, newStudio(t)
	repeats.refuse("GET /api/current-user/whoami", 401, `{"status_code":401,"detail":"Invalid token: wrong-token"}`)
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	moved := httptest.NewServer(http.RedirectHandler("https://label.example.com/ls/health?x=1", http.StatusMovedPermanently))
	defer moved.Close()
	proxy := httptest.NewServer(labelstudiotest.Answer(502, ""))
	defer proxy.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + ln.Addr().String()
	ln.Close()
	for _, c := range []struct {
		name, url, token string
		want             []string
	}{
		{"neither is given", "", "", []string{"OK label studio: not looked at"}},
		{"no token", well, "", []string{"OK label studio: answers", "OK version: 1.23.2", "FAILURE token: LABEL_STUDIO_API_KEY is not set -> Account & Settings"}},
		{"no address", "", legacy, []string{"FAILURE label studio: no address is given -> set LABEL_STUDIO_URL"}},
		{"no web address", "label-studio:8080", legacy, []string{"FAILURE label studio: LABEL_STUDIO_URL -> such as http://localhost:8080"}},
		{"a page", well + "/projects/3/data?tab=1", legacy, []string{`FAILURE label studio: the path of a page, "/projects/3/data" -> set it to ` + well}},
		{"a slash at the end", well + "/", "wrong-token", []string{"OK label studio: answers", "OK version: 1.23.2",
			"FAILURE token: 401 Unauthorized: Invalid token. -> holds a legacy token that this Label Studio does not accept"}},
		{"a wrong token that is repeated", repeats.URL, "wrong-token", []string{"OK label studio: answers", "OK version: 1.23.2",
			"FAILURE token: 401 Unauthorized: Invalid token: *** -> holds a legacy token that this Label Studio does not accept"}},
		{"nobody", nobody, legacy, []string{"FAILURE label studio: nothing answers at " + nobody + " -> start it"}},
		{"an unknown name", "http://label-studio.invalid:8080", legacy, []string{`FAILURE label studio: nothing answers -> the name "label-studio.invalid" is not known here`}},
		{"another program", other.URL, legacy, []string{"FAILURE label studio: another program, which answers with 404 answers at -> under a path"}},
		{"a redirect", moved.URL, legacy, []string{"FAILURE label studio: redirects to https://label.example.com/ls/health -> the address that Label Studio is really at"}},
		{"a proxy without Label Studio behind it", proxy.URL, legacy, []string{"FAILURE label studio: 502 -> is it started?"}},
		{"a backend", backendServer(t, "asr-backend", "", ""), legacy, []string{`FAILURE label studio: a machine learning backend ("asr-backend") answers -> the backend's own address is typed into Label Studio`}},
		{"TLS where there is none", strings.Replace(well, "http:", "https:", 1), legacy, []string{"FAILURE label studio: nothing answers -> write http://"}},
		{"a certificate of an unknown authority", secure.URL, legacy, []string{"FAILURE label studio: certificate -> SSL_CERT_FILE"}},
		{"an access token", well, "eyJhbGciOiJIUzI1NiJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIiwiZXhwIjo5OTk5OTk5OTk5fQ.c2ln", []string{"OK label studio: answers", "OK version: 1.23.2", "FAILURE token: this is an access token, which lasts minutes -> Account & Settings"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &LabelStudio{URL: c.url, Token: secret(c.token)}
			expect(t, l.examine(t.Context(), nil), c.want...)
		})
	}
}

// Whatever Label Studio refuses, the rest is looked at.
func TestRefusalsEndNothingElse(t *testing.T) {
	const denied = `{"status_code":403,"detail":"You do not have permission to perform this action."}`
	for _, c := range []struct {
		name, backend string
		project       int64
		change        func(s studio)
		want          []string
	}{
		{"a token that is not accepted", "http://127.0.0.1:1/predict", 0, func(s studio) {
			s.refuseAll("/api/", 401, `{"detail":"Invalid token."}`)
		}, []string{well[0], well[1], "FAILURE token: 401 -> holds a legacy token", "FAILURE backend: ends with /predict -> leave that out"}},
		{"nobody knows who the token belongs to", "", 0, func(s studio) { s.refuse("GET /api/current-user/", 500, `{}`) }, append([]string{
			well[0], well[1], "FAILURE token: 500 -> its log", well[3]}, connected...)},
		{"the project is not the user's", "http://127.0.0.1:1", 3, func(s studio) { s.refuse("GET /api/projects/3/", 403, denied) }, []string{
			well[0], well[1], well[2], "FAILURE projects: 403 -> a member of the project", "WARNING backend: cannot be asked from here -> no mistake", "OK private addresses: 127.0.0.1:1"}},
		{"the tasks of one project", "", 0, func(s studio) {
			s.AddProject(labelstudiotest.Project{ID: 2, Title: "Closed"})
			s.refuseAll("project=2", 403, denied)
			s.DeleteBackends(3)
		}, []string{well[0], well[1], well[2], "OK projects: project 2", "WARNING backend: 403 -> a member", "WARNING backend: no project has a backend", "FAILURE recording: 403 -> a member", connected[3]}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStudio(t)
			c.change(s)
			l := &LabelStudio{URL: s.URL, Token: secret(legacy), BackendURL: c.backend, Project: c.project}
			expect(t, l.examine(t.Context(), nil), c.want...)
		})
	}
}

func TestTheBackendsAddress(t *testing.T) {
	for _, c := range []struct {
		name, address string
		change        func(s studio)
		want          []string
	}{
		{"another project's backend does not count", "http://127.0.0.1:1", func(studio) {}, []string{
			"WARNING backend: http://127.0.0.1:1 cannot be asked from here -> no mistake",
			"OK private addresses: takes http://127.0.0.1:1",
			`WARNING backend: no project is connected to http://127.0.0.1:1; project 3 "Calls" asks http://10.0.0.5:9090 -> type http://127.0.0.1:1`, connected[3]}},
		{"no web address", "asr-backend:9090", func(studio) {}, []string{"FAILURE backend: with http:// or https:// -> asr-backend.internal:9090", connected[3]}},
		{"a route", "http://127.0.0.1:1/predict/", func(studio) {}, []string{"FAILURE backend: ends with /predict -> leave that out", connected[3]}},
		{"not the first backend", "http://127.0.0.1:1/", func(s studio) {
			s.backend("http://127.0.0.1:1", "CO", "")
			s.webhook("http://127.0.0.1:1/webhook")
		}, []string{"WARNING backend: cannot be asked from here -> no mistake",
			`WARNING backend: asks only the first of its 2 backends, http://10.0.0.5:9090 -> remove that one`,
			"OK private addresses: takes http://127.0.0.1:1", "OK backend: asks http://127.0.0.1:1: connected", "OK webhook: http://127.0.0.1:1/webhook", connected[3]}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStudio(t)
			c.change(s)
			l := &LabelStudio{URL: s.URL, Token: secret(legacy), BackendURL: c.address}
			expect(t, l.examine(t.Context(), nil), after(well, c.want...)...)
		})
	}
	t.Run("Label Studio itself", func(t *testing.T) {
		url := newStudio(t).URL
		l := &LabelStudio{URL: url, Token: secret(legacy), BackendURL: url + "/"}
		expect(t, l.examine(t.Context(), nil), after(well, "FAILURE backend: is a Label Studio, not a backend -> `asr-backend serve`", connected[3])...)
	})
	t.Run("another program", func(t *testing.T) {
		other := httptest.NewServer(http.NotFoundHandler())
		defer other.Close()
		l := &LabelStudio{URL: newStudio(t).URL, Token: secret(legacy), BackendURL: other.URL}
		expect(t, l.examine(t.Context(), nil), after(well, "FAILURE backend: another program -> `asr-backend serve`", connected[3])...)
	})
}

func TestAddressesAreShownWithoutSecrets(t *testing.T) {
	for address, want := range map[string]string{
		"http://u:p@asr.test:9090/":                              "http://asr.test:9090",
		"http://asr.test:9090/s/0123456789abcdef0123":            "http://asr.test:9090/s/***",
		"http://asr.test/below/s/0123456789abcdef-_/webhook?x=y": "http://asr.test/below/s/***/webhook",
		"http://asr.test/s/short":                                "http://asr.test/s/short",
	} {
		if got := plain(address); got != want {
			t.Errorf("%s is shown as %s, want %s", address, got, want)
		}
	}
}
