package npy_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/internal/npy"
	"github.com/asr-backend/asr-backend/internal/oracle"
)

func TestNumPyReadsWhatIsWritten(t *testing.T) {
	for shape, want := range map[string]string{"6": "(6,)", "2 3": "(2, 3)", "1 2 3": "(1, 2, 3)"} {
		var dims []int
		for _, d := range strings.Fields(shape) {
			dims = append(dims, int(d[0]-'0'))
		}
		var b bytes.Buffer
		if err := npy.Write(&b, []float32{0, 0.5, -1, 3e38, 1e-40, 7}, dims...); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "a.npy")
		if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
		got := oracle.RunPython(t, nil, "import sys, numpy; a = numpy.load(sys.argv[1]); print(a.dtype, a.shape, a.flags.c_contiguous, a.ravel().tolist())", path)
		if want := "float32 " + want + " True [0.0, 0.5, -1.0, 3.0000000054977558e+38, 9.99994610111476e-41, 7.0]\n"; string(got) != want {
			t.Errorf("got %swant %s", got, want)
		}
		back, err := npy.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(back.Shape, dims) || back.Data[1] != 0.5 {
			t.Errorf("got %v", back)
		}
	}
}

func TestAShapeThatDoesNotFit(t *testing.T) {
	var b bytes.Buffer
	if err := npy.Write(&b, make([]float32, 5), 2, 3); err == nil || b.Len() > 0 {
		t.Errorf("got %v and %d bytes", err, b.Len())
	}
}
