// Command alignspeed prints how long it takes to align a text with the rows of a
// recording, beside torchaudio, which gets the same rows and tokens in the same run:
//
//	go run ./scripts/alignspeed [-python PYTHON]
//
// PYTHON needs torch and torchaudio; without it only our own times are printed. Times are
// those of one processor core, not of the clock on the wall, so that other programs on the
// machine count little.
package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/asr-backend/asr-backend/align/viterbi"
	"github.com/asr-backend/asr-backend/timeline"
)

//go:embed torchaudio.py
var torchaudio []byte

func main() {
	log.SetFlags(0)
	python := flag.String("python", "", "a Python with torchaudio")
	flag.Parse()
	runtime.GOMAXPROCS(1)
	if err := run(context.Background(), *python); err != nil {
		log.Fatal(err)
	}
}

// lengths are the minutes that are tried. Torchaudio's table for an hour takes 1.4 GB, and
// for ten hours 135 GB.
var lengths = []int{1, 10, 60, 600}

const longestForOthers = 60

func run(ctx context.Context, python string) error {
	fmt.Print("| recording | rows | tokens | as asr-backend aligns | memory | the whole table at once | torchaudio | times faster |\n|---|---|---|---|---|---|---|---|\n")
	for _, minutes := range lengths {
		r := read(timeline.Row(minutes * 750))
		took, memory, err := ours(ctx, r)
		if err != nil {
			return err
		}
		whole, torch, faster := "", "", ""
		if minutes <= longestForOthers {
			d, err := table(r)
			if err != nil {
				return err
			}
			whole = seconds(d)
			if python != "" {
				d, err := others(ctx, python, r)
				if err != nil {
					return err
				}
				torch, faster = seconds(d), fmt.Sprintf("%.0f", d.Seconds()/took.Seconds())
			}
		}
		fmt.Printf("| %d min | %d | %d | %s | %d MB | %s | %s | %s |\n", minutes, len(r.Rows), len(r.tokens), seconds(took), memory>>20, whole, torch, faster)
	}
	return nil
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.4f s", d.Seconds()) }

// ours aligns as the program does, at least for a second, and returns the mean time and by
// how much memory grew.
func ours(ctx context.Context, r *reading) (_ time.Duration, memory uint64, err error) {
	var m runtime.MemStats
	debug.FreeOSMemory()
	runtime.ReadMemStats(&m)
	before := m.Sys - m.HeapReleased
	n, start := 0, busy()
	for ; n == 0 || busy()-start < time.Second; n++ {
		a, err := r.Align(ctx, r.script)
		if err != nil {
			return 0, 0, err
		}
		if n == 0 {
			runtime.ReadMemStats(&m)
			memory = max(m.Sys-m.HeapReleased, before) - before
		}
		if wrong := r.wrong(a); wrong > 0 {
			return 0, 0, fmt.Errorf("%d words are not where they were said", wrong)
		}
	}
	took := (busy() - start) / time.Duration(n)
	return took, memory, nil
}

// table fills the whole table, as torchaudio does.
func table(r *reading) (time.Duration, error) {
	n, start := 0, busy()
	for ; n == 0 || busy()-start < time.Second; n++ {
		if _, err := viterbi.Align(&viterbi.Problem{Scores: r.LogProbs, Rows: timeline.Row(len(r.Rows)), Blank: r.Vocabulary.Blank(), Tokens: r.tokens}); err != nil {
			return 0, err
		}
	}
	return (busy() - start) / time.Duration(n), nil
}

// others has torchaudio align the same.
func others(ctx context.Context, python string, r *reading) (_ time.Duration, err error) {
	folder, err := os.MkdirTemp("", "alignspeed")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(folder) // a folder for temporary files is emptied some day
	var rows, tokens bytes.Buffer
	for t := range timeline.Row(len(r.Rows)) {
		if err := binary.Write(&rows, binary.LittleEndian, r.LogProbs(t)); err != nil {
			return 0, err
		}
	}
	for _, p := range r.tokens {
		if err := binary.Write(&tokens, binary.LittleEndian, int32(p)); err != nil {
			return 0, err
		}
	}
	for name, b := range map[string]io.Reader{"rows": &rows, "tokens": &tokens} {
		raw, _ := io.ReadAll(b) // of a buffer
		if err := os.WriteFile(filepath.Join(folder, name), raw, 0o600); err != nil {
			return 0, err
		}
	}
	c := exec.CommandContext(ctx, python, "-", folder, fmt.Sprint(r.Vocabulary.Width()))
	c.Stdin, c.Stderr = bytes.NewReader(torchaudio), os.Stderr
	out, err := c.Output()
	if err != nil {
		return 0, fmt.Errorf("torchaudio: %w", err)
	}
	var said struct{ Seconds float64 }
	if err := json.Unmarshal(out, &said); err != nil {
		return 0, fmt.Errorf("torchaudio: %w", err)
	}
	return time.Duration(said.Seconds * 1e9), nil
}

// busy is how long the processor has worked for this process.
func busy() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // the arguments are right
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
