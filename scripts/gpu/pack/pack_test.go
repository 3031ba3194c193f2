package main

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/internal/cudatest"
)

// archive is one with a file of noise.
func archive(t *testing.T) (path string, content []byte) {
	t.Helper()
	dir := t.TempDir()
	noise := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		content = append(content, byte(noise.Uint32()))
	}
	if err := os.Mkdir(filepath.Join(dir, "in"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "in", "noise"), content, 0o644); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "all.tar.xz")
	if out, err := exec.Command("tar", "-C", filepath.Join(dir, "in"), "-cJf", path, ".").CombinedOutput(); err != nil {
		t.Skipf("no tar with xz here: %s", out)
	}
	return path, content
}

// takePart runs a part's take.sh and returns what it says.
func takePart(out, part, work string) (string, error) {
	said, err := exec.Command("sh", filepath.Join(out, part, "take.sh"), work).CombinedOutput()
	return string(said), err
}

func TestPartsBecomeOneAgain(t *testing.T) {
	path, content := archive(t)
	out, work := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(out, "9"), 0o755); err != nil { // of an earlier packing
		t.Fatal(err)
	}
	count, err := cut(path, out, 40_000)
	if err != nil || count != 3 {
		t.Fatalf("%d parts, %v, want 3", count, err)
	}
	if _, err := os.Stat(filepath.Join(out, "9")); err == nil {
		t.Error("a part of an earlier packing is still there")
	}
	for _, c := range [][2]string{{"3", "missing: 1 2"}, {"1", "missing: 2"}, {"1", "missing: 2"}, {"2", "all 3 parts"}} {
		if said, err := takePart(out, c[0], work); err != nil || !strings.Contains(said, c[1]) {
			t.Errorf("part %s: %q, %v, want %q", c[0], said, err, c[1])
		}
	}
	if got, err := os.ReadFile(filepath.Join(work, "program", "noise")); err != nil || !bytes.Equal(got, content) {
		t.Errorf("the file differs, %v", err)
	}
}

func TestADamagedPartIsRefused(t *testing.T) {
	path, _ := archive(t)
	out, work := t.TempDir(), t.TempDir()
	if _, err := cut(path, out, 60_000); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(out, "2", "part.2")
	part, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	part[100] ^= 1
	if err := os.WriteFile(name, part, 0o644); err != nil {
		t.Fatal(err)
	}
	if said, err := takePart(out, "2", work); err == nil || !strings.Contains(said, "damaged") {
		t.Errorf("%q, %v", said, err)
	}
	if said, err := takePart(out, "1", work); err != nil || !strings.Contains(said, "missing: 2") {
		t.Errorf("%q, %v", said, err)
	}
}

func TestSizes(t *testing.T) {
	for s, want := range map[string]int64{"": 0, "54M": 54 << 20, "1000": 1000} {
		if got, err := parseSize(s); err != nil || got != want {
			t.Errorf("%q is %d, %v", s, got, err)
		}
	}
	for _, s := range []string{"0", "-1M", "M", "54G", "x"} {
		if got, err := parseSize(s); err == nil {
			t.Errorf("%q is %d", s, got)
		}
	}
}

// The provider of ONNX Runtime keeps its size, and the loader takes it, see the check's own test.
func TestCodeForOneGPUIsKeptOfTheCUDAProvider(t *testing.T) {
	if !cudatest.Available() {
		t.Skip("no stand-in for CUDA: run `make cuda-standin`")
	}
	before, err := os.ReadFile(filepath.Join(os.Getenv(cudatest.Variable), "onnxruntime", "libonnxruntime_providers_cuda.so"))
	if err != nil {
		t.Fatal(err)
	}
	after := bytes.Clone(before)
	kept, emptied, err := onlyArch(after, 90)
	if err != nil || kept < 10<<20 || emptied < 50<<20 {
		t.Fatalf("%d bytes kept, %d emptied, %v", kept, emptied, err)
	}
	changed := 0
	for i := range before {
		if before[i] != after[i] {
			changed++
			if after[i] != 0 {
				t.Fatalf("byte %d has become %d", i, after[i])
			}
		}
	}
	if int64(changed) > emptied {
		t.Errorf("%d bytes have changed, of %d", changed, emptied)
	}
	if again, more, err := onlyArch(after, 90); err != nil || again != kept || more != emptied {
		t.Errorf("a second time: %d kept, %d emptied, %v", again, more, err)
	}
	if _, _, err := onlyArch(bytes.Clone(before), 61); err == nil {
		t.Error("there is code for a GPU that is not supported")
	}
}

// container holds code for two GPUs, of 8 bytes each.
func container() []byte {
	le := binary.LittleEndian
	c := le.AppendUint16(le.AppendUint16(le.AppendUint32(nil, fatbinMagic), 1), 16)
	c = le.AppendUint64(c, 2*(32+8))
	for _, arch := range []uint32{80, 90} {
		c = le.AppendUint32(le.AppendUint32(c, 2), 32)
		c = le.AppendUint64(c, 8)
		c = append(c, make([]byte, 12)...)
		c = append(le.AppendUint32(c, arch), "the code"...)
	}
	return c
}

func FuzzEmptyOthers(f *testing.F) {
	f.Add(container(), 90)
	f.Add(append(make([]byte, 24), container()...), 80)
	f.Fuzz(func(t *testing.T, data []byte, arch int) {
		if kept, emptied, err := emptyOthers(bytes.Clone(data), arch); err == nil && kept+emptied > int64(len(data)) {
			t.Errorf("%d bytes kept and %d emptied of %d", kept, emptied, len(data))
		}
	})
}
