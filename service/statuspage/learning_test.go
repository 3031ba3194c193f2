package statuspage_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/learn"
	"github.com/asr-backend/asr-backend/service/learning"
	"github.com/asr-backend/asr-backend/service/statuspage"
	"github.com/asr-backend/asr-backend/wer"

	"golang.org/x/net/html"
)

// learnt is a page of a project with four versions: one that was judged worse, two that were taken
// up, of which the second is used, and one of documents alone, which nothing judges.
func learnt() *statuspage.View {
	v := view()
	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	judgement := learn.Judgement{Passages: 12, General: wer.Errors{Words: 100, Substitutions: 24}}
	version := func(name string, day int, rate float64, taken bool) learning.Version {
		one := learning.Version{Version: name, At: at.AddDate(0, 0, day), Corrections: 20 + day, TakenUp: taken, Kept: taken, Reason: attack, Judged: rate}
		if rate > 0 {
			one.Judgement, one.JudgedOn = judgement, judgement.Passages
		}
		return one
	}
	v.Alone.Learning = &statuspage.Learning{Learns: true, Corrections: 31, New: 4, LastRun: at.AddDate(0, 0, 10), Learnt: "cccccccccccc", Phrases: 150,
		Detail: &learning.Report{Project: 7, Learns: true, Learnt: "cccccccccccc", State: learning.State{
			Versions: []learning.Version{version("dddddddddddd", 0, 0, true), version("aaaaaaaaaaaa", 4, 0.2, true), version("bbbbbbbbbbbb", 5, 0.25, false), version("cccccccccccc", 10, 0.15, true)},
			Removed:  []string{attack},
			Last: &learning.Run{At: at.AddDate(0, 0, 10), Why: learning.Enough, Reason: attack, Corrections: 30, LeftOut: map[learn.Reason]int{learn.Outside: 1, learn.Empty: 3},
				Documents: map[string]string{"glossary.txt": "read", attack: "it is empty"}},
		}}}
	for i := range 150 {
		v.Alone.Learning.Detail.Phrases = append(v.Alone.Learning.Detail.Phrases, learn.Phrase{Text: attack + strconv.Itoa(i), Said: 1000 + i, Missed: i})
	}
	return v
}

// section is what a reader sees of what was learnt.
func section(t *testing.T, n *html.Node) string { return sectionOf(t, n, "learning") }

func sectionOf(t *testing.T, n *html.Node, id string) string {
	t.Helper()
	var find func(n *html.Node) *html.Node
	find = func(n *html.Node) *html.Node {
		for _, a := range n.Attr {
			if n.Data == "section" && a.Key == "id" && a.Val == id {
				return n
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			if found := find(c); found != nil {
				return found
			}
		}
		return nil
	}
	found := find(n)
	if found == nil {
		t.Fatalf("there is no section %s", id)
	}
	return strings.Join(strings.Fields(text(found)), " ")
}

func TestWhatWasLearntIsShown(t *testing.T) {
	v := learnt()
	v.Control, v.Links.Below = true, "../"
	page, doc := write(t, v)
	said := section(t, doc)
	for _, want := range []string{"Version cccccccccccc is used, which expects 150 phrases", "31 corrections, 4 since the last run", "30 corrections", "Left out: 3 passages (no text)",
		"Left out: 1 passage (outside the recording)", "glossary.txt: read", attack + ": it is empty", "The last run: " + attack, attack + "99", "50 more"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is missing in %s", want, said)
		}
	}
	if strings.Contains(said, attack+"100") {
		t.Error("more phrases than the page has place for")
	}
	var use, remove, actions []string
	for _, b := range elements(doc, "button") {
		switch b["name"] {
		case "version":
			use = append(use, b["form"]+" "+b["value"])
		case "remove", "restore":
			remove = append(remove, b["form"]+" "+b["name"]+" "+b["value"])
		}
		if strings.Contains(b["formaction"], "learn") {
			actions = append(actions, b["formaction"])
		}
	}
	for _, f := range elements(doc, "form") {
		if strings.Contains(f["action"], "learn") {
			actions = append(actions, f["method"]+" "+f["action"])
		}
	}
	// What is used cannot be chosen, nor what is not kept.
	if want := []string{"learn-use aaaaaaaaaaaa", "learn-use dddddddddddd"}; !slices.Equal(use, want) {
		t.Errorf("versions %q, want %q", use, want)
	}
	if len(remove) != 101 || !slices.Contains(remove, "learn-phrases remove "+attack+"0") || !slices.Contains(remove, "learn-phrases restore "+attack) {
		t.Errorf("%d phrases: %q", len(remove), remove)
	}
	if want := []string{"../learn/rollback", "post ../learn", "post ../learn/rollback", "post ../learn/phrases"}; !slices.Equal(actions, want) {
		t.Errorf("actions %q, want %q", actions, want)
	}
	if strings.Contains(page, "<img") || len(elements(doc, "script")) != 1 {
		t.Error("what comes from outside is not text")
	}
}

