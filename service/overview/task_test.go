package overview

import (
	"fmt"
	"testing"

	"github.com/asr-backend/asr-backend/jobs"
)

func TestStatesOfTasks(t *testing.T) {
	for _, c := range []struct {
		push, transcription jobs.Job
		want                string
	}{
		{jobs.Job{State: jobs.Queued}, jobs.Job{State: jobs.Queued}, "waiting "},
		{jobs.Job{State: jobs.Queued}, jobs.Job{State: jobs.Queued, Reason: "unreachable"}, "waiting unreachable"},
		{jobs.Job{State: jobs.Queued}, jobs.Job{State: jobs.Running}, "transcribing "},
		{jobs.Job{State: jobs.Queued, Reason: "502"}, jobs.Job{State: jobs.Done}, "to be pushed 502"},
		{jobs.Job{State: jobs.Done, Reason: "502"}, jobs.Job{State: jobs.Done}, "pushed "},
		{jobs.Job{State: jobs.Done}, jobs.Job{State: jobs.Discarded, Reason: "no audio"}, "failed no audio"},
		{jobs.Job{State: jobs.Discarded, Reason: "401"}, jobs.Job{State: jobs.Done}, "not pushed 401"},
	} {
		if got := stateOf(&c.push, &c.transcription); fmt.Sprint(got.State, " ", got.Reason) != c.want {
			t.Errorf("%v and %v: %+v, want %s", c.push.State, c.transcription.State, got, c.want)
		}
	}
}
