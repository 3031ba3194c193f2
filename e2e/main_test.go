package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/asr-backend/asr-backend/internal/oracle"
)

// house is what all tests share.
type house struct {
	*studio
	program string // path of the program under test
	dir     string // for data and logs
	main    *backend
	// clips is where recordings are served for as long as main runs, which looks for tasks that
	// a test has left behind.
	clips string
}

func TestLabelStudio(t *testing.T) {
	h := build(t)
	// The first tests share one backend, which goes on working while the later ones kill
	// theirs, so that the last can see that nothing was stored twice.
	for _, c := range []struct {
		name string
		test func(t *testing.T, h *house)
	}{
		{"connects before there is a model", connectsWithoutModel},
		{"recordings come by upload, from a folder and from an address", recordingsComeAllWays},
		{"a storage is deleted, and is back", storageReturns},
		{"Retrieve Predictions for 1, 3 and 50 tasks", retrieves},
		{"a task is opened, twice at once", opens},
		{"the label stream shows predictions", streams},
		{"a drawn region gets its text", interacts},
		{"annotations are counted while they are there", annotates},
		{"a correction is shown with its times", corrects},
		{"the hotwords of a project change", expectsHotwords},
		{"a project chooses the decoder of a hybrid", choosesDecoders},
		{"Start Training prepares the tasks there are", trains},
		{"a project learns from corrections", learns},
		{"every template", templates},
		{"the program makes projects", creates},
		{"both kinds of token", tokens},
		{"a slow recording against a short deadline", answersInTime},
		{"twenty kills in thirty tasks", survivesKills},
		{"a long recording is shown in part", showsInPart},
		{"a recording is cancelled, and retried", controls},
		{"Label Studio is away for a while", survivesOutage},
		{"nothing is stored twice", storesOnce},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, h) })
	}
}

// build starts Label Studio and the shared backend, or skips the test.
func build(t *testing.T) *house {
	t.Helper()
	env := os.Getenv("ASR_BACKEND_LABEL_STUDIO")
	switch {
	case testing.Short():
		t.Skip("a real Label Studio takes minutes")
	case env == "":
		t.Skip("no Label Studio: run `make e2e`")
	}
	oracle.NeedLibrary(t)
	h := &house{program: os.Getenv("ASR_BACKEND_PROGRAM"), dir: os.Getenv("ASR_BACKEND_KEEP")}
	if h.program == "" {
		h.program = filepath.Join(oracle.Root(t), "bin", "asr-backend")
	}
	if _, err := os.Stat(h.program); err != nil {
		t.Fatalf("the program is not built: %v; run `make build`", err)
	}
	if h.dir == "" {
		h.dir = t.TempDir()
	}
	h.studio = startStudio(t, env, filepath.Join(h.dir, "label-studio"))
	h.clips = clips(t)
	h.main = h.serve(t, "main", serving{token: h.personal})
	return h
}
