package service_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// ServeHTTP is the API.
func (ls *studio) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.seen = append(ls.seen, r.Method+" "+r.URL.RequestURI())
	if ls.refuse != nil && ls.refuse(w, r) {
		return
	}
	if r.Header.Get("Authorization") != ls.auth {
		say(w, http.StatusUnauthorized, map[string]any{"detail": "Invalid token."})
		return
	}
	path := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch route := r.Method + " " + strings.Join(numbersOut(path), "/"); route {
	case "GET api/projects/N":
		if p := ls.projects[number(path[2])]; p != nil {
			say(w, 200, map[string]any{"id": p.id, "label_config": p.config})
			return
		}
	case "GET api/tasks":
		ls.list(w, r)
		return
	case "GET api/tasks/N":
		ls.t.Errorf("%s: this makes Label Studio ask for predictions", r.URL)
	case "PATCH api/tasks/N":
		if t := ls.tasks[number(path[2])]; t != nil {
			var change struct{ Data map[string]any }
			if json.Unmarshal(body, &change) == nil {
				t.data = change.Data
			}
			say(w, 200, ls.encode(t, true))
			return
		}
	case "GET api/predictions":
		say(w, 200, ls.stored(number(r.URL.Query().Get("task"))))
		return
	case "POST api/predictions":
		var p row
		if err := json.Unmarshal(body, &p); err != nil || ls.tasks[p.Task] == nil {
			say(w, 400, map[string]any{"validation_errors": map[string]any{"task": []string{fmt.Sprintf("Invalid pk %q - object does not exist.", fmt.Sprint(p.Task))}}})
			return
		}
		say(w, 201, ls.keep(p))
		return
	case "DELETE api/predictions/N":
		if id := number(path[2]); ls.rows[id] != nil {
			delete(ls.rows, id)
			w.WriteHeader(http.StatusNoContent)
			return
		}
	default:
		ls.t.Errorf("unexpected request %s %s", r.Method, r.URL)
	}
	say(w, http.StatusNotFound, map[string]any{"detail": "Not found."})
}

// keep stores a prediction as a new row, with the lock held.
func (ls *studio) keep(p row) *row {
	p.ID = ls.id()
	ls.rows[p.ID] = &p
	return &p
}

// list answers with a page of tasks.
func (ls *studio) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	var query struct {
		SelectedItems struct{ Included []int64 }
	}
	selected := q.Get("query") != ""
	if selected {
		if err := json.Unmarshal([]byte(q.Get("query")), &query); err != nil {
			ls.t.Errorf("query %q: %v", q.Get("query"), err)
		}
	}
	project := number(q.Get("project"))
	if ls.projects[project] == nil {
		say(w, http.StatusNotFound, map[string]any{"detail": "Not found."})
		return
	}
	var all []*lsTask
	for _, id := range slices.Sorted(maps.Keys(ls.tasks)) {
		if t := ls.tasks[id]; t.project == project && (!selected || slices.Contains(query.SelectedItems.Included, id)) {
			all = append(all, t)
		}
	}
	size, page := int(number(q.Get("page_size"))), int(number(q.Get("page")))
	out := []any{}
	for _, t := range all[min(len(all), (page-1)*size):min(len(all), page*size)] {
		out = append(out, ls.encode(t, q.Get("fields") == "all"))
	}
	say(w, 200, map[string]any{"total": len(all), "tasks": out})
}

func say(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // whoever asked is gone
}

func number(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64) // no number is no id
	return n
}

func numbersOut(path []string) []string {
	out := slices.Clone(path)
	for i, p := range out {
		if number(p) > 0 {
			out[i] = "N"
		}
	}
	return out
}
