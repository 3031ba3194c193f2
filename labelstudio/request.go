package labelstudio

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// ProjectRef names a project as the wire does: "<id>.<unix second of its creation>".
type ProjectRef string

// UnmarshalJSON takes a string or a bare number.
func (r *ProjectRef) UnmarshalJSON(b []byte) error {
	*r = ProjectRef(textOf(b))
	return nil
}

// ID returns the project's id, or zero when there is none.
func (r ProjectRef) ID() int64 {
	id, _, _ := strings.Cut(string(r), ".")
	n, err := strconv.ParseInt(strings.TrimSpace(id), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// SetupRequest is the body of POST /setup.
type SetupRequest struct {
	Project ProjectRef
	Schema  string // the labelling configuration
	// Hostname is Label Studio's address as it knows it, often one that only works on its
	// own machine. AccessToken is the project creator's legacy token, sent even where
	// Label Studio no longer accepts such tokens.
	Hostname    string
	AccessToken Secret
	// ExtraParams is the JSON that was typed when connecting, of any type. Nil means that
	// the request did not say, which leaves an earlier value as it is: Label Studio sends
	// null in the middle of changing other settings.
	ExtraParams json.RawMessage
}

// UnmarshalJSON reads the request and tolerates missing and null fields.
func (r *SetupRequest) UnmarshalJSON(b []byte) error {
	var w struct {
		Project     ProjectRef      `json:"project"`
		Schema      label           `json:"schema"`
		Hostname    label           `json:"hostname"`
		AccessToken label           `json:"access_token"`
		ExtraParams json.RawMessage `json:"extra_params"`
	}
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	*r = SetupRequest{
		Project: w.Project, Schema: string(w.Schema), Hostname: string(w.Hostname),
		AccessToken: NewSecret(string(w.AccessToken)), ExtraParams: present(w.ExtraParams),
	}
	return nil
}

// PredictRequest is the body of POST /predict.
type PredictRequest struct {
	Tasks []Task // also from a single task in place of the list
	// Project and LabelConfig are empty in requests written by hand.
	Project     ProjectRef
	LabelConfig string
	// Login and Password are the project's credentials for protected media, for HTTP
	// Basic authentication with the media's own server.
	Login    string
	Password Secret
	// Hostname is Label Studio's address, sent by some versions only.
	Hostname string
	// Context is nil unless an annotator is at work on the task right now.
	Context *Context
	// Hotwords are words and phrases that the sender expects to be said. Label Studio sends none.
	Hotwords []string
}

// Context is what the annotator's page knows in an interactive request.
type Context struct {
	// Result holds the regions on the page, those just drawn among them.
	Result []Item
	// AnnotationID, DraftID and UserID are zero where the sender does not give them.
	AnnotationID, DraftID, UserID int64
	// Hotwords are those of the request.
	Hotwords []string
}

// UnmarshalJSON reads the request and tolerates missing and null fields.
func (r *PredictRequest) UnmarshalJSON(b []byte) error {
	var w struct {
		Tasks       list[Task]      `json:"tasks"`
		Project     ProjectRef      `json:"project"`
		LabelConfig label           `json:"label_config"`
		Params      json.RawMessage `json:"params"`
	}
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	params := objectFields(w.Params)
	*r = PredictRequest{
		Tasks: w.Tasks, Project: w.Project, LabelConfig: string(w.LabelConfig),
		Login: textOf(params["login"]), Password: NewSecret(textOf(params["password"])),
		Hostname: textOf(params["hostname"]),
	}
	if raw := present(params["hotwords"]); raw != nil {
		if err := json.Unmarshal(raw, &r.Hotwords); err != nil {
			if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
				wrong.Field = "params.hotwords"
			}
			return err
		}
	}
	if raw := present(params["context"]); len(raw) > 0 && raw[0] == '{' {
		r.Context = new(Context)
		if err := json.Unmarshal(raw, r.Context); err != nil {
			return err
		}
		r.Context.Hotwords = r.Hotwords
	}
	return nil
}

// UnmarshalJSON reads the context and tolerates missing and null fields.
func (c *Context) UnmarshalJSON(b []byte) error {
	var w struct {
		Result       list[Item] `json:"result"`
		AnnotationID number     `json:"annotation_id"`
		DraftID      number     `json:"draft_id"`
		UserID       number     `json:"user_id"`
	}
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	*c = Context{
		Result: w.Result, AnnotationID: int64(w.AnnotationID),
		DraftID: int64(w.DraftID), UserID: int64(w.UserID),
	}
	return nil
}

// present returns raw, or nil for a missing or null value.
func present(raw json.RawMessage) json.RawMessage {
	if raw = bytes.TrimSpace(raw); string(raw) == "null" || len(raw) == 0 {
		return nil
	}
	return raw
}
