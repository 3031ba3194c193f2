package logprobs

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/asr-backend/asr-backend/timeline"

	"pgregory.net/rapid"
)

// value is column k of row i: all that a model can write, and what it should not.
func value(i timeline.Row, k int) float32 {
	switch x := uint32(i)*2654435761 + uint32(k)*40503; x % 11 {
	case 0:
		return 0
	case 1:
		return float32(math.Inf(-1))
	default:
		return -float32(x%(40<<11)) / 2048
	}
}

// Rows come back as they were put in, within half a step, whether they are in memory or
// in the file and in whatever order they are asked for.
func TestRowsComeBack(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		width, rows := rapid.IntRange(1, 40).Draw(t, "width"), timeline.Row(rapid.IntRange(0, 400).Draw(t, "rows"))
		s := New(width, dir)
		defer s.Close()
		s.limit = rapid.IntRange(0, 2*width*int(rows)+1).Draw(t, "bytes in memory")
		row := make([]float32, width)
		for i := range rows {
			for k := range row {
				row[k] = value(i, k)
			}
			if err := s.Append(row); err != nil {
				t.Fatal(err)
			}
		}
		if s.Rows() != rows {
			t.Fatalf("%d rows, want %d", s.Rows(), rows)
		}
		for n := range min(rows, 50) {
			i := n
			if rapid.Bool().Draw(t, "jump") {
				i = timeline.Row(rapid.IntRange(0, int(rows)-1).Draw(t, "row"))
			}
			for k, got := range s.Row(i) {
				want := max(float64(value(i, k)), -(1<<16-1)/2048.0)
				if math.Abs(float64(got)-want) > 1.0/4096 {
					t.Fatalf("row %d, column %d: got %v, want %v", i, k, got, want)
				}
			}
		}
		if err := s.Err(); err != nil {
			t.Fatal(err)
		}
	})
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestWhatCannotBeKeptIsSaid(t *testing.T) {
	s := New(3, filepath.Join(t.TempDir(), "nowhere"))
	defer s.Close()
	if err := s.Append([]float32{1, 2}); err == nil || err.Error() != "logprobs: a row of 2 values, want 3" {
		t.Errorf("got %v", err)
	}
	s.limit = 6
	if err := s.Append([]float32{0, -1, -2}); err != nil {
		t.Fatal(err)
	}
	if err := s.Append([]float32{0, -1, -2}); err == nil {
		t.Error("no error where no file can be made")
	}
	lost := New(1, t.TempDir())
	lost.limit = 0
	for range 3 {
		if err := lost.Append([]float32{-1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := lost.file.Close(); err != nil {
		t.Fatal(err)
	}
	if row := lost.Row(1); lost.Err() == nil || row[0] != 0 {
		t.Errorf("got %v, %v of a file that is gone", row, lost.Err())
	}
}

func BenchmarkStore(b *testing.B) {
	const width, rows = 1025, 1000
	row := make([]float32, width)
	for k := range row {
		row[k] = value(1, k)
	}
	for name, limit := range map[string]int{"memory": InMemory, "file": 0} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				s := New(width, b.TempDir())
				s.limit = limit
				for range rows {
					if err := s.Append(row); err != nil {
						b.Fatal(err)
					}
				}
				for i := range timeline.Row(rows) {
					s.Row(i)
				}
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(b.Elapsed().Seconds()*1e6/float64(b.N)/rows, "µs/row")
		})
	}
}
