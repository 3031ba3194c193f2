package sealed_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/asr-backend/asr-backend/internal/sealed"
)

type value struct {
	Version int    `json:"v"`
	Name    string `json:"name,omitempty"`
}

func TestEveryFlippedBitIsNoticed(t *testing.T) {
	want := value{1, "asr"}
	path := filepath.Join(t.TempDir(), "file.json")
	if err := sealed.Write(path, want); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got value
	if checked, err := sealed.Read(path, &got); !checked || err != nil || got != want {
		t.Fatalf("untouched: %v, %v, %v", checked, err, got)
	}
	for i := range len(data) * 8 {
		flipped := bytes.Clone(data)
		flipped[i/8] ^= 1 << (i % 8)
		var got value
		if _, err := sealed.Decode(flipped, &got); !errors.Is(err, sealed.ErrDamaged) {
			t.Errorf("bit %d: %q gives %v, %v", i, flipped, got, err)
		}
	}
	for n := range len(data) - 1 { // the line end alone may be missing
		var got value
		if _, err := sealed.Decode(data[:n], &got); !errors.Is(err, sealed.ErrDamaged) {
			t.Errorf("cut to %q: %v, %v", data[:n], got, err)
		}
	}
}

// Programs that know of no checksum read the file too, and the checksum is the one of the
// field (RFC 3720, appendix B.4 gives 0xE3069283 for "123456789").
func TestTheFileIsPlainJSON(t *testing.T) {
	for _, v := range []any{value{2, "x"}, struct{}{}, map[string]string{"a": "b"}} {
		data, err := sealed.Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		var all map[string]any
		if err := json.Unmarshal(data, &all); err != nil || all["crc32c"] == nil {
			t.Errorf("%s: %v", data, err)
		}
	}
	if got := crc32.Checksum([]byte("123456789"), crc32.MakeTable(crc32.Castagnoli)); got != 0xE3069283 {
		t.Errorf("the checksum is %08x", got)
	}
	if _, err := sealed.Encode([]int{1}); err == nil {
		t.Error("an array was sealed")
	}
}

func TestFilesOfEarlierVersionsAreReadStrictly(t *testing.T) {
	for text, ok := range map[string]bool{
		`{"v":1,"name":"asr"}` + "\n": true,
		`{"v":1}`:                     true,
		`{"v":1,"nbme":"asr"}`:        false,
		`{"v":1}}`:                    false,
		`{"v":1`:                      false,
		``:                            false,
		`{"v":1,"crc32c":"x"}`:        false,
	} {
		var got value
		if checked, err := sealed.Decode([]byte(text), &got); checked || (err == nil) != ok || err != nil && !errors.Is(err, sealed.ErrDamaged) {
			t.Errorf("%q: %v, %v", text, checked, err)
		}
	}
	if _, err := sealed.Read(filepath.Join(t.TempDir(), "none"), new(value)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	good, err := sealed.Encode(value{1, "asr"})
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range [][]byte{good, []byte(`{"v":1}`), []byte(`{"crc32c":"00000000"}`), nil} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var got value
		if _, err := sealed.Decode(data, &got); err != nil {
			if !errors.Is(err, sealed.ErrDamaged) {
				t.Error(err)
			}
			return
		}
		again, err := sealed.Encode(got)
		if err != nil {
			t.Fatal(err)
		}
		var back value
		if checked, err := sealed.Decode(again, &back); !checked || err != nil || back != got {
			t.Errorf("%q: %v became %v, %v", data, got, back, err)
		}
	})
}
