package lm_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/lm"
)

// unzip returns a file of testdata, without its compression.
func unzip(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// lines returns the lines of a file of testdata.
func lines(t testing.TB, name string) []string {
	t.Helper()
	return strings.Split(strings.TrimSuffix(string(unzip(t, name)), "\n"), "\n")
}

func openARPA(t testing.TB, name string) *lm.Model {
	t.Helper()
	m, err := lm.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func TestScoresAreThoseOfKenLM(t *testing.T) {
	sentences := lines(t, "sentences.txt.gz")
	for _, order := range []string{"3", "5"} {
		m := openARPA(t, "lmplz"+order+".arpa.gz")
		want := lines(t, "kenlm"+order+".scores.gz")
		if len(want) != len(sentences) || len(want) != 10000 {
			t.Fatalf("got %d sentences and %d scores, want 10000", len(sentences), len(want))
		}
		largest := 0.0
		for i, s := range sentences {
			w, err := strconv.ParseFloat(want[i], 64)
			if err != nil {
				t.Fatal(err)
			}
			var tally lm.Tally
			got := tally.Add(m, strings.Fields(s))
			if largest = max(largest, math.Abs(got-w)); math.Abs(got-w) > 1e-4 {
				t.Fatalf("order %s, %q: got %.6f, want %.6f", order, s, got, w)
			}
		}
		t.Logf("order %s: scores differ by up to %.2g", order, largest)
	}
}

// A file of this program scores as the ARPA file does, and within the rounding that it
// states if its values are rounded.
func TestFilesKeepTheModel(t *testing.T) {
	exact := openARPA(t, "lmplz3.arpa.gz")
	sentences := lines(t, "sentences.txt.gz")
	for _, bits := range []int{8, 16, 32} {
		m := encoded(t, exact.Table(), bits)
		_, rounding := m.Rounding()
		if bits == 32 && rounding != 0 || bits < 32 && !(rounding > 0 && rounding < 0.02) {
			t.Errorf("%d bits: rounding of %g", bits, rounding)
		}
		for _, s := range sentences[:3000] {
			a, b := exact.Begin(), m.Begin()
			for w := range strings.FieldsSeq(s) {
				n, known := exact.Word(w)
				if again, too := m.Word(w); again != n || too != known {
					t.Fatalf("%d bits: %q is %d, want %d", bits, w, again, n)
				}
				var p, q float32
				p, a = exact.Score(a, n)
				q, b = m.Score(b, n)
				// A score is the sum of at most three values here.
				if math.Abs(float64(p-q)) > 3*float64(rounding)+1e-6 {
					t.Fatalf("%d bits, %q in %q: got %g, want %g within %g", bits, w, s, q, p, 3*rounding)
				}
			}
		}
	}
}

func encoded(t testing.TB, table *lm.Table, bits int) *lm.Model {
	t.Helper()
	var b, again bytes.Buffer
	for _, to := range []*bytes.Buffer{&b, &again} {
		if err := table.Encode(to, lm.EncodeOptions{Bits: bits}); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Fatal("the same table gave different bytes")
	}
	m, err := lm.OpenBytes(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestWrittenARPAIsReadAgain(t *testing.T) {
	want := openARPA(t, "lmplz5.arpa.gz").Table()
	var b bytes.Buffer
	if err := want.WriteARPA(&b); err != nil {
		t.Fatal(err)
	}
	got, err := lm.ReadARPA(bufio.NewReader(&b))
	if err != nil {
		t.Fatal(err)
	}
	equalTables(t, got, want)
}

func equalTables(t *testing.T, got, want *lm.Table) {
	t.Helper()
	var a, b bytes.Buffer
	for table, to := range map[*lm.Table]*bytes.Buffer{got: &a, want: &b} {
		if err := table.Encode(to, lm.EncodeOptions{Bits: 32}); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("the tables differ")
	}
}
