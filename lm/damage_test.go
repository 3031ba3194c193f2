package lm

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// small is a file with all kinds of sections.
func small(t testing.TB, bits int) []byte {
	t.Helper()
	table := &Table{
		Words: append(Reserved(), "a", "ab", "abc", "b"),
		Levels: []Level{
			{Prob: []float32{-1, -99, -0.8, -0.7, -0.9, -1.1, -1.2}, Backoff: []float32{0, -0.3, 0, -0.2, 0.1, 0, 0}, First: []uint32{0, 0, 2, 2, 4, 5, 5, 5}},
			{Words: []Word{3, 4, 2, 4, 6}, Prob: []float32{-0.1, -0.2, -0.3, -0.4, -0.5}, Backoff: []float32{-0.15, 0, 0, -0.25, 0}, First: []uint32{0, 1, 1, 1, 2, 2}},
			{Words: []Word{4, 6}, Prob: []float32{-0.05, -0.06}},
		},
		Facts: Facts{Folding: FoldWords, Units: Words},
	}
	var b bytes.Buffer
	if err := table.Encode(&b, EncodeOptions{Bits: bits}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// visit uses everything that a model has.
func visit(m *Model) (sum float32) {
	states := []State{m.Begin()}
	for range m.Order() {
		for _, s := range states {
			for w := range Word(m.Len(1) + 1) {
				p, next := m.Score(s, w)
				sum += p + m.End(next) + m.Unigram(w)
				if len(states) < 200 {
					states = append(states, next)
				}
			}
		}
	}
	for w, s := range m.Vocabulary() {
		if n, known := m.Word(s); n != w || !known {
			panic("a word has two numbers")
		}
	}
	m.Word("zz")
	m.Table()
	return sum
}

// Each changed bit is noticed, unless it is one that nothing reads.
func TestDamageIsNoticed(t *testing.T) {
	for _, bits := range []int{8, 16, 32} {
		whole := small(t, bits)
		m, err := OpenBytes(whole)
		if err != nil {
			t.Fatal(err)
		}
		used := make([]bool, len(whole))
		head := len(magic) + 8 + int(binary.LittleEndian.Uint32(whole[len(magic):]))
		for i := range head {
			used[i] = true
		}
		for _, s := range m.header.Sections {
			for i := range s.Length {
				used[s.Offset+i] = true
			}
		}
		want := visit(m)
		for i := range whole {
			b := bytes.Clone(whole)
			b[i] ^= 1 << (i % 8)
			m, err := OpenBytes(b)
			switch {
			case used[i] && err == nil:
				t.Fatalf("%d bits: a change of byte %d goes unnoticed", bits, i)
			case !used[i] && err != nil:
				t.Fatalf("%d bits: byte %d is used: %v", bits, i, err)
			case !used[i] && visit(m) != want:
				t.Fatalf("%d bits: byte %d changes what the model says", bits, i)
			}
		}
	}
}

func TestTruncationIsNoticed(t *testing.T) {
	whole := small(t, 8)
	for n := range whole {
		if _, err := OpenBytes(whole[:n:n]); err == nil {
			t.Fatalf("a file of %d of %d bytes was opened", n, len(whole))
		}
	}
	if _, err := OpenBytes(append(bytes.Clone(whole), 0)); err == nil {
		t.Error("a file with one more byte was opened")
	}
}

// resign makes the checksums of a file agree with its sections.
func resign(b []byte) []byte {
	length := int(binary.LittleEndian.Uint32(b[len(magic):]))
	if len(magic)+8+length > len(b) {
		return b
	}
	text := b[len(magic)+8:][:length]
	var h header
	if json.Unmarshal(text, &h) == nil {
		for i, s := range h.Sections {
			if s.Offset >= 0 && s.Length >= 0 && s.Offset <= len(b) && s.Length <= len(b)-s.Offset {
				h.Sections[i].CRC = checksum(b[s.Offset : s.Offset+s.Length])
			}
		}
		if again, err := json.Marshal(h); err == nil && len(magic)+8+len(again) <= 4096 {
			binary.LittleEndian.PutUint32(b[len(magic):], uint32(len(again)))
			text = b[len(magic)+8:][:len(again)]
			copy(text, again)
		}
	}
	binary.LittleEndian.PutUint32(b[len(magic)+4:], checksum(text))
	return b
}

// A file whose checksums are right can still be nonsense: it must be refused, or be safe.
func TestNonsenseIsRefusedOrSafe(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	refused, opened := 0, 0
	for _, bits := range []int{8, 16, 32} {
		whole := small(t, bits)
		for range 3000 {
			b := bytes.Clone(whole)
			for range 1 + random.IntN(3) {
				i := 4096 + random.IntN(len(b)-4096)
				if random.IntN(8) == 0 {
					i = len(magic) + 8 + random.IntN(900)
				}
				b[i] = byte(random.Uint32())
			}
			m, err := OpenBytes(resign(b))
			if err != nil {
				refused++
				continue
			}
			visit(m)
			opened++
		}
	}
	if refused < 500 || opened < 500 {
		t.Errorf("%d refused and %d opened: one of them is not tested", refused, opened)
	}
}

func FuzzOpenBytes(f *testing.F) {
	for _, bits := range []int{8, 16, 32} {
		f.Add(small(f, bits))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		b = bytes.Clone(b)
		if len(b) >= len(magic)+8 {
			copy(b, magic)
			b = resign(b)
		}
		if m, err := OpenBytes(b); err == nil && m.Len(1) < 100 {
			visit(m)
		}
	})
}

func TestOpenRefusesOtherFiles(t *testing.T) {
	dir := t.TempDir()
	whole := small(t, 8)
	for name, test := range map[string]struct {
		content []byte
		want    string
	}{
		"empty":     {nil, `not an ARPA language model: it has no line \data\`},
		"text":      {[]byte("once upon a time\n"), `not an ARPA language model: it has no line \data\`},
		"gzip":      {[]byte("\x1f\x8bgarbage"), "gzip"},
		"truncated": {whole[:len(whole)-1], "not complete"},
		"head":      {whole[:20], "not complete"},
		"ascii":     {bytes.Replace(whole, []byte("\r\n"), []byte("\n"), 1), "no line"},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, test.content, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(path)
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got error %v, want one with %q", name, err, test.want)
		}
	}
	if _, err := Open(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got error %v", err)
	}
	if _, err := OpenBytes([]byte("RIFF")); !errors.Is(err, ErrForeign) {
		t.Errorf("got error %v", err)
	}
}

func TestCompressedFilesAreRead(t *testing.T) {
	whole := small(t, 16)
	var b bytes.Buffer
	z, err := Compress(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(whole); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	want, err := OpenBytes(whole)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "model")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if visit(got) != visit(want) {
		t.Error("the compressed model scores differently")
	}
	for n := 4; n < b.Len(); n += 7 {
		if _, err := OpenBytes(b.Bytes()[:n]); err == nil {
			t.Fatalf("%d of %d compressed bytes were opened", n, b.Len())
		}
	}
}

func TestMappedFilesAreClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.lm")
	if err := os.WriteFile(path, small(t, 8), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	visit(m)
	if err := errors.Join(m.Close(), m.Close()); err != nil {
		t.Error(err)
	}
}
