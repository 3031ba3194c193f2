package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/asr-backend/asr-backend/labelstudio"
)

// Predictions returns all predictions that are stored for a task.
func (c *Client) Predictions(ctx context.Context, task int64) ([]labelstudio.StoredPrediction, error) {
	var list []labelstudio.StoredPrediction
	err := c.do(ctx, call{op: fmt.Sprintf("list the predictions of task %d", task), method: http.MethodGet, path: "/api/predictions/",
		query: url.Values{"task": {strconv.FormatInt(task, 10)}}, reply: &list})
	return list, err
}

// row is a prediction for a task as the API takes it.
type row struct {
	Task    int64           `json:"task"`
	Result  json.RawMessage `json:"result"`
	Score   float64         `json:"score"`
	Version string          `json:"model_version,omitempty"`
}

func newRow(task int64, p labelstudio.Prediction) (row, error) {
	if err := p.CheckRaw(); err != nil {
		return row{}, err
	}
	items := p.Result
	if items == nil {
		items = []labelstudio.Item{}
	}
	raw, err := json.Marshal(items)
	return row{Task: task, Result: raw, Score: p.Score, Version: p.ModelVersion}, err
}

// CreatePrediction stores a prediction and returns its id. Label Studio looks for no
// twin: the same prediction twice is two rows.
func (c *Client) CreatePrediction(ctx context.Context, task int64, p labelstudio.Prediction) (int64, error) {
	op := fmt.Sprintf("store a prediction for task %d", task)
	r, err := newRow(task, p)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", op, err)
	}
	var reply struct {
		ID int64 `json:"id"`
	}
	err = c.do(ctx, call{op: op, method: http.MethodPost, path: "/api/predictions/", body: r, reply: &reply})
	return reply.ID, err
}

// UpdatePrediction replaces the content of a stored prediction of a task. If it is gone, the error
// has the status 404.
func (c *Client) UpdatePrediction(ctx context.Context, id, task int64, p labelstudio.Prediction) error {
	op := fmt.Sprintf("update prediction %d of task %d", id, task)
	r, err := newRow(task, p)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return c.do(ctx, call{op: op, method: http.MethodPatch, path: fmt.Sprintf("/api/predictions/%d/", id), body: r})
}

// DeletePrediction removes a prediction. One that is gone already is no error.
func (c *Client) DeletePrediction(ctx context.Context, id int64) error {
	err := c.do(ctx, call{op: fmt.Sprintf("delete prediction %d", id), method: http.MethodDelete,
		path: fmt.Sprintf("/api/predictions/%d/", id)})
	if Status(err) == http.StatusNotFound {
		return nil
	}
	return err
}

// TaskPrediction is a prediction for a task.
type TaskPrediction struct {
	Task       int64
	Prediction labelstudio.Prediction
}

// ImportError says that Label Studio took fewer predictions than it was sent. It does not
// say which.
type ImportError struct{ Sent, Created int }

// Error says how many are missing.
func (e *ImportError) Error() string {
	return fmt.Sprintf("Label Studio stored %d of %d predictions and skipped the rest, "+
		"which it does with those that do not fit the labelling configuration", e.Created, e.Sent)
}

// ImportPredictions stores many predictions of a project in one request. It is slower for
// one large prediction than CreatePrediction. An unknown task fails all of them.
func (c *Client) ImportPredictions(ctx context.Context, project int64, list []TaskPrediction) error {
	op := fmt.Sprintf("import predictions into project %d", project)
	rows := make([]row, len(list))
	for i := range list {
		var err error
		if rows[i], err = newRow(list[i].Task, list[i].Prediction); err != nil {
			return fmt.Errorf("%s: task %d: %w", op, list[i].Task, err)
		}
	}
	var reply struct {
		Created int `json:"created"`
	}
	err := c.do(ctx, call{op: op, method: http.MethodPost,
		path: fmt.Sprintf("/api/projects/%d/import/predictions", project), body: rows, reply: &reply})
	if err != nil {
		return err
	}
	if reply.Created != len(rows) {
		return fmt.Errorf("%s: %w", op, &ImportError{Sent: len(rows), Created: reply.Created})
	}
	return nil
}

// PutPrediction makes sure that a task has exactly one prediction of p's version, and none
// of older versions that are ours. It is safe to repeat after a crash at any point: a row
// of the version is kept, a partial one that is ours becomes the row of the version, and other new
// ones are stored before old ones go. Two at once for one task may leave two rows; the next call
// removes one.
func (c *Client) PutPrediction(ctx context.Context, task int64, p labelstudio.Prediction, ours func(version string) bool) (int64, error) {
	stored, err := c.Predictions(ctx, task)
	if err != nil {
		return 0, err
	}
	// The oldest row of the version stays: annotations may have been made from it.
	slices.SortFunc(stored, func(a, b labelstudio.StoredPrediction) int { return int(a.ID - b.ID) })
	var keep, partial int64
	var drop []int64
	for _, s := range stored {
		switch {
		case s.ModelVersion == p.ModelVersion && keep == 0:
			keep = s.ID
		case s.ModelVersion == labelstudio.PartialVersion(p.ModelVersion) && partial == 0 && ours(s.ModelVersion):
			partial = s.ID
		case s.ModelVersion == p.ModelVersion || ours(s.ModelVersion):
			drop = append(drop, s.ID)
		}
	}
	switch {
	case partial == 0:
	case keep == 0:
		keep = partial // so that the task has one prediction at each moment
		if err := c.UpdatePrediction(ctx, keep, task, p); Status(err) == http.StatusNotFound {
			keep = 0 // somebody has deleted it
		} else if err != nil {
			return 0, err
		}
	default:
		drop = append(drop, partial)
	}
	if keep == 0 {
		if keep, err = c.CreatePrediction(ctx, task, p); err != nil {
			return 0, err
		}
	}
	for _, id := range drop {
		if err := c.DeletePrediction(ctx, id); err != nil {
			return keep, err
		}
	}
	return keep, nil
}
