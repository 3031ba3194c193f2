package learning_test

import (
	"testing"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/service/recordings"
)

// Where rows are not kept, as with a transcript that is a copy of another project's, the model runs for
// those of the recordings that tune and judge.
func TestRowsThatAreNotKeptAreComputed(t *testing.T) {
	f := newTeam(t, 8)
	f.transcribe(to(8))
	for i := range 8 {
		f.correct(i, f.texts[i])
	}
	kept := f.learn()
	dropped := 0
	for job := range f.Jobs.Jobs(jobs.Filter{Kind: recordings.Kind}) {
		if err := f.Jobs.DropWindows(t.Context(), job.Key); err != nil {
			t.Fatal(err)
		}
		dropped++
	}
	if stats := f.Jobs.Stats(); dropped != 8 || stats.Kept != 0 {
		t.Fatalf("%d jobs, %d windows are kept", dropped, stats.Kept)
	}
	computed := f.learn()
	if !kept.TakenUp || computed.Version != kept.Version || computed.Reason != "nothing new was learnt" {
		t.Errorf("with rows %+v, without %+v", *kept, *computed)
	}
}
