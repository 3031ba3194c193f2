package main

import (
	"bytes"
	"context"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/marked"
	"github.com/asr-backend/asr-backend/internal/oracle"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childArgument { // a child of the test
		main()
		return
	}
	os.Exit(m.Run())
}

// Everything runs, and prints every row. No time is asserted.
func TestAQuickBenchPrintsEveryRow(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	oracle.NeedLibrary(t)
	root := oracle.Root(t)
	program := filepath.Join(t.TempDir(), "asr-backend")
	build := exec.Command("go", "build", "-o", program, "./cmd/asr-backend")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	o := options{root: root, program: program, library: oracle.Library(), cache: t.TempDir(), venv: filepath.Join(root, ".cache/.venv-bench"), quick: true}
	rows := []string{
		`tiny | [12] | export | `, `tiny | [12] | optimized | `, `tiny | [12] | int8 | `, `tiny | [12] | int8-careful | `, `tiny | [12] | its products alone | `,
		`embedded | 2 | export | `, `embedded | 2 | optimized | `, `embedded | 2 | int8 | `, `embedded | 2 | int8-careful | `, `embedded | 2 | its products alone | `,
		`tiny \| 1 \| optimized .*\| 0 of \d+ \| \d+ MB`, `embedded \| 2 \| optimized .*\| 0 of \d+ \| \d+ MB`, // of the whole program
		`tiny | fp32 | `, `tiny | int8 | `, `embedded | fp32 | `, `embedded | int8 | `,
		`wall, median | `, `CPU, least | `,
	}
	if os.Getenv("ASR_BACKEND_TEST_STRICT") == "1" {
		o.ffmpeg = oracle.FFmpeg(t)
	}
	b := &bench{options: o}
	if _, err := b.findFFmpeg(); err == nil {
		for _, f := range formats() {
			rows = append(rows, f.name+" | ")
		}
	} else {
		rows = append(rows, `ffmpeg is not installed`)
	}
	if b.havePeers() {
		rows = append(rows, `tiny | [12] | asr-backend, optimized | `, `tiny | [12] | asr-backend, int8 | `, `tiny | [12] | onnx-asr | `, `tiny | [12] | sherpa-onnx | `,
			`embedded | 2 | asr-backend, optimized | `, `embedded | 2 | onnx-asr | `, `embedded | 2 | sherpa-onnx | `)
	} else {
		rows = append(rows, `sherpa-onnx are not installed`)
	}
	var out, said bytes.Buffer
	if err := run(t.Context(), o, &out, &said); err != nil {
		t.Fatalf("%v\n%s", err, &said)
	}
	for _, row := range rows {
		// Random weights may be refused in 8 bits: it depends on the processor.
		if strings.HasPrefix(row, "tiny") && strings.Contains(row, "int8") && strings.Contains(said.String(), "tiny, int8") {
			continue
		}
		if !strings.Contains(row, `\|`) {
			row = strings.ReplaceAll(row, " | ", ` \| `)
		}
		if !regexp.MustCompile(row).Match(out.Bytes()) {
			t.Errorf("no row %q", row)
		}
	}
	if bytes.Contains(out.Bytes(), []byte("NaN")) || t.Failed() {
		t.Errorf("got\n%s\n%s", &out, &said)
	}
	if left, err := filepath.Glob(filepath.Join(o.cache, "work-*")); err != nil || len(left) > 0 {
		t.Errorf("%q is left, %v", left, err)
	}
}

// doc/performance.md has a place for each table.
func TestThePageHasAPlaceForEachTable(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(oracle.Root(t), "doc/performance.md"))
	if err != nil {
		t.Fatal(err)
	}
	places := marked.Names(page)
	for _, p := range parts() {
		if !slices.Contains(places, p.name) {
			t.Errorf("there is no place for the table %q", p.name)
		}
	}
}

func TestContendersRunInTurns(t *testing.T) {
	var order string
	scripted := func(name string, ms ...int) contender {
		return contender{name, func(context.Context) (took, error) {
			order += name
			d := time.Duration(ms[0]) * time.Millisecond
			ms = ms[1:]
			return took{d, 10 * d}, nil
		}}
	}
	b := &bench{}
	times, err := b.inTurns(t.Context(), 1, 3, []contender{scripted("A", 99, 10, 20, 40), scripted("B", 99, 20, 30, 20), scripted("C", 1, 1, 1, 1)})
	if err != nil {
		t.Fatal(err)
	}
	if order != "ABCCBAABCCBA" {
		t.Errorf("the order is %s", order)
	}
	// Of 20, 30 and 20 to 10, 20 and 40: the shortest are 2 apart, the pairs 2, 1.5 and 0.5.
	got := compare(times[1], times[0])
	want := ratios{least: 2, decile: 20.0 / 12, median: 1.5, wall: 1.5}
	const small = 1e-9
	for _, d := range []float64{got.least - want.least, got.decile - want.decile, got.median - want.median, got.wall - want.wall} {
		if math.Abs(d) > small {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	}
}

// The name and flags of a processor are read as Linux writes them.
func TestProcessorIsNamed(t *testing.T) {
	name, flags := processor("processor\t: 0\nmodel name\t: Some CPU @ 2.0GHz\nflags\t\t: fpu avx2 sse avx512_vnni\n")
	if name != "Some CPU @ 2.0GHz" || !slices.Equal(flags, []string{"avx2", "avx512_vnni"}) {
		t.Errorf("got %q, %q", name, flags)
	}
}

// The time of all programs leaves out what the processors were idle, waited for disks, or were taken away.
func TestBusyTimeIsRead(t *testing.T) {
	if got := busy("cpu  100 20 30 4000 500 6 7 800 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n"); got != 1630*time.Millisecond {
		t.Errorf("got %s, want 1.63s", got)
	}
}
