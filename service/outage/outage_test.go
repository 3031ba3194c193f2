package outage_test

import (
	"context"
	"testing"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/service/outage"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/queue"
)

func TestOptionsHaveToBeComplete(t *testing.T) {
	whole := outage.Options{
		Queue: queue.New(jobs.Options{}),
		Peek:  func(context.Context, []byte) error { return nil },
		Due:   projects.NewDue(),
	}
	for name, leave := range map[string]func(*outage.Options){
		"Queue": func(o *outage.Options) { o.Queue = nil },
		"Peek":  func(o *outage.Options) { o.Peek = nil },
		"Due":   func(o *outage.Options) { o.Due = nil },
	} {
		o := whole
		leave(&o)
		if _, err := outage.New(o); err == nil {
			t.Errorf("accepted without %s", name)
		}
	}
	if _, err := outage.New(whole); err != nil {
		t.Error(err)
	}
}