// Each version that was judged stands where its day and its errors put it.
func TestErrorRatesAreDrawn(t *testing.T) {
	_, doc := write(t, learnt())
	var classes []string
	var x, y []float64
	for _, c := range elements(doc, "circle") {
		if c["cx"] == "6" {
			continue // the legend
		}
		classes = append(classes, c["class"])
		for _, at := range []struct {
			to   *[]float64
			text string
		}{{&x, c["cx"]}, {&y, c["cy"]}} {
			n, err := strconv.ParseFloat(at.text, 64)
			if err != nil {
				t.Fatal(err)
			}
			*at.to = append(*at.to, n)
		}
	}
	if !slices.Equal(classes, []string{"on", "off", "now"}) {
		t.Fatalf("points %q", classes)
	}
	if share := (x[1] - x[0]) / (x[2] - x[0]); share < 0.16 || share > 0.174 { // a day of six
		t.Errorf("places %v", x)
	}
	if (y[1] >= y[0] || y[0] >= y[2]) || (y[2]-y[0])/(y[0]-y[1]) < 0.99 || (y[2]-y[0])/(y[0]-y[1]) > 1.01 {
		t.Errorf("heights %v", y)
	}
	lines := elements(doc, "polyline")
	if len(lines) != 1 || len(strings.Fields(lines[0]["points"])) != 2 {
		t.Errorf("the line of those that were taken up: %v", lines)
	}
	var spoken string
	for _, s := range elements(doc, "svg") {
		if strings.Contains(s["class"], "chart") {
			spoken = s["role"] + ": " + s["aria-label"]
		}
	}
	for _, want := range []string{"img: ", "2026-03-05 09:00: 20.0 %, 24 corrections, taken up", "2026-03-06 09:00: 25.0 %, 25 corrections, not taken up",
		"2026-03-11 09:00: 15.0 %, 30 corrections, in use", "without anything learnt: 24.0 %"} {
		if !strings.Contains(spoken, want) {
			t.Errorf("%q is missing in %q", want, spoken)
		}
	}
}

// Without a password nobody may change anything, or read what people wrote.
func TestWithoutAPasswordOnlyFiguresAreShown(t *testing.T) {
	v := learnt()
	v.Alone.Learning.Detail.Phrases, v.Alone.Learning.Detail.Removed = nil, nil
	page, doc := write(t, v)
	said := section(t, doc)
	if !strings.Contains(said, "expects 150 phrases") || !strings.Contains(said, "once the service has a user and a password") {
		t.Error(said)
	}
	if strings.Contains(page, "<form method=\"post\"") || strings.Contains(page, "learn/") {
		t.Error("what nobody may do is offered")
	}
}

func TestWhatKeepsAProjectFromLearningIsShown(t *testing.T) {
	for want, change := range map[string]func(l *statuspage.Learning){
		"Nothing is learnt yet; there are 3 corrections.":  func(l *statuspage.Learning) { *l = statuspage.Learning{Learns: true, Corrections: 3} },
		"Nothing is learnt yet; there are no corrections.": func(l *statuspage.Learning) { *l = statuspage.Learning{Learns: true} },
		"Learning is off.":                         func(l *statuspage.Learning) { l.Learns = false },
		"choose version cccccccccccc":              func(l *statuspage.Learning) { l.Detail.Chosen = l.Learnt },
		"Nothing that was learnt is used":          func(l *statuspage.Learning) { l.Learnt = "" },
		"A run is under way":                       func(l *statuspage.Learning) { l.Detail.Learning = true },
		"Somebody went back to an earlier version": func(l *statuspage.Learning) { l.Detail.RolledBack = true },
		"failed: the disk is full free some space": func(l *statuspage.Learning) { l.Detail.Problem, l.Detail.Hint = "the disk is full", "free some space" },
		"Nothing is learnt yet; there is 1 correction.": func(l *statuspage.Learning) {
			*l = statuspage.Learning{Learns: true, Corrections: 1, Detail: &learning.Report{}}
		},
	} {
		v := learnt()
		v.Control = true
		change(v.Alone.Learning)
		_, doc := write(t, v)
		if said := section(t, doc); !strings.Contains(said, want) {
			t.Errorf("%q is missing in %s", want, said)
		}
		if l := v.Alone.Learning; !l.Learns || l.Detail != nil && l.Detail.Chosen != "" {
			for _, b := range elements(doc, "button") {
				if b["name"] == "version" || strings.Contains(b["formaction"], "rollback") {
					t.Errorf("%s, and yet another version can be chosen", want)
				}
			}
		}
	}
}

func TestALineSaysHowAProjectLearns(t *testing.T) {
	run := time.Now()
	for want, l := range map[string]statuspage.Learning{
		"":                                  {Learns: true},
		"3 corrections, nothing learnt yet": {Corrections: 3, New: 3},
		"learnt from 1 correction":          {Corrections: 1, LastRun: run},
		"learnt from corrections, 2 new":    {Corrections: 9, New: 2, LastRun: run},
	} {
		if got := l.Line(); got != want {
			t.Errorf("%+v: %q, want %q", l, got, want)
		}
	}
}
