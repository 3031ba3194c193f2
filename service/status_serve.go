package service

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/asr-backend/asr-backend/service/overview"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/statuspage"
)

// serveStatus answers with JSON, with a page for a browser, or with a table of tasks. The
// parameters are those of overview.ParseQuery, and
//
//	project   one project alone
//	deleted   1: also projects that Label Studio does not know any more
//	format    json, html or csv; without it the Accept header decides
func (s *Service) serveStatus(w http.ResponseWriter, r *http.Request) {
	values := r.URL.Query()
	a := asked{project: projects.ParseName(values.Get("project")), deleted: values.Get("deleted") == "1"}
	format := values.Get("format")
	if format != "json" && format != "csv" && (format == "html" || strings.Contains(r.Header.Get("Accept"), "text/html")) {
		format = "html"
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Vary", "Accept")
	var err error
	if a.query, err = overview.ParseQuery(values); err != nil {
		refuse(w, format, err)
		return
	}
	switch format {
	case "html":
		s.servePage(w, r, values, a)
	case "csv":
		s.serveTable(w, r, a)
	default:
		a.plain = plain(values)
		w.Header().Set("Content-Type", "application/json")
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		_ = e.Encode(s.gather(r.Context(), a)) // the client is gone, and nobody is left to read an error
	}
}

// plain reports whether a request chooses no tasks and no order.
func plain(values url.Values) bool {
	for _, name := range []string{"state", "attention", "search", "sort", "offset", "limit"} {
		if values.Has(name) {
			return false
		}
	}
	return true
}

func refuse(w http.ResponseWriter, format string, err error) {
	if format == "html" || format == "csv" {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": http.StatusBadRequest, "detail": err.Error()}) // as above
}

func (s *Service) servePage(w http.ResponseWriter, r *http.Request, values url.Values, a asked) {
	tasks := a.query
	a.query.Limit = -1
	v := &statuspage.View{Status: s.gather(r.Context(), a), Query: tasks, Links: s.links(), Control: s.controlled()}
	v.Links.Asked = values
	if strings.HasSuffix(r.URL.Path, "/") {
		v.Links.Below = "../"
	}
	v.Others = a.project != 0 && len(s.projects.List(r.Context())) > 1
	if len(v.Projects) == 1 && (a.project != 0 || v.Deleted == 0) {
		v.Alone = &v.Projects[0]
	}
	v.Listed = v.Alone != nil || !v.Unfiltered() || values.Has("sort") || values.Has("offset")
	if !v.Listed {
		tasks.Limit = -1
	}
	v.Found = s.overview.Query(r.Context(), s.open(), shown(v.Projects), tasks)
	var page bytes.Buffer
	if err := v.Write(&page); err != nil {
		s.log.Error("status page", "error", err)
		http.Error(w, "the page could not be made; see the log", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", statuspage.Policy())
	w.Header().Set("Referrer-Policy", "same-origin")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = page.WriteTo(w) // the client is gone
}

func shown(list []ProjectStatus) []int64 {
	ids := make([]int64, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	return ids
}

func (s *Service) serveTable(w http.ResponseWriter, r *http.Request, a asked) {
	tasks := a.query
	a.query.Limit = -1
	list := s.gather(r.Context(), a).Projects
	titles := map[int64]string{}
	for _, p := range list {
		titles[p.ID] = p.Title
	}
	name := "tasks.csv"
	if a.project != 0 {
		name = fmt.Sprintf("tasks-of-project-%d.csv", a.project)
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	t := statuspage.Table{Links: s.links(), Title: func(id int64) string { return titles[id] }}
	err := t.Begin(w)
	if err == nil {
		s.overview.Each(r.Context(), s.open(), shown(list), tasks, func(one overview.Task) bool {
			err = t.Add(&one)
			return err == nil
		})
	}
	if err == nil {
		err = t.End()
	}
	if err != nil {
		s.log.Warn("table of tasks", "error", err)
	}
}

// controlled reports whether people may cancel, retry and prioritize tasks: the routes for that are
// closed without a password.
func (s *Service) controlled() bool { return !s.options.Password.IsZero() }
