package api

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"github.com/asr-backend/asr-backend/internal/without"
	"github.com/asr-backend/asr-backend/labelstudio"
)

// TaskPage is how many tasks are asked for at once.
const TaskPage = 100

// Tasks returns the tasks of a project, in Label Studio's order. With history they carry
// their annotations and predictions, which may be megabytes each. Tasks that come or go
// meanwhile may be missed or seen twice. An error ends the sequence.
func (c *Client) Tasks(ctx context.Context, project int64, history bool) iter.Seq2[labelstudio.Task, error] {
	return c.tasks(ctx, project, history, "")
}

// Task returns one task with its annotations and predictions, through the list route:
// reading it directly would make Label Studio ask for predictions.
func (c *Client) Task(ctx context.Context, project, id int64) (labelstudio.Task, error) {
	query := fmt.Sprintf(`{"selectedItems":{"all":false,"included":[%d]}}`, id)
	for task, err := range c.tasks(ctx, project, true, query) {
		if err != nil {
			return labelstudio.Task{}, err
		}
		if task.ID == id {
			return task, nil
		}
	}
	return labelstudio.Task{}, &Error{Op: fmt.Sprintf("read task %d", id), Method: http.MethodGet,
		URL: without.Secrets(c.base) + "/api/tasks/", Status: http.StatusNotFound,
		Hint: fmt.Sprintf("Project %d has no such task.", project)}
}

func (c *Client) tasks(ctx context.Context, project int64, history bool, query string) iter.Seq2[labelstudio.Task, error] {
	fields := "task_only"
	if history {
		fields = "all"
	}
	return func(yield func(labelstudio.Task, error) bool) {
		for page := 1; ; page++ {
			var reply struct {
				Total int                `json:"total"`
				Tasks []labelstudio.Task `json:"tasks"`
			}
			values := url.Values{
				"project": {strconv.FormatInt(project, 10)}, "fields": {fields},
				"page": {strconv.Itoa(page)}, "page_size": {strconv.Itoa(TaskPage)},
			}
			if query != "" {
				values.Set("query", query)
			}
			err := c.do(ctx, call{op: fmt.Sprintf("list the tasks of project %d", project),
				method: http.MethodGet, path: "/api/tasks/", query: values, reply: &reply})
			if err != nil {
				// The last page may have emptied since its number was known.
				if page > 1 && Status(err) == http.StatusNotFound {
					return
				}
				yield(labelstudio.Task{}, err)
				return
			}
			for _, task := range reply.Tasks {
				if !yield(task, nil) {
					return
				}
			}
			if len(reply.Tasks) == 0 || page*TaskPage >= reply.Total {
				return
			}
		}
	}
}

// SetTaskData replaces a task's data, all of it: what is not in data is gone. It emits no
// webhook, and an open page shows it after a reload.
func (c *Client) SetTaskData(ctx context.Context, task int64, data labelstudio.Data) error {
	return c.do(ctx, call{op: fmt.Sprintf("change the data of task %d", task), method: http.MethodPatch,
		path: fmt.Sprintf("/api/tasks/%d/", task), body: map[string]map[string]json.RawMessage{"data": data}})
}
