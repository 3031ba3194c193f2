package learning

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/asr-backend/asr-backend/learn"
	"github.com/asr-backend/asr-backend/service/internal/back"
	"github.com/asr-backend/asr-backend/service/internal/reply"
	"github.com/asr-backend/asr-backend/service/knowledge"
	"github.com/asr-backend/asr-backend/wer"
)

// Routes of what is done to what a project has learnt. The POST routes take an Order.
const (
	Route         = "/learn"            // POST: learn now
	RouteText     = Route + "/text"     // POST: learn from a text; an empty one drops it
	RouteRollback = Route + "/rollback" // POST: use the version before, or the one that is named
	RouteForget   = Route + "/forget"   // POST: drop all that was learnt, and the texts
	RoutePhrases  = Route + "/phrases"  // POST: remove phrases, or let them be learnt again
	RouteProject  = "/projects/:id"     // GET: a Report, and how the model is trained; see package training
)

// Report is what GET /projects/7 answers of what was learnt.
type Report struct {
	Project int64  `json:"project"`
	Title   string `json:"title,omitempty"`
	// PredictionVersion is that of predictions, and Learnt that of what was learnt and is used;
	// empty for nothing.
	PredictionVersion string `json:"model_version,omitempty"`
	Learnt            string `json:"learnt"`
	Learns            bool   `json:"learns"`
	// Chosen is the version that the settings of the project choose, whatever is learnt.
	Chosen   string `json:"chosen,omitempty"`
	Learning bool   `json:"learning"` // a run is under way or waits
	// Problem is why the latest attempt at a run failed, and Hint what to do about it.
	Problem     string `json:"problem,omitempty"`
	Hint        string `json:"hint,omitempty"`
	Corrections int    `json:"corrections"`
	New         int    `json:"new_corrections"` // since the last run
	// Part is that of the language model of the project's texts.
	Part         float32        `json:"part,omitempty"`
	PhraseWeight float32        `json:"phrase_weight,omitempty"`
	Phrases      []learn.Phrase `json:"phrases"`
	Texts        map[string]int `json:"texts,omitempty"` // bytes, by name
	State
}

// Done is what POST routes answer.
type Done struct {
	Project int64  `json:"project"`
	Done    string `json:"done"` // a sentence
}

// Actions are the handlers of what is done to what a project has learnt, by route.
func (l *Learning) Actions() map[string]http.Handler {
	out := map[string]http.Handler{}
	for route, do := range map[string]func(ctx context.Context, o *Order) (string, error){
		Route: l.start, RouteText: l.text, RouteRollback: l.rollback, RouteForget: l.forget, RoutePhrases: l.phrases,
	} {
		out[route] = l.Handler(route, do)
	}
	return out
}

// Handler serves a POST route that does something to a project, or to what it has learnt. do gets the
// order, of a project that is connected, and returns a sentence that says what it did.
func (l *Learning) Handler(route string, do func(ctx context.Context, o *Order) (string, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o, form, err := parseOrder(r)
		if err == nil {
			err = l.Connected(r.Context(), o.Project)
		}
		var done string
		if err == nil {
			done, err = do(r.Context(), o)
		}
		switch {
		case err != nil:
			Respond(w, nil, err)
		case form.Has(back.Field):
			back.To(w, route, form.Get(back.Field))
		default:
			Respond(w, Done{o.Project, done}, nil)
		}
	})
}

// requestError is an error that whoever asked can mend.
type requestError struct {
	status int
	error
}

// Wrong is an error of a request that whoever asked can mend, with the status of the answer.
func Wrong(status int, format string, args ...any) error {
	return &requestError{status, fmt.Errorf(format, args...)}
}

// Connected returns an error for whoever asked if a project is not served.
func (l *Learning) Connected(ctx context.Context, project int64) error {
	switch {
	case project <= 0:
		return Wrong(http.StatusBadRequest, "name a project by its number in Label Studio, such as 7")
	case !slices.Contains(l.Projects.List(ctx), project):
		return Wrong(http.StatusNotFound, "project %d is not connected", project)
	}
	return nil
}

func (l *Learning) start(ctx context.Context, o *Order) (string, error) {
	p, err := l.Projects.Show(ctx, o.Project)
	if err == nil && !p.Settings.Learns() {
		return "", Wrong(http.StatusConflict, `the project does not learn: "learn" is off in its extra params, or --learn in the service`)
	}
	if _, err := l.Enqueue(ctx, o.Project, Asked); err != nil {
		return "", err
	}
	return fmt.Sprintf("the project learns; /projects/%d shows what", o.Project), nil
}

func (l *Learning) text(ctx context.Context, o *Order) (string, error) {
	if o.Text == "" {
		return l.drop(ctx, o)
	}
	text, err := plain(o.Name, []byte(o.Text))
	if err != nil {
		return "", Wrong(http.StatusBadRequest, "%s: %w", o.Name, err)
	}
	err = l.Knowledge.PutText(ctx, o.Project, o.Name, text)
	if refused, ok := errors.AsType[knowledge.RefusedError](err); ok {
		return "", Wrong(http.StatusBadRequest, "%w", refused)
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s is kept: %d words", o.Name, len(wer.Normalize(text))), nil
}

func (l *Learning) drop(ctx context.Context, o *Order) (string, error) {
	texts, err := l.Knowledge.Texts(ctx, o.Project)
	if err != nil {
		return "", err
	}
	if _, ok := texts[o.Name]; !ok {
		return "", Wrong(http.StatusNotFound, "the project has no text %.100q; GET /projects/%d lists those it has", o.Name, o.Project)
	}
	if err := l.Knowledge.DeleteText(ctx, o.Project, o.Name); err != nil {
		return "", err
	}
	return o.Name + " is dropped; what was learnt from it goes with the next run", nil
}

func (l *Learning) rollback(ctx context.Context, o *Order) (string, error) {
	return l.Rollback(ctx, o.Project, o.Version)
}

func (l *Learning) forget(ctx context.Context, o *Order) (string, error) {
	return "all that the project has learnt is dropped, and its texts; it learns again from what it has when somebody asks, or when corrections come", l.Forget(ctx, o.Project)
}

func (l *Learning) phrases(ctx context.Context, o *Order) (string, error) {
	if len(o.Remove)+len(o.Restore) == 0 {
		return "", Wrong(http.StatusBadRequest, `want phrases, as in {"project": 7, "remove": ["a phrase"]}`)
	}
	if err := l.ChangePhrases(ctx, o.Project, o.Remove, o.Restore); err != nil {
		return "", err
	}
	return "the list is changed; the project learns", nil
}

// Respond answers a request: with an error, or else with a value as JSON.
func Respond(w http.ResponseWriter, v any, err error) {
	if err == nil {
		reply.JSON(w, http.StatusOK, v)
		return
	}
	status := http.StatusServiceUnavailable
	if asked, ok := errors.AsType[*requestError](err); ok {
		status = asked.status
	}
	reply.Error(w, status, err)
}
