package main

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"asr-backend/internal/oracle"
	"asr-backend/timeline"

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
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(e *testscript.Env) error {
			e.Setenv("ASR_BACKEND_ONNXRUNTIME", oracle.Library())
			e.Setenv("ASR_BACKEND_PROVIDER", "cpu")
			e.Setenv("ASR_BACKEND_MODELS_DIR", filepath.Join(e.WorkDir, "models"))
			e.Setenv("ASR_BACKEND_MODELS_MIRROR", published.URL)
			e.Setenv("DATA", filepath.Join(oracle.Root(t), "testdata"))
			e.Setenv("TONES", filepath.Join(oracle.Root(t), "testdata", "models", "toys", "tones"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"nopartial": noPartial, "bleeps": bleeps, "half": published.half},
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

// bleeps writes a recording for the toy model "tones": bleeps FILE SECONDS. A short tone
// says "one", "two", "three", "four", "one" and so on, the first after one second and
// then every 0.8 s, with a pause of 1.6 s after each fourth.
func bleeps(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: bleeps FILE SECONDS")
	}
	seconds, err := strconv.Atoi(args[1])
	ts.Check(err)
	samples := make([]int16, seconds*timeline.SampleRate)
	for i, row := 0, timeline.Row(12); ; i++ {
		centre := int(row.Sample())
		if centre+400 > len(samples) {
			break
		}
		hz := [...]float64{250, 900, 2000, 5000}[i%4]
		for n := centre - 400; n < centre+400; n++ {
			samples[n] = int16(16000 * math.Sin(2*math.Pi*hz*float64(n)/timeline.SampleRate))
		}
		if row += 10; i%4 == 3 {
			row += 10
		}
	}
	header := []any{[]byte("RIFF"), uint32(36 + 2*len(samples)), []byte("WAVEfmt "), uint32(16), uint16(1), uint16(1),
		uint32(timeline.SampleRate), uint32(2 * timeline.SampleRate), uint16(2), uint16(16), []byte("data"), uint32(2 * len(samples))}
	var file bytes.Buffer
	for _, field := range append(header, samples) {
		ts.Check(binary.Write(&file, binary.LittleEndian, field))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), file.Bytes(), 0o666))
}
