package labelstudiotest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// reply is an answer of the API: JSON, or nothing if body is nil.
type reply struct {
	status int
	body   any
}

// failure is an error as Label Studio's exception handler writes it. The sentences are
// those of Django REST framework.
type failure struct {
	ID         string  `json:"id"`
	Status     int     `json:"status_code"`
	Version    string  `json:"version"`
	Detail     string  `json:"detail"`
	ExcInfo    *string `json:"exc_info"`
	Validation any     `json:"validation_errors,omitempty"`
}

// failureID stands for the random one of a failure.
const failureID = "5ca1ab1e-0000-4000-8000-000000000000"

func (s *Server) fail(status int, detail string) reply {
	return reply{status, failure{ID: failureID, Status: status, Version: s.options.Version, Detail: detail}}
}

// invalid is a validation error of one field.
func (s *Server) invalid(field, sentence string) reply {
	return s.invalidFields(map[string]any{field: []string{sentence}})
}

func (s *Server) invalidFields(wrong map[string]any) reply {
	return reply{http.StatusBadRequest, failure{ID: failureID, Status: http.StatusBadRequest, Version: s.options.Version, Detail: "Validation error", Validation: wrong}}
}

// missing is the answer for a thing that does not exist, such as a "Project".
func (s *Server) missing(kind string) reply {
	return s.fail(http.StatusNotFound, fmt.Sprintf("No %s matches the given query.", kind))
}

func (r reply) write(w http.ResponseWriter) {
	if r.body == nil {
		w.WriteHeader(r.status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(r.status)
	_ = json.NewEncoder(w).Encode(r.body) // the client is gone
}

// request is a request to a route.
type request struct {
	*http.Request
	body []byte
}

// number returns a number of the path, or of the query; 0 if it is none.
func (r request) number(name string) int64 {
	text := r.PathValue(name)
	if text == "" {
		text = r.URL.Query().Get(name)
	}
	n, _ := strconv.ParseInt(text, 10, 64) // zero is the identifier of nothing
	return n
}

// parse decodes the body.
func (r request) parse(into any) error {
	if err := json.Unmarshal(r.body, into); err != nil {
		return fmt.Errorf("JSON parse error - %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}
