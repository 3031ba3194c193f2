package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/asr-backend/asr-backend/internal/without"
	"github.com/asr-backend/asr-backend/labelstudio"
)

// TaskPage is how many tasks are asked for at once. Tasks may hold recordings, so that a page
// may have gigabytes: one that is too large is asked for in parts.
const TaskPage = 100

// pageBytes bounds a page of several tasks.
const pageBytes = 64 << 20

// smaller returns the size of the parts of a page of tasks that is too large. It divides size.
func smaller(size int) int {
	if size%4 == 0 {
		return size / 4
	}
	return max(size/5, 1)
}

// Tasks returns the tasks of a project, in Label Studio's order. With history they carry
// their annotations and predictions, which may be megabytes each. Tasks that come or go
// meanwhile may be missed or seen twice. An error ends the sequence.
func (c *Client) Tasks(ctx context.Context, project int64, history bool) iter.Seq2[labelstudio.Task, error] {
	return func(yield func(labelstudio.Task, error) bool) {
		size := TaskPage
		for first := 0; ; {
			if first%TaskPage == 0 {
				size = TaskPage
			}
			reply, err := c.taskPage(ctx, project, history, first/size+1, size, nil)
			for errors.Is(err, errReplyTooLarge) && size > 1 {
				size = smaller(size)
				reply, err = c.taskPage(ctx, project, history, first/size+1, size, nil)
			}
			if err != nil {
				// The last page may have emptied since its number was known.
				if first > 0 && Status(err) == http.StatusNotFound {
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
			first += size
			if len(reply.Tasks) == 0 || first >= reply.Total {
				return
			}
		}
	}
}

// TasksWithout returns the tasks of a project that have no prediction of a version, by
// ascending id. Tasks that come or go meanwhile change nothing for the others: each page is
// asked for by the last id of the one before.
func (c *Client) TasksWithout(ctx context.Context, project int64, version string) iter.Seq2[labelstudio.Task, error] {
	return func(yield func(labelstudio.Task, error) bool) {
		size := TaskPage
		for last := int64(0); ; {
			page, err := c.taskPage(ctx, project, false, 1, size, &taskQuery{Ordering: []string{"tasks:id"}, Filters: &filters{"and", []filter{
				{"filter:tasks:id", "greater", "Number", last},
				{"filter:tasks:predictions_model_versions", "not_contains", "List", []string{version}},
			}}})
			if errors.Is(err, errReplyTooLarge) && size > 1 {
				size = smaller(size)
				continue
			}
			if err != nil {
				yield(labelstudio.Task{}, err)
				return
			}
			for _, task := range page.Tasks {
				if task.ID <= last {
					yield(labelstudio.Task{}, fmt.Errorf("list the tasks of project %d: Label Studio does not filter them by id; it needs version 1.12 or newer", project))
					return
				}
				last = task.ID
				if !yield(task, nil) {
					return
				}
			}
			if len(page.Tasks) < size {
				return
			}
			size = min(2*size, TaskPage)
		}
	}
}

// TasksByID returns those of the given tasks that a project has, in no particular order; with
// history as Tasks does.
func (c *Client) TasksByID(ctx context.Context, project int64, ids []int64, history bool) iter.Seq2[labelstudio.Task, error] {
	return func(yield func(labelstudio.Task, error) bool) {
		for some := range slices.Chunk(ids, TaskPage) {
			if !c.selectedTasks(ctx, project, some, history, yield) {
				return
			}
		}
	}
}

// selectedTasks yields some tasks, in parts if all at once are too much, and reports whether
// more are wanted.
func (c *Client) selectedTasks(ctx context.Context, project int64, some []int64, history bool, yield func(labelstudio.Task, error) bool) bool {
	page, err := c.taskPage(ctx, project, history, 1, len(some), &taskQuery{Selected: &selected{Included: some}})
	if errors.Is(err, errReplyTooLarge) && len(some) > 1 {
		half := len(some) / 2
		return c.selectedTasks(ctx, project, some[:half], history, yield) && c.selectedTasks(ctx, project, some[half:], history, yield)
	}
	if err != nil {
		yield(labelstudio.Task{}, err)
		return false
	}
	for _, task := range page.Tasks {
		// A server that ignored the selection would return others.
		if slices.Contains(some, task.ID) && !yield(task, nil) {
			return false
		}
	}
	return true
}

// Task returns one task with its annotations and predictions, through the list route:
// reading it directly would make Label Studio ask for predictions.
func (c *Client) Task(ctx context.Context, project, id int64) (labelstudio.Task, error) {
	for task, err := range c.TasksByID(ctx, project, []int64{id}, true) {
		return task, err
	}
	return labelstudio.Task{}, &Error{Op: fmt.Sprintf("read task %d", id), Method: http.MethodGet,
		URL: without.Secrets(c.base) + "/api/tasks/", Status: http.StatusNotFound,
		Hint: fmt.Sprintf("Project %d has no such task.", project)}
}

// taskQuery selects tasks as a view of the data manager does.
type taskQuery struct {
	Selected *selected `json:"selectedItems,omitempty"`
	Filters  *filters  `json:"filters,omitempty"`
	Ordering []string  `json:"ordering,omitempty"`
}

type selected struct {
	All      bool    `json:"all"`
	Included []int64 `json:"included"`
}

type filters struct {
	Conjunction string   `json:"conjunction"`
	Items       []filter `json:"items"`
}

type filter struct {
	Filter   string `json:"filter"`
	Operator string `json:"operator"`
	Type     string `json:"type"`
	Value    any    `json:"value"`
}

type taskPage struct {
	Total int                `json:"total"`
	Tasks []labelstudio.Task `json:"tasks"`
}

// taskPage asks for a page of so many tasks, the first of which is 1; query may be nil.
func (c *Client) taskPage(ctx context.Context, project int64, history bool, page, size int, query *taskQuery) (reply taskPage, err error) {
	op := fmt.Sprintf("list the tasks of project %d", project)
	values := url.Values{
		"project": {strconv.FormatInt(project, 10)}, "fields": {"task_only"},
		"page": {strconv.Itoa(page)}, "page_size": {strconv.Itoa(size)},
		// Addresses in storages as the task has them, as in requests for predictions.
		"resolve_uri": {"false"},
	}
	if history {
		values.Set("fields", "all")
	}
	if query != nil {
		raw, err := json.Marshal(query)
		if err != nil {
			return reply, fmt.Errorf("%s: %w", op, err)
		}
		values.Set("query", string(raw))
	}
	most := int64(pageBytes)
	if size == 1 {
		most = maxReply
	}
	err = c.do(ctx, call{op: op, method: http.MethodGet, path: "/api/tasks/", query: values, reply: &reply, most: most})
	return reply, err
}

// SetTaskData replaces a task's data, all of it: what is not in data is gone. It emits no
// webhook, and an open page shows it after a reload.
func (c *Client) SetTaskData(ctx context.Context, task int64, data labelstudio.Data) error {
	return c.do(ctx, call{op: fmt.Sprintf("change the data of task %d", task), method: http.MethodPatch,
		path: fmt.Sprintf("/api/tasks/%d/", task), body: map[string]map[string]json.RawMessage{"data": data}})
}
