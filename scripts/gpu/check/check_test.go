package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/cudatest"
	"github.com/asr-backend/asr-backend/internal/oracle"
)

// folder is where the program is built, once for all tests that need it.
var folder string

var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(folder, "asr-backend")
	if out, err := exec.Command("go", "build", "-o", path, "../../../cmd/asr-backend").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	var err error
	if folder, err = os.MkdirTemp("", "gpu-check-test"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(folder)
	os.Exit(code)
}

// outcomes runs a quick check and returns how its steps came out.
func outcomes(t *testing.T, o options) map[string]outcome {
	t.Helper()
	o.quick, o.work, o.out, o.limit = true, t.TempDir(), t.TempDir(), 5*time.Minute
	var err error
	if o.program, err = program(); err != nil {
		t.Fatal(err)
	}
	o.speech = oracle.Data(t, "speech", "radio", "gb0.flac")
	withFFmpeg(t)
	if o.only == nil {
		o.only = regexp.MustCompile("")
	}
	failures, err := check(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(o.out, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r results
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatal(err)
	}
	got := map[string]outcome{}
	for _, s := range r.Steps {
		t.Logf("%s %s: %s", s.Outcome, s.Name, s.Text)
		got[s.Name] = s.Outcome
		if s.Outcome == failed {
			failures--
		}
	}
	if failures != 0 {
		t.Errorf("%d more failures are counted than there are", failures)
	}
	return got
}

func compare(t *testing.T, got, want map[string]outcome) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("the steps came out as\n%v, want\n%v", got, want)
	}
}

// On a device that computes nothing, all passes but words.
func TestTheCheckOnCUDA(t *testing.T) {
	if !cudatest.Available() {
		t.Skip("no stand-in for CUDA: run `make cuda-standin`")
	}
	oracle.NeedLibrary(t)
	model := oracle.Data(t, "models", "toys", "tones")
	use(t, cudatest.For(t, model).Env(t))
	o := options{provider: "cuda", model: model, full: model}
	o.library = filepath.Join(os.Getenv(cudatest.Variable), "onnxruntime", "libonnxruntime.so")
	o.libraries = filepath.Join(os.Getenv(cudatest.Variable), "lib")
	compare(t, outcomes(t, o), map[string]outcome{
		"machine": passed, "libraries": passed, "doctor": passed, "signals": passed, "service": passed, "full size: the model": passed,
		"full size: fp32 is accepted": passed, "full size: tf32 is accepted": passed, "bench fp32 batch 16": passed, "bench tf32 batch 16": passed,
		"files wav": passed, "files mp3": passed, "files short": passed, "files long: memory stays": passed,
		"words: the same on CPU and GPU": failed,
		"full size: fp16 is accepted":    skipped, "bench fp16 batch 16": skipped, "bench fp16 batch 64": skipped, "bench fp16 batch 128": skipped, "bench tf32 batch 64": skipped, "goals": skipped,
	})
}

// A device whose rows are wrong is a failure, and so is none.
func TestTheCheckOnCUDAThatFails(t *testing.T) {
	oracle.NeedLibrary(t)
	model := oracle.Data(t, "models", "toys", "tones")
	for name, g := range map[string]cudatest.GPU{"wrong": {Width: 4}, "none": {None: true}} {
		t.Run(name, func(t *testing.T) {
			use(t, g.Env(t))
			o := options{provider: "cuda", model: model, only: regexp.MustCompile("doctor|bench fp32|files short")}
			o.library = filepath.Join(os.Getenv(cudatest.Variable), "onnxruntime", "libonnxruntime.so")
			o.libraries = filepath.Join(os.Getenv(cudatest.Variable), "lib")
			compare(t, outcomes(t, o), map[string]outcome{"doctor": failed, "bench fp32 batch 16": failed, "files short": failed})
		})
	}
}

func TestTheCheckOnACPU(t *testing.T) {
	oracle.NeedLibrary(t)
	model := oracle.Data(t, "models", "toys", "tones")
	o := options{provider: "cpu", model: model, library: oracle.Library(), only: regexp.MustCompile("doctor|service|bench fp32|files")}
	compare(t, outcomes(t, o), map[string]outcome{"doctor": passed, "service": passed, "bench fp32 batch 16": passed,
		"files wav": passed, "files mp3": passed, "files short": passed, "files long: memory stays": passed})
}

// withFFmpeg lets the check find the ffmpeg of the tests.
func withFFmpeg(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Symlink(oracle.FFmpeg(t), filepath.Join(dir, "ffmpeg")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// use puts the settings of the stand-in into this process, whose children have them then.
func use(t *testing.T, env []string) {
	for _, v := range env {
		if name, value, _ := strings.Cut(v, "="); strings.HasPrefix(name, "CUDATEST_") || name == "LD_LIBRARY_PATH" {
			t.Setenv(name, value)
		}
	}
}

func TestWordsAreCompared(t *testing.T) {
	a := []word{{"one", 0}, {"two", 1}, {"three", 2}, {"four", 3}}
	for _, c := range []struct {
		b     []word
		same  int
		apart float64
	}{
		{a, 4, 0},
		{nil, 0, 0},
		{[]word{{"one", 0.02}, {"three", 2}, {"four", 3}}, 3, 0.02},
		{[]word{{"zero", 0}, {"one", 0.5}, {"two", 1}, {"tree", 2}, {"four", 3.25}}, 3, 0.5},
	} {
		if same, apart := alike(a, c.b); same != c.same || apart != c.apart {
			t.Errorf("%v: %d the same, %v s apart, want %d and %v", c.b, same, apart, c.same, c.apart)
		}
	}
}

// Goals are compared with the best of what was measured in fp16.
func TestGoals(t *testing.T) {
	c := &checker{options: options{provider: "cuda"}}
	if _, err := c.goals(t.Context()); err == nil {
		t.Error("goals are met without a measurement")
	}
	c.results.Bench = []benched{{Precision: "fp16", Run: 15001}, {Precision: "fp16", Run: 9000}, {Precision: "fp32", Run: 99999}}
	c.results.Files = []throughput{{What: "wav", Precision: "fp16", RTFx: 10001}, {What: "mp3", Precision: "fp16", RTFx: 8001}}
	if said, err := c.goals(t.Context()); err != nil {
		t.Error(said, err)
	}
	c.results.Files[1].RTFx = 7999
	if said, err := c.goals(t.Context()); err == nil || !strings.Contains(err.Error(), "mp3") || strings.Contains(err.Error(), "wav") {
		t.Error(said, err)
	}
}
