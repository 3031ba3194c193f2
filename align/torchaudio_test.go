package align

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/align/viterbi"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/timeline"
)

// longestTable is for how many minutes the whole table is filled, by us and by torchaudio,
// whose table for an hour takes 1.4 GB and for ten hours 135 GB.
const longestTable = 60

// BenchmarkBesideTorchaudio aligns a text as the program does, through the whole table, and
// with torchaudio, which gets the same rows and tokens. Times are seconds of the processor,
// not of the clock on the wall, so that other programs on the machine count little; run it
// with -cpu 1.
func BenchmarkBesideTorchaudio(b *testing.B) {
	for _, minutes := range []int{1, 10, 60, 600} {
		b.Run(fmt.Sprintf("%dmin", minutes), func(b *testing.B) {
			r := read(timeline.Row(minutes*750), 1025, false)
			var a *Alignment
			var err error
			start, n := busy(), 0
			for ; b.Loop(); n++ {
				if a, err = r.Align(b.Context(), r.ref); err != nil {
					b.Fatal(err)
				}
			}
			own := (busy() - start) / time.Duration(n)
			for i, w := range a.Words {
				if !r.changed[i] && w.Verdict == Match && w.First != r.at[i].first {
					b.Errorf("word %d is not where it was said", i)
				}
			}
			b.ReportMetric(own.Seconds(), "core-s/align")
			if minutes > longestTable {
				return
			}
			var tokens []ctc.Piece
			for _, w := range r.ref {
				tokens = append(tokens, w.Variants[0]...)
			}
			start, n = busy(), 0
			for ; n == 0 || busy()-start < time.Second; n++ {
				if _, err := viterbi.Align(&viterbi.Problem{Scores: r.LogProbs, Rows: timeline.Row(len(r.Rows)), Blank: r.Vocabulary.Blank(), Tokens: tokens}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(((busy() - start) / time.Duration(n)).Seconds(), "core-s/table")
			if python := os.Getenv(oracle.TorchaudioPython); python != "" {
				torch := torchaudio(b, python, r, tokens)
				b.ReportMetric(torch, "core-s/torchaudio")
				b.ReportMetric(torch/own.Seconds(), "times-faster")
			}
		})
	}
}

// torchaudio has torchaudio align the same, and returns the seconds it takes.
func torchaudio(b *testing.B, python string, r *reading, tokens []ctc.Piece) float64 {
	b.Helper()
	var rows, ids bytes.Buffer
	for t := range timeline.Row(len(r.Rows)) {
		if err := binary.Write(&rows, binary.LittleEndian, r.LogProbs(t)); err != nil {
			b.Fatal(err)
		}
	}
	for _, p := range tokens {
		if err := binary.Write(&ids, binary.LittleEndian, int32(p)); err != nil {
			b.Fatal(err)
		}
	}
	folder := b.TempDir()
	for name, content := range map[string][]byte{"rows": rows.Bytes(), "tokens": ids.Bytes()} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	c := exec.CommandContext(b.Context(), python, "testdata/torchaudio.py", folder, fmt.Sprint(r.Vocabulary.Width()))
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		b.Fatal(err)
	}
	var said struct{ Seconds float64 }
	if err := json.Unmarshal(out, &said); err != nil {
		b.Fatal(err)
	}
	return said.Seconds
}

// busy is how long the processor has worked for this process.
func busy() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // the arguments are right
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
