package overview

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Query chooses tasks, and says in which order they are listed. The zero value lists the first
// DefaultLimit of all tasks, the most urgent first.
type Query struct {
	// States are those of the tasks; empty: any.
	States []State
	// Attention chooses tasks that somebody should look at: those in a state of which nothing
	// leads on, and those whose last attempt failed and that are tried again.
	Attention bool
	// Search is the id of a task or a part of its file's name, in any case; empty: any.
	Search string
	Sort   Sort
	// Reverse turns the order of Sort round. Tasks without the figure stay last.
	Reverse bool
	// Offset is how many tasks to leave out.
	Offset int
	// Limit is how many tasks to list at most; 0: DefaultLimit, negative: none.
	Limit int
}

// Sort is an order of tasks.
type Sort string

// The orders.
const (
	ByUrgency    Sort = ""           // attention, then under way, then the latest change
	ByUpdated    Sort = "updated"    // the latest change first
	ByTask       Sort = "task"       // by id
	ByConfidence Sort = "confidence" // the lowest first
	ByErrorRate  Sort = "errors"     // the highest word error rate first
)

// Bounds of what one query lists.
const (
	DefaultLimit = 50
	MaxLimit     = 1000
)

// Page is what a query found.
type Page struct {
	// Tasks are those of the page, in order.
	Tasks []Task
	// Total is how many tasks match, on all pages.
	Total int
	// Counts are all tasks by state, whether they match or not.
	Counts map[State]int
	// Attention is how many of all tasks need attention.
	Attention int
}

// ParseQuery reads the parameters state (repeated, or separated by commas), attention, search,
// sort ("-" in front turns it round), offset and limit. Others are left alone. An error is a
// sentence for the one who wrote the address.
func ParseQuery(values url.Values) (Query, error) {
	var q Query
	for _, list := range values["state"] {
		for name := range strings.SplitSeq(list, ",") {
			s := State(strings.TrimSpace(name))
			switch {
			case s == "":
			case !s.Known():
				return q, fmt.Errorf("there is no state %q; the states are %q", name, States())
			default:
				q.States = append(q.States, s)
			}
		}
	}
	switch text := values.Get("attention"); text {
	case "", "0", "false":
	case "1", "true", "on":
		q.Attention = true
	default:
		return q, fmt.Errorf("attention=%q is neither 1 nor 0", text)
	}
	q.Search = strings.TrimSpace(values.Get("search"))
	name, reverse := strings.CutPrefix(values.Get("sort"), "-")
	switch q.Sort, q.Reverse = Sort(name), reverse; q.Sort {
	case "urgency":
		q.Sort = ByUrgency
	case ByUrgency, ByUpdated, ByTask, ByConfidence, ByErrorRate:
	default:
		return q, fmt.Errorf("there is no order %q; those there are: urgency, updated, task, confidence, errors", name)
	}
	var err error
	if q.Offset, err = count(values, "offset"); err != nil {
		return q, err
	}
	if q.Limit, err = count(values, "limit"); err != nil {
		return q, err
	}
	if q.Limit > MaxLimit {
		return q, fmt.Errorf("limit=%d is too much: %d tasks are listed at most, use offset for the next ones", q.Limit, MaxLimit)
	}
	return q, nil
}

func count(values url.Values, name string) (int, error) {
	text := values.Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s=%q is no number of tasks", name, text)
	}
	return int(n), nil
}

// wants reports whether tasks of a group are asked for.
func (q *Query) wants(g group) bool {
	s := g.state()
	if q.Attention && !s.Attention() && !g.failing() {
		return false
	}
	if len(q.States) == 0 {
		return true
	}
	for _, one := range q.States {
		if one == s {
			return true
		}
	}
	return false
}

// matcher returns what a search matches, nil if it matches everything.
func (q *Query) matcher() func(id int64, file string) bool {
	if q.Search == "" {
		return nil
	}
	id, err := strconv.ParseInt(strings.TrimPrefix(q.Search, "#"), 10, 64)
	if err != nil {
		id = 0
	}
	part := strings.ToLower(q.Search)
	return func(task int64, file string) bool {
		return id != 0 && task == id || strings.Contains(strings.ToLower(file), part)
	}
}
