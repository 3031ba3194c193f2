package learning_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/service/internal/servicetest"
)

// Nothing can be learnt for a transducer. That is said once for the corrections there are, which are
// not new any more: else it would be found out again every few seconds.
func TestATransducerLearnsNothing(t *testing.T) {
	oracle.NeedLibrary(t)
	f := newTeamWith(t, 1, servicetest.Options{Model: filepath.Join("..", "..", "transducer", "tdt", "sherpa")})
	f.transcribe(to(1))
	f.correct(0, f.texts[0])
	if r, err := f.Report(t.Context(), 1); err != nil || r.New != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	run := f.learn()
	if run.TakenUp || !strings.Contains(run.Reason, "transducer") || run.Corrections != 1 {
		t.Errorf("%+v", run)
	}
	if r, err := f.Report(t.Context(), 1); err != nil || r.New != 0 || r.Corrections != 1 || r.Learning {
		t.Errorf("%+v, %v", r, err)
	}
}
