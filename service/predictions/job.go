package predictions

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/asr-backend/asr-backend/service/projects"
)

// Kind is the kind of job that stores a prediction in Label Studio. Its name, like those
// of the outcomes, is on users' disks.
const Kind = "deliver"

// Outcomes of pushes, as their jobs' results.
const (
	pushed         = "pushed"
	delivered      = "delivered"       // "pushed" in the stores of earlier versions
	superseded     = "superseded"      // the project wants another version now
	gone           = "gone"            // the task no longer exists
	notTranscribed = "not transcribed" // a recording was given up, which its own job says
)

// push is the arguments of a job that stores a task's prediction.
type push struct {
	TaskID         int64    `json:"task"`
	ProjectID      int64    `json:"project"`
	Version        string   `json:"version"`
	Plans          []int    `json:"plans"` // indices
	Transcriptions []string `json:"hear"`  // keys of their jobs, one a plan
}

// Kind implements jobs.Args.
func (push) Kind() string { return Kind }

// Project implements jobs.Args.
func (p push) Project() string { return projects.Name(p.ProjectID) }

// Key implements jobs.Args.
func (p push) Key() string {
	return fmt.Sprintf("%s/%d/%d/%s", Kind, p.ProjectID, p.TaskID, p.Version)
}

// ParseKey reads the key of a push.
func ParseKey(key string) (project, task int64, version string, ok bool) {
	rest, ok := strings.CutPrefix(key, Kind+"/")
	first, rest, ok1 := strings.Cut(rest, "/")
	second, version, ok2 := strings.Cut(rest, "/")
	if !ok || !ok1 || !ok2 {
		return 0, 0, "", false
	}
	project, err1 := strconv.ParseInt(first, 10, 64)
	task, err2 := strconv.ParseInt(second, 10, 64)
	return project, task, version, err1 == nil && err2 == nil
}
