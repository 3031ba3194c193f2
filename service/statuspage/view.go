package statuspage

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/asr-backend/asr-backend/service/overview"
	"github.com/asr-backend/asr-backend/timeline"
)

//go:embed status.html
var page string

//go:embed status.css
var style string

//go:embed status.js
var script string

// View is what a page shows.
type View struct {
	Status
	Links Links
	Query overview.Query
	// Alone is the project whose page it is; nil: the page is of all projects.
	Alone *ProjectStatus
	// Others says that there are more projects than the one.
	Others bool
	// Listed says that tasks are listed, and not projects.
	Listed bool
	// Found are the tasks, and all of the projects of the page by state.
	Found overview.Page
	// Control says that there are routes for what people may do with tasks.
	Control bool
}

// What the template asks for.

// Tasks are the tasks of the page.
func (v *View) Tasks() []overview.Task { return v.Found.Tasks }

// Total is how many tasks match.
func (v *View) Total() int { return v.Found.Total }

// Counts are all tasks by state.
func (v *View) Counts() map[overview.State]int { return v.Found.Counts }

// Attention is how many of all tasks need somebody.
func (v *View) Attention() int { return v.Found.Attention }

// All is how many tasks there are.
func (v *View) All() (n int) {
	for _, one := range v.Found.Counts {
		n += one
	}
	return n
}

// Unfiltered reports whether nothing is chosen.
func (v *View) Unfiltered() bool {
	return len(v.Query.States) == 0 && !v.Query.Attention && v.Query.Search == ""
}

// Wants reports whether tasks in a state are chosen.
func (v *View) Wants(s overview.State) bool { return slices.Contains(v.Query.States, s) }

// FailedStates are the states of tasks of which trying again may help.
func (v *View) FailedStates() []overview.State {
	return []overview.State{overview.Failed, overview.NotPushed, overview.NotAccepted}
}

// Failed is how many tasks of the one project are in these states.
func (v *View) Failed() (n int) {
	if v.Alone == nil {
		return 0
	}
	for _, s := range v.FailedStates() {
		n += v.Found.Counts[s]
	}
	return n
}

// First and Last are the places of the page's tasks, from 1.
func (v *View) First() int { return v.Query.Offset + 1 }

// Last is the place of the last one.
func (v *View) Last() int { return v.Query.Offset + len(v.Found.Tasks) }

// Next is the address of the next page, empty if there is none.
func (v *View) Next() string {
	if len(v.Found.Tasks) == 0 || v.Last() >= v.Found.Total {
		return ""
	}
	return v.Links.with("offset", number(v.Last()))
}

// Previous is the address of the page before.
func (v *View) Previous() string {
	if v.Query.Offset == 0 {
		return ""
	}
	size := v.Query.Limit
	if size <= 0 {
		size = overview.DefaultLimit
	}
	return v.Links.with("offset", nonzero(max(min(v.Query.Offset, v.Found.Total)-size, 0)))
}

func nonzero(n int) string {
	if n == 0 {
		return ""
	}
	return number(n)
}

// TitleOf is the title of a project of the page.
func (v *View) TitleOf(id int64) string {
	for i := range v.Projects {
		if v.Projects[i].ID == id {
			return Title(&v.Projects[i])
		}
	}
	return fmt.Sprintf("Project %d", id)
}

// Title is what people call a project.
func Title(p *ProjectStatus) string {
	if p.Title == "" {
		return fmt.Sprintf("Project %d", p.ID)
	}
	return p.Title
}

// Style, Script and Build are the parts of the page that do not change.
func (v *View) Style() template.CSS { return template.CSS(style) }

// Script is what keeps the page up to date.
func (v *View) Script() template.JS { return template.JS(script) }

// Build is another one for another style or script.
func (v *View) Build() string {
	sum := sha256.Sum256([]byte(style + script))
	return hex.EncodeToString(sum[:6])
}

// Policy is the Content-Security-Policy of the page: its own style and script, requests for the
// page itself, and forms to the service. Everything else is refused.
func Policy() string {
	return fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		sum(style), sum(script))
}

func sum(text string) string {
	s := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(s[:])
}

// Write writes the page.
func (v *View) Write(w io.Writer) error {
	if err := parsed.Execute(w, v); err != nil {
		return fmt.Errorf("status page: %w", err)
	}
	return nil
}

type link struct {
	URL  string
	Task int64
}

type headed struct{ URL, Text, Order, Class string }

var parsed = template.Must(template.New("status").Funcs(template.FuncMap{
	"ago": ago, "stamp": stamp, "percent": percent, "share": share, "done": done, "seconds": seconds, "left": left, "times": times,
	"clock": timeline.Clock, "count": count, "grouped": grouped, "grouped64": func(n int64) string { return grouped(int(n)) },
	"title": func(p any) string {
		switch p := p.(type) {
		case *ProjectStatus:
			return Title(p)
		case ProjectStatus:
			return Title(&p)
		}
		return ""
	},
	"tone": tone, "toneOf": toneOf, "states": listed, "bar": bar, "barText": barText, "errorRate": errorRate,
	"problem": func(t overview.Task) bool { return t.Push == "" && t.Version == "" },
	"head": func(v *View, by, text, given, class string) headed {
		return headed{v.Links.Sorted(by), text, v.Links.Order(by, given), class}
	},
	"link": func(v *View, project, task int64) link { return link{v.Links.Task(project, task), task} },
}).Parse(strings.TrimSpace(page)))
