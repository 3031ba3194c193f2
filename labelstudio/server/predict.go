package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/results"

	"github.com/gofiber/fiber/v2"
)

// predict answers POST /predict.
func (b *Server) predict(c *fiber.Ctx) error {
	var r labelstudio.PredictRequest
	if err := b.decode(c, &r); err != nil {
		return err
	}
	if r.Tasks == nil {
		return labelstudio.Errorf(http.StatusBadRequest, `The request has no "tasks".`)
	}
	if r.Context != nil && len(r.Tasks) != 1 {
		return labelstudio.Errorf(http.StatusBadRequest, "An interactive request has one task, this one has %d.", len(r.Tasks))
	}
	if r.Context == nil && len(r.Hotwords) > 0 {
		return labelstudio.Errorf(http.StatusBadRequest, "Only a request about regions can have hotwords of its own; those of a project are among its extra params.")
	}
	ctx, cancel := context.WithTimeout(b.requests, b.options.PredictTimeout)
	defer cancel()
	p, err := b.project(ctx, &r)
	if err != nil {
		return err
	}
	version, err := b.version(ctx, p)
	if err != nil {
		return err
	}
	answers, err := b.options.Model.Predict(ctx, p, r.Tasks, r.Context)
	switch {
	case err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()):
		// Out of time is "not now", for every task.
		b.log.Warn("no time left to predict", keyRequest, c.Locals(keyRequest), keyProject, p.ID)
		answers = make([]labelstudio.Predictions, len(r.Tasks))
		for i := range answers {
			answers[i] = labelstudio.NotNow("the time of the request was up before it could be answered")
		}
	case err != nil:
		return err
	case len(answers) != len(r.Tasks):
		return fmt.Errorf("the model answered %d of %d tasks", len(answers), len(r.Tasks))
	}
	b.check(c, p, r.Tasks, answers, version)
	if len(answers) > 1 {
		withoutReasons(answers)
	}
	return sendJSON(c, http.StatusOK, reply(answers, r.Context != nil))
}

// withoutReasons removes the reasons from the answer to a request for many tasks: nobody sees
// them there, and each would be an error in Label Studio's log.
func withoutReasons(answers []labelstudio.Predictions) {
	for i, predictions := range answers {
		answers[i] = slices.DeleteFunc(predictions, func(p labelstudio.Prediction) bool { return p.Reason != "" })
	}
}

// reply writes the answer: an object for a task with one prediction, and a list for one with several
// or none. Label Studio takes one prediction in either form since 1.13, and only as an object before. An
// interactive request always wants an object.
func reply(answers []labelstudio.Predictions, interactive bool) []byte {
	const item = 256 // bytes of a typical item without its meta
	size := 64
	for _, predictions := range answers {
		for _, p := range predictions {
			size += 64 + item*len(p.Result)
			for i := range p.Result {
				size += len(p.Result[i].Meta)
			}
		}
	}
	b := append(make([]byte, 0, size), `{"results":[`...)
	for i := range answers {
		if i > 0 {
			b = append(b, ',')
		}
		switch p := answers[i]; {
		case interactive:
			b = appendFirst(b, p)
		case len(p) == 1 && p[0].Reason == "":
			b = p[0].AppendJSON(b)
		default:
			b = p.AppendJSON(b)
		}
	}
	return append(b, "]}"...)
}

// appendFirst appends the answer to an interactive request: the page wants an object, and one
// without regions when there is nothing to add.
func appendFirst(b []byte, predictions labelstudio.Predictions) []byte {
	var p labelstudio.Prediction
	if len(predictions) > 0 {
		p = predictions[0]
	}
	if p.Reason == "" {
		return p.AppendJSON(b)
	}
	b = append(b, `{"result":[],"reason":`...)
	return append(labelstudio.AppendString(b, p.Reason), '}')
}

// project puts together what the request and the store know of the project.
func (b *Server) project(ctx context.Context, r *labelstudio.PredictRequest) (*labelstudio.Project, error) {
	id := r.Project.ID()
	if id == 0 && len(r.Tasks) > 0 {
		id = r.Tasks[0].Project
	}
	config := r.LabelConfig
	if config == "" {
		var err error
		if config, _, err = b.options.Store.Get(ctx, id, labelstudio.KeyLabelConfig); err != nil {
			return nil, storeError("read", err)
		}
	}
	p := labelstudio.NewProject(id, config, b.options.Store)
	p.Login, p.Password, p.Hostname = r.Login, r.Password, r.Hostname
	return p, p.LoadExtraParams(ctx)
}

// check holds back predictions that Label Studio would refuse or ask for again for ever,
// and stamps the others. A task that loses its prediction gets the reason.
func (b *Server) check(c *fiber.Ctx, p *labelstudio.Project, tasks []labelstudio.Task, answers []labelstudio.Predictions, version string) {
	for i, predictions := range answers {
		for k := range predictions {
			if predictions[k].Reason != "" {
				continue
			}
			err := valid(p, &predictions[k], version)
			if err == nil {
				predictions[k].ModelVersion = version
				continue
			}
			b.log.Error("prediction held back", keyRequest, c.Locals(keyRequest),
				keyProject, p.ID, keyTask, tasks[i].ID, keyError, err)
			answers[i] = labelstudio.NotNow("the prediction was held back: " + err.Error())
			break
		}
	}
}

func valid(p *labelstudio.Project, prediction *labelstudio.Prediction, version string) error {
	if v := prediction.ModelVersion; v != "" && v != version {
		return fmt.Errorf("its version is %q, but /setup says %q", v, version)
	}
	if err := prediction.CheckRaw(); err != nil {
		return err
	}
	if err := results.ValidateScore(prediction.Score); err != nil {
		return err
	}
	if p.LabelConfig == "" {
		return nil // A request by hand: there is nothing to check against.
	}
	return results.Validate(prediction.Result, p.Config)
}
