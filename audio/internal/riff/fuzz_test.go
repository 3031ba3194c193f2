package riff

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/asr-backend/asr-backend/internal/oracle"
)

// FuzzRead holds the reader to no more bytes than there are and to sensible lengths.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob(oracle.Data(f, "audio", "odd-audio", "*", "*.wav"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[:min(len(b), 1024)])
	}
	f.Add(file("RIFF", []byte("data\x04\x00\x00\x00SSSS"), chunk(le, "LIST", []byte("odd")), chunk(le, "fmt ", format(le, 1, 2, 44100, 4, 16))))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := Read(bytes.NewReader(b))
		if errors.Is(err, ErrDataFirst) && h.Data >= 0 && h.DataAt+h.Data <= int64(len(b)) {
			_ = h.ReadFormat(bytes.NewReader(b[h.DataAt+h.Data:]))
			return
		}
		if err != nil {
			return
		}
		if h.DataAt < 44-2 || h.DataAt > int64(len(b)) {
			t.Errorf("sound begins at %d of %d bytes", h.DataAt, len(b))
		}
		if h.Data < Unknown {
			t.Errorf("%d bytes of sound", h.Data)
		}
	})
}
