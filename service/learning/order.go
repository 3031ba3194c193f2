package learning

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"unicode/utf8"

	"github.com/asr-backend/asr-backend/internal/jsonerr"
	"github.com/asr-backend/asr-backend/service/internal/back"
)

// Order is the body of a POST: JSON, or a form with fields of the same names, in which remove and
// restore may be repeated. A form with the field "return" leads back to that place of /status.
type Order struct {
	// Project may also be given in the address: /learn?project=7.
	Project int64    `json:"project"`
	Name    string   `json:"name,omitempty"` // of a text
	Text    string   `json:"text,omitempty"`
	Version string   `json:"version,omitempty"` // to go back to
	Remove  []string `json:"remove,omitempty"`  // phrases
	Restore []string `json:"restore,omitempty"`
	Model   string   `json:"model,omitempty"` // to use; empty: that of the settings
}

// parseOrder reads a request, whose body is bounded. The form is empty if it has none.
func parseOrder(r *http.Request) (o *Order, form url.Values, err error) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")) // one that cannot be read is none
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, nil, Wrong(http.StatusBadRequest, "the body broke off")
	}
	o = &Order{}
	switch {
	case len(raw) == 0:
	case !utf8.Valid(raw): // encoding/json would replace what it cannot read
		return nil, nil, Wrong(http.StatusBadRequest, "the body is not UTF-8; save the text as UTF-8")
	case kind == "application/json":
		o, err = parseJSON(raw)
	case kind == "application/x-www-form-urlencoded":
		if form, err = url.ParseQuery(string(raw)); err == nil {
			o, err = parseForm(form)
		}
	default:
		return nil, nil, Wrong(http.StatusUnsupportedMediaType, "send application/json or application/x-www-form-urlencoded")
	}
	if err != nil {
		return nil, nil, Wrong(http.StatusBadRequest, "%w", err)
	}
	if text := r.URL.Query().Get("project"); text != "" {
		o.Project, _ = strconv.ParseInt(text, 10, 64) // what is no number is no project
	}
	return o, form, nil
}

func parseJSON(raw []byte) (*Order, error) {
	o := &Order{}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(o); err != nil {
		return nil, fmt.Errorf(`want JSON such as {"project": 7}: %w`, jsonerr.Explain(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New(`want JSON such as {"project": 7}, and nothing after it`)
	}
	return o, nil
}

func parseForm(form url.Values) (*Order, error) {
	o := &Order{Name: form.Get("name"), Text: form.Get("text"), Version: form.Get("version"), Remove: form["remove"], Restore: form["restore"], Model: form.Get("model")}
	for name := range form {
		switch name {
		case "name", "text", "version", "remove", "restore", "model", back.Field:
		case "project":
			o.Project, _ = strconv.ParseInt(form.Get(name), 10, 64) // as above
		default:
			return nil, fmt.Errorf("a form has no field %.60q here; JSON needs the header Content-Type: application/json", name)
		}
	}
	return o, nil
}
