package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/internal/tones"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the scripts run this program under its own name.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"asr-backend": main})
}

// TestScripts runs testdata/*.txt. Run with -update to rewrite what they expect.
func TestScripts(t *testing.T) {
	oracle.NeedLibrary(t)
	published := newMirror(t)
	studio := labelstudiotest.New(t, labelstudiotest.Options{})
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(e *testscript.Env) error {
			e.Setenv("ASR_BACKEND_ONNXRUNTIME", oracle.Library())
			e.Setenv("ASR_BACKEND_PROVIDER", "cpu")
			e.Setenv("ASR_BACKEND_MODELS_DIR", filepath.Join(e.WorkDir, "models"))
			e.Setenv("ASR_BACKEND_MODELS_MIRROR", published.URL)
			e.Setenv("STUDIO", studio.URL)
			e.Setenv("STUDIO_TOKEN", labelstudiotest.DefaultToken)
			e.Setenv("DATA", filepath.Join(oracle.Root(t), "testdata"))
			e.Setenv("TONES", filepath.Join(oracle.Root(t), "testdata", "models", "toys", "tones"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"nopartial": noPartial, "bleeps": bleeps, "half": published.half, "import": importer(studio)},
		Condition: func(c string) (bool, error) {
			switch {
			case c == "root":
				return os.Geteuid() == 0, nil
			case strings.HasPrefix(c, "file:"):
				_, err := os.Stat(strings.TrimPrefix(c, "file:"))
				return err == nil, nil
			}
			return false, nil
		},
	})
}

// importer imports recordings into a project and sends the event: import PROJECT FILE ADDRESS...
// reads the project's id from a file, and writes those of the new tasks into FILE, one a line. The
// address "broken" is a file that is no recording.
func importer(studio *labelstudiotest.Server) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) < 3 {
			ts.Fatalf("usage: import PROJECT FILE ADDRESS...")
		}
		project, err := strconv.ParseInt(strings.TrimSpace(ts.ReadFile(args[0])), 10, 64)
		ts.Check(err)
		var ids []string
		for _, address := range args[2:] {
			if address == "broken" {
				address = studio.Upload(project, "broken.wav", []byte("no recording at all"))
			}
			id := studio.AddTasks(project, map[string]any{"audio": address})
			ids = append(ids, strconv.FormatInt(id[0], 10))
			studio.EmitCreated(project, id...)
		}
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.Join(ids, "\n")+"\n"), 0o666))
	}
}

// noPartial fails if a folder holds unfinished files: nopartial DIR.
func noPartial(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: nopartial DIR")
	}
	found, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), ".*.part"))
	ts.Check(err)
	if len(found) > 0 {
		ts.Fatalf("unfinished files: %v", found)
	}
}

// bleeps writes a recording of package tones: bleeps FILE SECONDS. With stereo, the second channel begins
// with another word.
func bleeps(ts *testscript.TestScript, neg bool, args []string) {
	stereo := len(args) == 3 && args[2] == "stereo"
	if neg || len(args) != 2 && !stereo {
		ts.Fatalf("usage: bleeps FILE SECONDS [stereo]")
	}
	seconds, err := strconv.Atoi(args[1])
	ts.Check(err)
	recording := tones.Recording{Seconds: seconds}
	content := recording.WAV()
	if stereo {
		content = tones.Stereo(recording, tones.Recording{Seconds: seconds, First: 2})
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), content, 0o666))
}
