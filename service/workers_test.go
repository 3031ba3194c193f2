package service

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/recordings"
)

func TestFailuresThatTimeCuresAreTriedAgain(t *testing.T) {
	wrap := func(err error) error { return fmt.Errorf("work: %w", err) }
	for name, c := range map[string]struct {
		cause   error
		retries int
		again   bool
	}{
		"something unknown":                  {cause: errors.New("unknown"), again: true},
		"something unknown, three times":     {cause: errors.New("unknown"), retries: 2},
		"a model that is missing":            {cause: wrap(&asr.ModelError{Model: "m", Err: errors.New("pull it")}), retries: 500, again: true},
		"a library that is missing":          {cause: wrap(ort.ErrLibrary), retries: 500, again: true},
		"a damaged recording":                {cause: wrap(&audio.Error{Op: "open", Err: audio.ErrDamaged})},
		"an old version":                     {cause: wrap(&recordings.OutdatedError{Wanted: "a", Now: "b"})},
		"a transcript too large for a store": {cause: wrap(&jobs.Error{Op: "finish", Err: jobs.ErrTooLarge})},
		"a full disk":                        {cause: wrap(&jobs.Error{Op: "finish", Err: jobs.ErrNoSpace}), retries: 500, again: true},
		"a refusal that may end":             {cause: wrap(&api.Error{Status: 403}), retries: 500, again: true},
		"a token that is not accepted":       {cause: wrap(&api.Error{Status: 401}), retries: 500, again: true},
		"settings that are wrong":            {cause: wrap(&projects.NotServedError{Err: errors.New("no text")}), retries: 500, again: true},
		"a storage that was deleted":         {cause: wrap(&recordings.NoStorageError{Project: 1, Storage: "s3://b"})},
		"an unknown task":                    {cause: wrap(&api.Error{Status: 404})},
	} {
		t.Run(name, func(t *testing.T) {
			delay, again := retry(c.cause, jobs.Job{Retries: c.retries})
			if again != c.again || delay > 30*time.Minute || again && delay < time.Second {
				t.Errorf("again %v after %v", again, delay)
			}
		})
	}
}
