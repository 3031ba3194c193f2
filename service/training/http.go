package training

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/asr-backend/asr-backend/service/learning"
	"github.com/asr-backend/asr-backend/service/modelpool"
	"github.com/asr-backend/asr-backend/service/projects"
)

// Routes of training. The POST routes take a learning.Order.
const (
	Route      = learning.Route + "/train" // POST: train now
	RouteStop  = Route + "/stop"           // POST: stop that
	RouteLog   = Route + "/log"            // GET: what the command has written, of ?project=7
	RouteModel = learning.Route + "/model" // POST: use a model that is named, or that of the settings
)

// Report is what GET /projects/7 answers: what the project has learnt, and how its model is trained.
type Report struct {
	*learning.Report
	Training *Status `json:"training"`
}

// Actions are the handlers of what is done, by route.
func (t *Training) Actions() map[string]http.Handler {
	return map[string]http.Handler{
		Route:      t.Learning.Handler(Route, t.start),
		RouteStop:  t.Learning.Handler(RouteStop, t.stop),
		RouteModel: t.Learning.Handler(RouteModel, t.choose),
	}
}

// Shown are the handlers of what people can see, by route.
func (t *Training) Shown() map[string]http.Handler {
	return map[string]http.Handler{learning.RouteProject: http.HandlerFunc(t.serveProject), RouteLog: http.HandlerFunc(t.serveLog)}
}

func (t *Training) start(ctx context.Context, o *learning.Order) (string, error) {
	if !t.On() {
		return "", learning.Wrong(http.StatusConflict, "the service trains no models: it was started without --train-command")
	}
	p, err := t.Projects.Show(ctx, o.Project)
	if err == nil && !p.Settings.Learns() {
		return "", learning.Wrong(http.StatusConflict, `the project does not learn: "learn" is off in its extra params, or --learn in the service`)
	}
	if _, err := t.Learning.Enqueue(ctx, o.Project, learning.Asked); err != nil {
		return "", err
	}
	created, err := t.Enqueue(ctx, o.Project)
	if err != nil {
		return "", err
	}
	if !created {
		return fmt.Sprintf("a model of the project is being trained already; /projects/%d shows what comes of it", o.Project), nil
	}
	return fmt.Sprintf("a model of the project is trained; /projects/%d shows what comes of it", o.Project), nil
}

func (t *Training) stop(ctx context.Context, o *learning.Order) (string, error) {
	err := t.Stop(ctx, o.Project)
	if errors.Is(err, errNotTrained) {
		return "", learning.Wrong(http.StatusConflict, "%w", err)
	}
	return "the training is stopped; the project goes on with the model that it has", err
}

var modelName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// choose has a project use a model in place of the one that its settings name, or the latter again.
func (t *Training) choose(ctx context.Context, o *learning.Order) (string, error) {
	p, err := t.Projects.Present(ctx, o.Project)
	gone, ok := errors.AsType[*projects.TrainedModelError](err) // which is a reason to choose another
	if err != nil && !ok {
		return "", err
	}
	var key modelpool.Key
	if ok {
		key.Name = gone.Trained.From
	} else {
		key = p.Settings.ModelKey()
		key.Name = p.ChosenModel
	}
	from := key.Name
	trained := projects.Trained{}
	if o.Model != "" && o.Model != from {
		if !modelName.MatchString(o.Model) { // paths are for whoever runs the service
			return "", learning.Wrong(http.StatusBadRequest, "%.100q is not the name of a model", o.Model)
		}
		key.Name = o.Model
		if _, err := t.Models.Identity(ctx, key); err != nil {
			return "", learning.Wrong(http.StatusNotFound, "%w", err)
		}
		trained = projects.Trained{From: from, Model: o.Model}
	}
	if err := t.Projects.SetTrained(ctx, o.Project, trained); err != nil {
		return "", err
	}
	t.log.Info("a person chose the model of a project", "project", o.Project, "model", trained.Model, "from", from)
	t.Due.Now(o.Project)
	if trained.Model == "" {
		return fmt.Sprintf("the project uses the model of its settings, %s; what its decoder has learnt stays, see --rollback", from), nil
	}
	return fmt.Sprintf("the project uses model %s in place of %s", trained.Model, from), nil
}

func (t *Training) serveProject(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.ParseInt(path.Base(strings.TrimSuffix(r.URL.Path, "/")), 10, 64) // what is no number is no project
	report, err := t.report(r.Context(), id)
	learning.Respond(w, report, err)
}

func (t *Training) report(ctx context.Context, project int64) (*Report, error) {
	if err := t.Learning.Connected(ctx, project); err != nil {
		return nil, err
	}
	learnt, err := t.Learning.Report(ctx, project)
	if err != nil {
		return nil, err
	}
	status, err := t.Status(ctx, project)
	return &Report{learnt, status}, err
}

func (t *Training) serveLog(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.ParseInt(r.URL.Query().Get("project"), 10, 64) // as above
	err := t.Learning.Connected(r.Context(), id)
	text := t.Log(id)
	if err == nil && text == "" {
		err = learning.Wrong(http.StatusNotFound, "there is no log: the training command has not been run for project %d here", id)
	}
	if err != nil {
		learning.Respond(w, nil, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(text)) // the client is gone
}
