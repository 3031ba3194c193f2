package service_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
	"github.com/asr-backend/asr-backend/labelstudio/server"
	"github.com/asr-backend/asr-backend/service"
	"github.com/asr-backend/asr-backend/service/learning"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
)

const (
	inJSON = "application/json"
	inForm = "application/x-www-form-urlencoded"
)

// router knows the routes that openapi.yaml describes.
func router(t *testing.T) routers.Router {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(server.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	r, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// learner is a service with a password and a project, and what somebody may ask of it.
type learner struct {
	*world
	router  routers.Router
	project int64
}

func inLearning(t *testing.T, test func(l *learner)) {
	t.Helper()
	inWorld(t, func(_ *world, o *service.Options) {
		o.User, o.Password, o.Open = "operator", labelstudio.NewSecret("secret"), []string{"/webhook"}
	}, func(w *world) {
		l := &learner{w, router(t), w.project("")}
		l.configure("")
		l.ready()
		test(l)
	})
}

// configure connects the project, with extra params.
func (l *learner) configure(extra string) {
	l.t.Helper()
	b := labelstudiotest.Backend{Project: l.project, URL: address, User: "operator", Password: "secret", ExtraParams: json.RawMessage(extra)}
	if old := l.Backends(l.project); len(old) > 0 {
		b.ID = old[0].ID
	}
	if _, err := l.Connect(b); err != nil {
		l.t.Fatal(err)
	}
}

// post sends an order as JSON, of which project and the fields of a map are a part, and returns what
// was answered.
func (l *learner) post(status int, route string, fields map[string]any) string {
	l.t.Helper()
	if fields["project"] == nil {
		fields["project"] = l.project
	}
	raw, err := json.Marshal(fields)
	if err != nil {
		l.t.Fatal(err)
	}
	reply, _ := l.asked(l.router, "POST", route, inJSON, string(raw), status)
	return reply
}

func (l *learner) report() *learning.Report {
	l.t.Helper()
	reply, _ := l.asked(l.router, "GET", fmt.Sprint("/projects/", l.project), "", "", 200)
	r := &learning.Report{}
	if err := json.Unmarshal([]byte(reply), r); err != nil {
		l.t.Fatal(err)
	}
	return r
}

// learns asks for a run and waits for it.
func (l *learner) learns() *learning.Report {
	l.t.Helper()
	before := l.report()
	l.post(200, "/learn", map[string]any{})
	var now *learning.Report
	l.until("learnt", time.Minute, func() bool {
		now = l.report()
		return !now.Learning && now.Last != nil && (before.Last == nil || now.Last.At.After(before.Last.At))
	})
	return now
}

var learnRoutes = []string{"/learn", "/learn/text", "/learn/rollback", "/learn/forget", "/learn/phrases", "/learn/train", "/learn/train/stop", "/learn/model"}

// A project learns a glossary, and people take it back in every way there is.
func TestLearningIsControlledByHTTP(t *testing.T) {
	inLearning(t, func(l *learner) {
		if r := l.report(); !r.Learns || r.Learnt != "" || r.Last != nil || r.Phrases == nil {
			t.Errorf("at first: %+v", r)
		}
		l.post(409, "/learn/rollback", map[string]any{})
		if reply := l.post(200, "/learn/text", map[string]any{"name": "terms.txt", "text": "Alpenstock\nGrete Hermann\n"}); !strings.Contains(reply, "3 words") {
			t.Error(reply)
		}
		first := l.learns()
		if first.Learnt == "" || !first.Last.TakenUp || len(first.Phrases) != 2 || first.Texts["terms.txt"] != 25 || first.Last.Documents["terms.txt"] != "read" || len(first.Versions) != 1 {
			t.Fatalf("a glossary: %+v, run %+v", first, first.Last)
		}
		// The same again is nothing new, and what is used stays what can be gone back to.
		again := l.learns()
		if again.Learnt != first.Learnt || again.Last.TakenUp || len(again.Versions) != 1 || !again.Versions[0].Kept || !again.Versions[0].TakenUp {
			t.Errorf("the same again: %+v, run %+v", again.Versions, again.Last)
		}
		l.post(200, "/learn/phrases", map[string]any{"remove": []string{"grete hermann"}})
		l.until("removed", time.Minute, func() bool { r := l.report(); return !r.Learning && r.Learnt != first.Learnt })
		second := l.report()
		if len(second.Phrases) != 1 || second.Phrases[0].Text != "Alpenstock" || len(second.Removed) != 1 {
			t.Errorf("without a phrase: %+v", second)
		}

		// Back to the first, by the button of the page, and to none before that.
		form := url.Values{"project": {itoa(l.project)}, "return": {"/status?project=" + itoa(l.project) + "#learning"}}
		if _, to := l.asked(l.router, "POST", "/learn/rollback", inForm, form.Encode(), 303); to != "../status?project="+itoa(l.project)+"#learning" {
			t.Errorf("leads to %s", to)
		}
		if r := l.report(); r.Learnt != first.Learnt || !r.RolledBack || len(r.Phrases) != 2 {
			t.Errorf("back: %+v", r)
		}
		l.post(404, "/learn/rollback", map[string]any{"version": "0123456789ab"})
		l.post(200, "/learn/rollback", map[string]any{})
		if r := l.report(); r.Learnt != "" || len(r.Versions) != 2 {
			t.Errorf("back before the first: %+v", r)
		}
		l.post(409, "/learn/rollback", map[string]any{})
		l.post(200, "/learn/rollback", map[string]any{"version": second.Learnt})
		if r := l.report(); r.Learnt != second.Learnt {
			t.Errorf("on to the second: %+v", r)
		}
		// A run that a person asks for takes up what is best.
		l.post(200, "/learn/phrases", map[string]any{"restore": []string{"Grete Hermann!"}})
		l.until("restored", time.Minute, func() bool { r := l.report(); return !r.Learning && r.Learnt == first.Learnt })

		l.post(200, "/learn/forget", map[string]any{})
		if r := l.report(); r.Learnt != "" || len(r.Versions)+len(r.Texts)+len(r.Removed) != 0 {
			t.Errorf("forgotten: %+v", r)
		}
		if r := l.learns(); r.Learnt != "" {
			t.Errorf("it is learnt again from nothing: %+v", r)
		}
	})
}

func TestTextsAreKeptAndDropped(t *testing.T) {
	inLearning(t, func(l *learner) {
		text := func(status int, name, text string) string {
			t.Helper()
			return l.post(status, "/learn/text", map[string]any{"name": name, "text": text})
		}
		text(200, "a (1).txt", "one two")
		text(200, "a (1).txt", "one two three")
		text(200, "talk.srt", "1\n00:00:00,000 --> 00:00:02,000\nguten Tag\n")
		if got := l.report().Texts; len(got) != 2 || got["a (1).txt"] != 13 || got["talk.srt"] != len("guten Tag") {
			t.Errorf("texts: %v", got)
		}
		for name, reason := range map[string]string{"a/b.txt": "no name for a text", "../x": "no name", "": "no name", strings.Repeat("x", 101): "no name", ".hidden": "no name", "x\n": "no name"} {
			if reply := text(400, name, "words"); !strings.Contains(reply, reason) {
				t.Errorf("%q: %s", name, reply)
			}
		}
		if reply := text(400, "blank.txt", " \n"); !strings.Contains(reply, "is empty") {
			t.Error(reply)
		}
		if reply := text(400, "broken.srt", "no subtitles"); !strings.Contains(reply, "broken.srt") {
			t.Error(reply)
		}
		raw := fmt.Sprintf("{\"project\":%d,\"name\":\"latin.txt\",\"text\":\"Gr\xfc\xdfe\"}", l.project)
		if reply, _ := l.asked(l.router, "POST", "/learn/text", inJSON, raw, 400); !strings.Contains(reply, "not UTF-8") {
			t.Error(reply)
		}
		// Two texts that fit alone do not together, and one that does not fit in a request is refused there.
		long := strings.Repeat("a ", 5<<19)
		text(200, "long.txt", long)
		if reply := text(400, "longer.txt", long); !strings.Contains(reply, "8 MB together") {
			t.Errorf("%.200s", reply)
		}
		text(413, "book.txt", long+long)
		text(404, "longer.txt", "")
		text(200, "long.txt", "")
		text(404, "long.txt", "")
		if got := l.report().Texts; len(got) != 2 {
			t.Errorf("texts: %v", got)
		}
	})
}

func TestOrdersThatMakeNoSenseAreRefused(t *testing.T) {
	inLearning(t, func(l *learner) {
		id := itoa(l.project)
		for _, route := range learnRoutes {
			l.post(404, route, map[string]any{"project": 4711, "name": "a.txt", "text": "b", "remove": []string{"x"}})
			for _, c := range []struct {
				kind, body string
				status     int
			}{
				{inJSON, ``, 400}, {inJSON, `{}`, 400}, {inJSON, `{"project":-1}`, 400}, {inJSON, `{"project":"x"}`, 400}, {inJSON, `[]`, 400}, {inJSON, `{`, 400},
				{inJSON, `{"project":` + id + `} {}`, 400}, {inJSON, `{"project":` + id + `,"versoin":"0123456789ab"}`, 400},
				{inForm, `project=x`, 400}, {inForm, `project=` + id + `&versoin=0123456789ab`, 400}, {inForm, `{"project":` + id + `}`, 400}, {inForm, `project=%zz`, 400},
				{"text/plain", `{"project":` + id + `}`, 415}, {"", `{"project":` + id + `}`, 415},
			} {
				l.asked(l.router, "POST", route, c.kind, c.body, c.status)
			}
		}
		l.post(400, "/learn/phrases", map[string]any{})
		l.asked(l.router, "GET", "/projects/4711", "", "", 404)
		l.asked(l.router, "GET", "/projects/0", "", "", 400)
		l.asked(l.router, "GET", "/projects/seven", "", "", 400)
		if r := l.report(); r.Last != nil || r.Learning || r.RolledBack || len(r.Texts)+len(r.Removed) != 0 {
			t.Errorf("something was done: %+v", r)
		}
		l.asked(l.router, "POST", "/learn?project="+id, "", "", 200)
	})
}

// Settings decide before what people ask for.
func TestLearningThatIsOffOrPinnedIsNotControlled(t *testing.T) {
	inLearning(t, func(l *learner) {
		l.post(200, "/learn/text", map[string]any{"name": "terms.txt", "text": "Alpenstock\nGrete Hermann\n"})
		learnt := l.learns().Learnt
		l.configure(`{"learn":"off"}`)
		if r := l.report(); r.Learns || r.Learnt != "" || r.Chosen != "" {
			t.Errorf("off: %+v", r)
		}
		for _, route := range []string{"/learn", "/learn/rollback"} {
			if reply := l.post(409, route, map[string]any{}); !strings.Contains(reply, `\"learn\" is off`) {
				t.Errorf("%s: %s", route, reply)
			}
		}
		l.configure(`{"learn":"` + learnt + `"}`)
		if r := l.report(); !r.Learns || r.Learnt != learnt || r.Chosen != learnt {
			t.Errorf("pinned: %+v", r)
		}
		if reply := l.post(409, "/learn/rollback", map[string]any{}); !strings.Contains(reply, "extra params") {
			t.Error(reply)
		}
	})
}

// Through the server, as it runs: without the password nothing is shown or done, and without any
// password the routes are closed.
func TestLearningNeedsAPassword(t *testing.T) {
	ask := func(w *world, method, path, user, password string) int {
		r := httptest.NewRequest(method, path, strings.NewReader(`{"project":1}`))
		r.Header.Set("Content-Type", inJSON)
		if user != "" {
			r.SetBasicAuth(user, password)
		}
		answer, err := w.service.Test(r)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode
	}
	inLearning(t, func(l *learner) {
		for _, path := range append([]string{"/projects/" + itoa(l.project)}, learnRoutes...) {
			method := "POST"
			if strings.HasPrefix(path, "/projects") {
				method = "GET"
			}
			for _, password := range []string{"", "wrong"} {
				if got := ask(l.world, method, path, "operator", password); got != 401 {
					t.Errorf("%s %s with the password %q: %d", method, path, password, got)
				}
			}
			if got := ask(l.world, method, path, "", ""); got != 401 {
				t.Errorf("%s %s: %d", method, path, got)
			}
		}
		if r := l.report(); r.Last != nil || r.Learning {
			t.Errorf("%+v", r)
		}
	})
	inWorld(t, nil, func(w *world) {
		w.ready()
		project := w.connected("")
		for _, route := range learnRoutes {
			if got := ask(w, "POST", route, "", ""); got != 403 {
				t.Errorf("%s: %d", route, got)
			}
		}
		if got := ask(w, "GET", fmt.Sprint("/projects/", project), "", ""); got != 403 {
			t.Errorf("GET: %d", got)
		}
	})
}

// The page of a project shows what it has learnt, and that of all projects does so in a line.
func TestTheStatusPageShowsWhatIsLearnt(t *testing.T) {
	inLearning(t, func(l *learner) {
		if _, page := l.ask("", "text/html"); !strings.Contains(page, "Nothing is learnt yet; there are no corrections.") {
			t.Errorf("at first:\n%s", page)
		}
		l.post(200, "/learn/text", map[string]any{"name": "terms.txt", "text": "Alpenstock\nGrete Hermann\n"})
		learnt := l.learns().Learnt
		_, page := l.ask("", "text/html")
		for _, want := range []string{"Version <b>" + learnt, "expects 2 phrases", `value="Grete Hermann"`, `action="learn/rollback"`, "terms.txt: read"} {
			if !strings.Contains(page, want) {
				t.Errorf("%s is missing in\n%s", want, page)
			}
		}
		p := l.one("")
		if p.Learning == nil || p.Learning.Learnt != learnt || p.Learning.Detail == nil || p.Learning.Phrases != 2 || p.Learning.LastRun.IsZero() {
			t.Errorf("%+v", p.Learning)
		}
		other := l.world.project("")
		if _, err := l.Connect(labelstudiotest.Backend{Project: other, URL: address, User: "operator", Password: "secret"}); err != nil {
			t.Fatal(err)
		}
		_, body := l.ask("", "application/json")
		var all service.Status
		if err := json.Unmarshal([]byte(body), &all); err != nil || len(all.Projects) != 2 {
			t.Fatalf("%v: %s", err, body)
		}
		if first := all.Projects[0].Learning; first == nil || first.Learnt != learnt || first.Detail != nil || all.Projects[1].Learning != nil {
			t.Errorf("among others: %+v, %+v", first, all.Projects[1].Learning)
		}
		if p := l.one("?project=" + itoa(l.project)); p.Learning.Detail == nil {
			t.Errorf("alone: %+v", p.Learning)
		}
	})
}
