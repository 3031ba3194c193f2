package models

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/oracle"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hub is a server that stands for all others, as a mirror does.
type hub struct {
	*httptest.Server
	mu    sync.Mutex
	files map[string][]byte // by HOST/PATH
	asked []string          // "PATH" or "PATH from N"
	hold  chan struct{}     // if set, answers wait for it after the first half
	half  chan string       // if set, receives when half of a file is sent
}

func newHub(t *testing.T) *hub {
	t.Helper()
	h := &hub{files: map[string][]byte{}}
	h.Server = httptest.NewServer(h)
	t.Cleanup(h.Close)
	return h
}

func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	path := strings.TrimPrefix(r.URL.Path, "/")
	b, ok := h.files[path]
	from, _ := strings.CutPrefix(r.Header.Get("Range"), "bytes=")
	h.asked = append(h.asked, strings.TrimSuffix(filepath.Base(path)+" "+from, " "))
	hold, half := h.hold, h.half
	h.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("ETag", `"1"`)
	if hold != nil && from == "" {
		w.Header().Set("Content-Length", itoa(len(b)))
		_, _ = w.Write(b[:len(b)/2])
		w.(http.Flusher).Flush()
		if half != nil {
			half <- path
		}
		select {
		case <-hold:
			_, _ = w.Write(b[len(b)/2:])
		case <-r.Context().Done():
		}
		return
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

// offer puts a toy model where a build's files are, packed if it is packed, and returns
// it as it will lie on the disk. The catalogue's sizes and digests are those of real
// files, so they are replaced.
func (h *hub) offer(t *testing.T, s *Store, name string) map[string][]byte {
	t.Helper()
	_, b := s.Catalogue.Find(name)
	if b == nil {
		t.Fatalf("no build %s", name)
	}
	files := map[string][]byte{}
	for i := range b.Files {
		f := &b.Files[i]
		from := "model.onnx"
		if strings.HasSuffix(f.Name, ".txt") {
			from = "tokens.txt"
		}
		content, err := os.ReadFile(oracle.Data(t, "models", "toys", "tones", from))
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = content
		if f.Size > 0 {
			f.Size = int64(len(content))
		}
		if f.SHA256 != "" {
			f.SHA256 = digestOf(content)
		}
		if b.Archive == nil {
			h.files[strings.TrimPrefix(b.URL(f), "https://")] = content
		}
	}
	if b.Archive != nil {
		packed := pack(t, b.Root, files)
		h.files[strings.TrimPrefix(b.Archive.URL, "https://")] = packed
		if b.Archive.Size > 0 {
			b.Archive.Size = int64(len(packed))
		}
		if b.Archive.SHA256 != "" {
			b.Archive.SHA256 = digestOf(packed)
		}
	}
	return files
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// pack makes a .tar.bz2 as published ones are made.
func pack(t *testing.T, root string, files map[string][]byte) []byte {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, root), 0o777); err != nil {
		t.Fatal(err)
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, root, name), b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.Command("tar", "cjf", "-", "./"+root)
	c.Dir = dir
	b, err := c.Output()
	if err != nil {
		t.Skipf("no tar with bzip2 here: %v", err)
	}
	return b
}

// options are those of a pull from the hub that waits for nothing.
func (h *hub) options() PullOptions {
	return PullOptions{Mirror: h.URL, Pause: func(ctx context.Context, _ time.Duration) error { return context.Cause(ctx) }}
}

// onlyModel fails the test unless the model is there, whole and alone.
func onlyModel(t *testing.T, s *Store, name string, files map[string][]byte) {
	t.Helper()
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := []string{"." + name + ".lock", name}; !slices.Equal(names, want) {
		t.Errorf("the folder holds %v, want %v", names, want)
	}
	for f, want := range files {
		if got, err := os.ReadFile(filepath.Join(s.Dir, name, f)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes (%v), want %d", f, len(got), err, len(want))
		}
	}
	inside, err := os.ReadDir(filepath.Join(s.Dir, name))
	if err != nil || len(inside) != len(files)+1 {
		t.Errorf("the model's folder holds %v (%v), want %v and the card", inside, err, slices.Collect(maps.Keys(files)))
	}
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o777); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
}
