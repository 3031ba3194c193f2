// Package reply answers requests with JSON, in the form that all routes of the service share.
package reply

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/asr-backend/asr-backend/internal/hint"
	"github.com/asr-backend/asr-backend/jobs"
)

// JSON answers with a value.
func JSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(v) // the client is gone, and nobody is left to read an error
}

// Error answers with an error and its hint.
func Error(w http.ResponseWriter, status int, err error) {
	detail := err.Error()
	if advice := hint.Of(err); advice != "" {
		detail += "; " + advice
	}
	if status == http.StatusServiceUnavailable && errors.Is(err, jobs.ErrClosed) {
		detail = "the service is stopping"
	}
	JSON(w, status, struct {
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{status, detail})
}
