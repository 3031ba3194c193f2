package labelstudiotest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// query is the parameter of that name, with which lists of tasks are chosen. Keys that
// are not known are ignored.
type query struct {
	Selected *selection `json:"selectedItems"`
	Filters  *struct {
		Conjunction string   `json:"conjunction"`
		Items       []filter `json:"items"`
	} `json:"filters"`
	Ordering []string `json:"ordering"`
}

type selection struct {
	All      bool    `json:"all"`
	Included []int64 `json:"included"`
	Excluded []int64 `json:"excluded"`
}

// versionColumn is the one column that is not a number.
const versionColumn = "filter:tasks:predictions_model_versions"

type filter struct {
	Column   string `json:"filter"`
	Operator string `json:"operator"`
	Value    any    `json:"value"`
}

// choose returns the tasks of a project that a request's parameters ask for, in their
// order, and whether by their versions, with the lock held. Errors are internal errors of
// the real server too.
func (s *Server) choose(project int64, values url.Values) (out []*Task, byVersion bool, err error) {
	var q query
	if text := values.Get("query"); text != "" {
		if err := json.Unmarshal([]byte(text), &q); err != nil {
			return nil, false, fmt.Errorf("query: %w", err)
		}
	}
	if q.Filters != nil && q.Filters.Conjunction != "or" && q.Filters.Conjunction != "and" {
		return nil, false, errors.New("1 validation error for PrepareParams\nfilters.conjunction\n  Input should be 'or' or 'and'")
	}
	for _, t := range s.tasks.of[project] {
		ok := q.Selected == nil || q.Selected.has(t.ID)
		if ok && q.Filters != nil && len(q.Filters.Items) > 0 {
			some, every := false, true
			for _, f := range q.Filters.Items {
				one, err := s.passes(t, f)
				if err != nil {
					return nil, false, err
				}
				byVersion = byVersion || f.Column == versionColumn
				some, every = some || one, every && one
			}
			ok = every || some && q.Filters.Conjunction == "or"
		}
		if ok {
			out = append(out, t)
		}
	}
	return out, byVersion, s.order(out, q.Ordering)
}

func (c *selection) has(id int64) bool {
	if c.All {
		return !slices.Contains(c.Excluded, id)
	}
	return slices.Contains(c.Included, id)
}

// passes reports whether a task passes a filter.
func (s *Server) passes(t *Task, f filter) (bool, error) {
	column, ok := strings.CutPrefix(f.Column, "filter:tasks:")
	if !ok {
		return false, errors.New("reduce() of empty iterable with no initial value")
	}
	if f.Column == versionColumn {
		return s.passesVersions(t, f), nil
	}
	n, ok := s.count(t, column)
	if !ok {
		s.errorf("no filter for %q; see Server for those that there are", f.Column)
		return false, fmt.Errorf("no column %q", column)
	}
	switch f.Operator {
	case "less":
		return n < number(f.Value), nil
	case "less_or_equal":
		return n <= number(f.Value), nil
	case "greater":
		return n > number(f.Value), nil
	case "greater_or_equal":
		return n >= number(f.Value), nil
	case "not_equal":
		return n != number(f.Value), nil
	case "in", "not_in":
		bounds, _ := f.Value.(map[string]any)
		return (n >= number(bounds["min"]) && n <= number(bounds["max"])) == (f.Operator == "in"), nil
	case "in_list", "not_in_list":
		list, _ := f.Value.([]any)
		return slices.ContainsFunc(list, func(v any) bool { return n == number(v) }) == (f.Operator == "in_list"), nil
	case "empty": // for counts zero is empty
		return (n == 0) == truth(f.Value), nil
	}
	return n == number(f.Value), nil // whatever the operator is called
}

// passesVersions filters by the versions of a task's predictions. Versions contain a value
// in any place, so that "v1" is found in "v12". A value that is no list counts as the list
// of its letters.
func (s *Server) passesVersions(t *Task, f filter) bool {
	versions := s.versions(t.ID)
	contains := func() bool {
		list, ok := f.Value.([]any)
		if !ok {
			for _, letter := range fmt.Sprint(f.Value) {
				list = append(list, string(letter))
			}
		}
		return slices.ContainsFunc(versions, func(v string) bool {
			return slices.ContainsFunc(list, func(part any) bool { return strings.Contains(v, fmt.Sprint(part)) })
		})
	}
	switch f.Operator {
	case "contains":
		return contains()
	case "not_contains":
		return !contains()
	case "empty":
		return (len(s.predictions.of[t.ID]) == 0) == truth(f.Value)
	}
	s.errorf("no operator %q for %s", f.Operator, f.Column)
	return false
}

// count returns a column of numbers, and false if it is none.
func (s *Server) count(t *Task, column string) (float64, bool) {
	switch column {
	case "id":
		return float64(t.ID), true
	case "total_predictions":
		return float64(len(s.predictions.of[t.ID])), true
	case "total_annotations":
		return float64(len(s.annotations.of[t.ID])), true
	}
	return 0, false
}

// order sorts tasks by identifier, or by the columns that are named, such as "-tasks:id".
func (s *Server) order(tasks []*Task, columns []string) error {
	for _, name := range columns {
		if _, ok := s.count(&Task{}, columnOf(name)); !ok {
			s.errorf("no order by %q", name)
			return fmt.Errorf("no column %q", columnOf(name))
		}
	}
	slices.SortFunc(tasks, func(a, b *Task) int {
		for _, name := range columns {
			x, _ := s.count(a, columnOf(name))
			y, _ := s.count(b, columnOf(name))
			if strings.HasPrefix(name, "-") {
				x, y = y, x
			}
			if c := cmp.Compare(x, y); c != 0 {
				return c
			}
		}
		return cmp.Compare(a.ID, b.ID)
	})
	return nil
}

func columnOf(name string) string {
	return strings.TrimPrefix(strings.TrimPrefix(name, "-"), "tasks:")
}

// number is a value that is compared with numbers, which may be written as a string.
func number(v any) float64 {
	n, _ := strconv.ParseFloat(fmt.Sprint(v), 64)
	return n
}

func truth(v any) bool { return strings.EqualFold(fmt.Sprint(v), "true") }
