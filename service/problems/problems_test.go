package problems_test

import (
	"errors"
	"testing"

	"github.com/asr-backend/asr-backend/service/problems"
)

func TestProblemsAreReplacedAndDropped(t *testing.T) {
	l := problems.NewLog()
	l.SetProject(1, errors.New("first"))
	l.SetProject(1, errors.New("second"))
	l.SetTask(1, 5, problems.NotAccepted, errors.New("no recording"))
	l.SetTask(1, 6, problems.NotAnswered, errors.New("no model"))
	whole, tasks := l.Of(1)
	if whole == nil || whole.What != "second" || len(tasks) != 2 {
		t.Errorf("got %+v, %+v", whole, tasks)
	}
	l.SetProject(1, nil)
	l.SetTask(1, 5, problems.NotAccepted, nil)
	l.Forget(1, map[int64]bool{6: true, 7: true})
	if whole, tasks := l.Of(1); whole != nil || len(tasks) != 0 {
		t.Errorf("still %+v, %+v", whole, tasks)
	}
	if whole, tasks := l.Of(2); whole != nil || len(tasks) != 0 {
		t.Errorf("a project without problems has %+v, %+v", whole, tasks)
	}
}

func TestTasksOfAProjectAreBounded(t *testing.T) {
	l := problems.NewLog()
	for id := range int64(3000) {
		l.SetTask(1, id, problems.NotAccepted, errors.New("no recording"))
	}
	l.SetTask(1, 7, problems.NotAccepted, errors.New("changed"))
	_, tasks := l.Of(1)
	if len(tasks) != 1000 {
		t.Errorf("%d tasks are remembered", len(tasks))
	}
	for _, task := range tasks {
		if task.ID == 7 && task.Problem.What != "changed" {
			t.Errorf("the task that was known says %q", task.Problem.What)
		}
	}
}
