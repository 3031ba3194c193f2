package learning_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/service/internal/servicetest"
)

// For a transducer phrases are learnt. To judge them, recordings are transcribed anew.
func TestATransducerIsJudgedByTranscribing(t *testing.T) {
	oracle.NeedLibrary(t)
	f := newTeamWith(t, 4, servicetest.Options{Model: filepath.Join("..", "..", "transducer", "tdt", "sherpa")})
	f.transcribe(to(4))
	for i := range 4 {
		f.correct(i, f.texts[i])
	}
	run := f.learn()
	if !strings.Contains(run.Reason, "word error rate") || run.Corrections != 4 {
		t.Fatalf("%+v", run)
	}
	state, err := f.State(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	v := state.Versions[len(state.Versions)-1]
	if v.Phrases == 0 || v.Judgement.Passages == 0 || v.Judgement.Candidate.Words == 0 || v.Judgement.General.Words == 0 {
		t.Errorf("%+v", v)
	}
}
