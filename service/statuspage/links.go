package statuspage

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Links make addresses of Label Studio as browsers reach it, and of the page itself.
type Links struct {
	// Studio is Label Studio's address without a slash at the end; nil: there are no links to it.
	Studio *url.URL
	// Asked are the parameters of this page.
	Asked url.Values
	// Below is what leads from this page to routes beside /status, such as "../".
	Below string
}

// Project returns the address of a project in Label Studio, empty if that is not known.
func (l Links) Project(id int64) string {
	if l.Studio == nil {
		return ""
	}
	return fmt.Sprintf("%s/projects/%d/data", l.Studio, id)
}

// Task returns the address of a task in Label Studio, empty if that is not known.
func (l Links) Task(project, id int64) string {
	if l.Studio == nil {
		return ""
	}
	return fmt.Sprintf("%s/projects/%d/data?task=%d", l.Studio, project, id)
}

// pages are the parameters that say what is shown. Others do not go from page to page.
var pages = []string{"project", "state", "attention", "search", "sort", "offset", "limit", "deleted"}

// with returns the address of this page with other parameters, given as names and values; an
// empty value takes a parameter out. The first page is shown unless they say otherwise.
func (l Links) with(change ...string) string {
	values := url.Values{}
	for _, name := range pages {
		if list := l.Asked[name]; len(list) > 0 && name != "offset" {
			values[name] = list
		}
	}
	for i := 0; i+1 < len(change); i += 2 {
		if change[i+1] == "" {
			values.Del(change[i])
		} else {
			values.Set(change[i], change[i+1])
		}
	}
	return "?" + values.Encode()
}

// With is with for templates.
func (l Links) With(change ...any) string {
	text := make([]string, len(change))
	for i, c := range change {
		text[i] = fmt.Sprint(c)
	}
	return l.with(text...)
}

// Return is the path that leads back to this page after a form was sent.
func (l Links) Return() string {
	back := l.with("offset", l.Asked.Get("offset"))
	return "/status" + strings.TrimSuffix(back, "?")
}

// Sorted returns the address of this page in an order, or if it is in that order, turned round.
func (l Links) Sorted(by string) string {
	if l.Asked.Get("sort") == by {
		by = "-" + by
	}
	return l.with("sort", by)
}

// Order says how a column that sorts by a name is sorted, as aria-sort does; given is which way
// the name alone sorts.
func (l Links) Order(by, given string) string {
	turned := map[string]string{"ascending": "descending", "descending": "ascending"}
	switch l.Asked.Get("sort") {
	case by:
		return given
	case "-" + by:
		return turned[given]
	}
	return "none"
}

// Kept are the parameters that a search keeps, as names and values.
func (l Links) Kept() [][2]string {
	var out [][2]string
	for _, name := range pages {
		if name == "search" || name == "offset" {
			continue
		}
		for _, v := range l.Asked[name] {
			if v != "" {
				out = append(out, [2]string{name, v})
			}
		}
	}
	return out
}

func number(n int) string { return strconv.Itoa(n) }
