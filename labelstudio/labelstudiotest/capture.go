package labelstudiotest

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
)

//go:embed captures/*.json
var captured embed.FS

// Capture is a request that a real Label Studio 1.23.2 sent to a backend. The folder
// captures says how it was recorded, and what was replaced.
type Capture struct {
	Name    string            // such as "05-predict-open-task"
	What    string            `json:"what"` // made Label Studio send it
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body"` // nil: there was none
}

// Captures returns all recorded requests in the order in which they were sent, by their
// numbers.
func Captures() []Capture {
	files, err := captured.ReadDir("captures")
	if err != nil {
		panic(err) // embedded
	}
	var out []Capture
	for _, file := range files {
		c := Capture{Name: strings.TrimSuffix(file.Name(), ".json")}
		raw, err := captured.ReadFile("captures/" + file.Name())
		if err == nil {
			err = json.Unmarshal(raw, &c)
		}
		if err != nil {
			panic(fmt.Sprintf("%s: %v", file.Name(), err))
		}
		if string(c.Body) == "null" {
			c.Body = nil
		}
		out = append(out, c)
	}
	return out
}

// CaptureOf returns the recorded request whose name begins with a number, such as "05".
func CaptureOf(number string) Capture {
	for _, c := range Captures() {
		if strings.HasPrefix(c.Name, number+"-") {
			return c
		}
	}
	panic("labelstudiotest: no capture " + number)
}

// Request returns the request as a server gets it.
func (c Capture) Request() *http.Request { return c.RequestWith(c.Body) }

// RequestWith returns the request with another body.
func (c Capture) RequestWith(body []byte) *http.Request {
	r := httptest.NewRequest(c.Method, c.Path, bytes.NewReader(body))
	for k, v := range c.Headers {
		if k != "Content-Length" && k != "Host" {
			r.Header.Set(k, v)
		}
	}
	return r
}
