package lm

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// BenchmarkScore scores running text with the model of the variable LM_BENCH_MODEL and the
// folded text of LM_BENCH_TEXT.
func BenchmarkScore(b *testing.B) {
	path, text := os.Getenv("LM_BENCH_MODEL"), os.Getenv("LM_BENCH_TEXT")
	if path == "" || text == "" {
		b.Skip("set LM_BENCH_MODEL and LM_BENCH_TEXT to files")
	}
	m, err := Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	f, err := os.Open(text)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	var words []Word
	for s := bufio.NewScanner(f); s.Scan(); {
		words = append(words, start)
		for w := range strings.FieldsSeq(s.Text()) {
			n, _ := m.Word(w)
			words = append(words, n)
		}
	}
	b.ReportAllocs()
	before := cpu(b)
	state, i, sum := m.Begin(), 0, float32(0)
	for b.Loop() {
		w := words[i%len(words)]
		if i++; w == start {
			state = m.Begin()
			continue
		}
		var p float32
		p, state = m.Score(state, w)
		sum += p
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
	if sum == 0 {
		b.Fatal("nothing was scored")
	}
}

// cpu is the processor time of this process in nanoseconds, which other processes disturb
// less than the time of day.
func cpu(b *testing.B) int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
