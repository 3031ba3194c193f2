// Package cudatest lets tests use CUDA on a machine without a GPU.
//
// # The stand-in
//
// NVIDIA's libraries are replaced by some of our own, which claim to be one H200. The CUDA
// provider of ONNX Runtime is the real one: it loads on them, places the nodes of a graph,
// allocates, copies in and out and launches its kernels. Launching does nothing, and device
// memory is host memory. So everything of the CUDA path that is not arithmetic runs: sessions,
// batches, memory, errors, signals, and the host's share of the work. What a model writes is
// without meaning, unless GPU.Rows says what it is to be.
//
// The stand-in is built from folder standin on demand, by `make cuda-standin`, together with a
// download of the provider (256 MB). Tests skip themselves where it is not.
//
// # In a process of its own
//
// The loader reads LD_LIBRARY_PATH when a process begins, and a GPU that is broken stays so. So
// each test on the stand-in runs in a process of its own: Run starts the test's binary once more
// for this one test.
package cudatest

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/asr/ctc"
)

// GPU is what the stand-in pretends to be. The zero value is an H200 that takes no time.
type GPU struct {
	// None says that there is no device.
	None bool
	// Memory of the device, in bytes; 0 is that of an H200.
	Memory int64
	// FailAfter is after how many results the device breaks: every call fails from then on. 0
	// means never.
	FailAfter int
	// Handlers says that each run replaces the handlers of SIGINT and SIGTERM.
	Handlers bool
	// Width is the number of columns of a row, the last of which is blank; 0 means 1,025. A window
	// has 320 rows.
	Width int
	// Rows returns what results bring, as whole rows or as their sums: some windows, again and
	// again up to the size of the batch; nil: zeros. It is called in the test's own process.
	Rows func() []float32
	// Time is what a run takes for each window.
	Time time.Duration
	// Without are libraries that are missing, such as "libcudnn.so.9".
	Without []string
}

// Traffic is what the device did for one result.
type Traffic struct {
	Bytes    int64 `json:"bytes"` // of the result
	Launches int   `json:"launches"`
	Syncs    int   `json:"syncs"`
	// In and Out are copies to and from the device, of which the small ones have less than 64 KB.
	In       int   `json:"in"`
	InSmall  int   `json:"in_small"`
	InBytes  int64 `json:"in_bytes"`
	Out      int   `json:"out"`
	OutSmall int   `json:"out_small"`
	OutBytes int64 `json:"out_bytes"`
	Held     int64 `json:"held"` // memory of the device, in bytes
}

const (
	// Variable names the folder of the stand-in; see `make cuda-standin`.
	Variable = "ASR_BACKEND_CUDA_STANDIN"
	child    = "CUDATEST_CHILD"
	traffic  = "CUDATEST_LOG"
)

// Available reports whether tests can use the stand-in.
func Available() bool { return os.Getenv(Variable) != "" }

// Run runs test on the stand-in, in a process of its own.
func Run(t *testing.T, g GPU, test func(t *testing.T)) {
	t.Helper()
	switch os.Getenv(child) {
	case "":
	case t.Name():
		test(t)
		return
	default:
		return // this process is for another test
	}
	if !Available() {
		t.Skip("no stand-in for CUDA: run `make cuda-standin`")
	}
	var pattern []string
	for part := range strings.SplitSeq(t.Name(), "/") {
		pattern = append(pattern, "^"+part+"$")
	}
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run="+strings.Join(pattern, "/"), "-test.v=true", "-test.count=1")
	c.Env = append(g.Env(t), child+"="+t.Name())
	out, err := c.CombinedOutput()
	t.Logf("%s", out)
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()+" ") {
		t.Errorf("on the stand-in: %v", err)
	}
}

// Env returns the environment of a process that sees the GPU.
func (g GPU) Env(t testing.TB) []string {
	t.Helper()
	dir := os.Getenv(Variable)
	if dir == "" {
		t.Skip("no stand-in for CUDA: run `make cuda-standin`")
	}
	libraries := filepath.Join(dir, "lib")
	if len(g.Without) > 0 {
		libraries = without(t, libraries, g.Without)
	}
	env := append(os.Environ(), "LD_LIBRARY_PATH="+libraries, "ASR_BACKEND_ONNXRUNTIME="+filepath.Join(dir, "onnxruntime", "libonnxruntime.so"))
	set := func(name string, value any) { env = append(env, fmt.Sprintf("CUDATEST_%s=%v", name, value)) }
	if g.None {
		set("DEVICES", 0)
	}
	if g.Memory > 0 {
		set("MEMORY", g.Memory)
	}
	if g.FailAfter > 0 {
		set("FAIL_AFTER", g.FailAfter)
	}
	if g.Handlers {
		set("HANDLERS", -1)
	}
	width := cmp.Or(g.Width, 1025)
	set("RESULT", 4*window*width)
	set("WINDOW", window)
	if g.Time > 0 {
		set("MICROSECONDS", g.Time.Microseconds())
	}
	if g.Rows != nil {
		rows := g.Rows()
		set("ROWS", write(t, "rows", floats(rows)))
		set("SUMS", write(t, "sums", sums(rows, width)))
	}
	if os.Getenv(traffic) == "" {
		env = append(env, traffic+"="+filepath.Join(t.TempDir(), "traffic"))
	}
	return env
}

// without returns a folder with the libraries of another but some.
func without(t testing.TB, dir string, names []string) string {
	t.Helper()
	out := t.TempDir()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if !strings.HasSuffix(e.Name(), ".so") && !strings.Contains(e.Name(), ".so.") {
			continue
		}
		if err := os.Symlink(filepath.Join(dir, e.Name()), filepath.Join(out, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range names {
		if err := os.Remove(filepath.Join(out, name)); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// window is how many rows a window has.
const window = 320

func floats(values []float32) (raw []byte) {
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return raw
}

// sums are those of rows, window after window: best pieces, their log-probabilities, those of
// blank, and the sums of powers.
func sums(rows []float32, width int) (raw []byte) {
	for each := range slices.Chunk(rows, window*width) {
		var best, top, blank, power []byte
		for row := range slices.Chunk(each, width) {
			r := ctc.Summarize(row, ctc.Piece(width-1), nil)
			best = binary.LittleEndian.AppendUint64(best, uint64(r.Best))
			top, blank = append(top, floats([]float32{r.LogProb})...), append(blank, floats([]float32{r.Blank})...)
			var sum float64
			for _, v := range row {
				sum += math.Exp(ctc.Alpha * float64(v))
			}
			power = append(power, floats([]float32{float32(sum)})...)
		}
		raw = append(raw, slices.Concat(best, top, blank, power)...)
	}
	return raw
}

func write(t testing.TB, name string, raw []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// Log returns what the device of this process did for each result so far.
func Log(t testing.TB) []Traffic {
	t.Helper()
	raw, err := os.ReadFile(os.Getenv(traffic))
	if err != nil {
		t.Fatal(err)
	}
	var out []Traffic
	for line := range strings.Lines(string(raw)) {
		var one Traffic
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("line %s: %v", strconv.Quote(line), err)
		}
		out = append(out, one)
	}
	return out
}
