package models

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
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

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/models/internal/fetch"

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

func TestPulling(t *testing.T) {
	for name, test := range map[string]struct {
		model, language, licence string
		origin                   fetch.Origin
		notices                  int
	}{
		"files with digests":    {"parakeet-110m", "en", "CC-BY-4.0", fetch.Known, 0},
		"files without digests": {"fastconformer-fr", "fr", "CC-BY-4.0", fetch.FirstUse, 2},
		"an archive":            {"parakeet-110m-int8", "en", "CC-BY-4.0", fetch.Known, 1},
		"several languages":     {"fastconformer-eu4-int8", "", "", fetch.Known, 1},
		"weights beside":        {"parakeet-0.6b", "en", "CC-BY-4.0", fetch.Known, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s, h := store(t), newHub(t)
			files := h.offer(t, s, test.model)
			o := h.options()
			var notices []string
			var last Progress
			o.Notice = func(text string) { notices = append(notices, text) }
			o.Progress = func(p Progress) { last = p }
			got, err := s.Pull(t.Context(), test.model, o)
			if err != nil {
				t.Fatal(err)
			}
			if want := (PullResult{test.model, filepath.Join(s.Dir, test.model), false}); *got != want {
				t.Errorf("got %+v, want %+v", *got, want)
			}
			onlyModel(t, s, test.model, files)
			if len(notices) != test.notices {
				t.Errorf("notices %q, want %d", notices, test.notices)
			}
			if last.Model != test.model || last.Have != last.Total || last.Have == 0 {
				t.Errorf("progress ended with %+v", last)
			}
			b, err := s.Open(test.model, "")
			if err != nil {
				t.Fatal(err)
			}
			if c := b.Card; c.Name != test.model || c.Language != test.language || c.Licence != test.licence || c.Source == "" || len(c.SHA256) != len(files) {
				t.Errorf("card %+v", c)
			}
			if m, _ := s.Catalogue.Find(test.model); !slices.Equal(Languages(b), m.Languages) {
				t.Errorf("card: languages %v, want %v", Languages(b), m.Languages)
			}
			for f, content := range files {
				if b.Card.SHA256[f] != digestOf(content) {
					t.Errorf("card: digest of %s is %s", f, b.Card.SHA256[f])
				}
			}
			c, err := readCard(b.Dir)
			if err != nil || c.Origins[b.Graph] != test.origin {
				t.Errorf("card: %+v, %v; want a digest %s", c, err, test.origin)
			}
			asked := len(h.asked)
			if again, err := s.Pull(t.Context(), test.model, o); err != nil || !again.Already || len(h.asked) != asked {
				t.Errorf("second pull: %+v, %v, %d requests", again, err, len(h.asked)-asked)
			}
		})
	}
}

func TestWhatCannotBePulled(t *testing.T) {
	for name, test := range map[string]struct {
		model string
		spoil func(h *hub, s *Store, b *Build)
		say   string
	}{
		"an unknown name":        {"whisper-large", nil, "no model of this name"},
		"the embedded model":     {"default", nil, "inside the program"},
		"a model to be exported": {"fastconformer-ctc-en", nil, "has to be exported"},
		"a file that is gone":    {"fastconformer-fr", func(h *hub, _ *Store, b *Build) { clear(h.files) }, "404"},
		"a file with another digest": {"parakeet-110m", func(h *hub, _ *Store, b *Build) {
			b.Files[1].SHA256 = digestOf(nil)
		}, "SHA-256"},
		"a file of another length": {"parakeet-110m", func(h *hub, _ *Store, b *Build) { b.Files[1].Size++ }, "bytes long"},
		"a page in place of a file": {"fastconformer-fr", func(h *hub, _ *Store, b *Build) {
			h.files[strings.TrimPrefix(b.URL(&b.Files[1]), "https://")] = []byte("<html>Please log in to the network</html>")
		}, "cannot be used: model"},
		"an archive with another digest": {"parakeet-110m-int8", func(h *hub, _ *Store, b *Build) { b.Archive.SHA256 = digestOf(nil) }, "SHA-256"},
		"an archive with another file": {"parakeet-110m-int8", func(h *hub, _ *Store, b *Build) {
			b.Files[0].SHA256 = digestOf(nil)
		}, "SHA-256"},
		"an archive of another model": {"parakeet-110m-int8", func(h *hub, _ *Store, b *Build) { b.Root = "other" }, "the archive has no other/"},
		"an archive that is none": {"fastconformer-eu4-int8", func(h *hub, _ *Store, b *Build) {
			text := []byte("<html>")
			h.files[strings.TrimPrefix(b.Archive.URL, "https://")] = text
			b.Archive.Size, b.Archive.SHA256 = int64(len(text)), digestOf(text)
		}, "read archive"},
		"more than fits on the disk": {"parakeet-110m", func(_ *hub, _ *Store, b *Build) { b.Files[0].Size = 1 << 50 }, "MB free"},
		"a folder that cannot be made": {"parakeet-110m", func(_ *hub, s *Store, _ *Build) {
			s.Dir = filepath.Join(s.Dir, "file", "models")
			_ = os.WriteFile(filepath.Dir(s.Dir), nil, 0o666)
		}, FolderVariable},
		"a broken folder in its place": {"parakeet-110m", func(_ *hub, s *Store, _ *Build) {
			_ = os.Mkdir(filepath.Join(s.Dir, "parakeet-110m"), 0o777)
		}, "remove the folder"},
	} {
		t.Run(name, func(t *testing.T) {
			s, h := store(t), newHub(t)
			if test.spoil != nil {
				h.offer(t, s, test.model)
				_, b := s.Catalogue.Find(test.model)
				test.spoil(h, s, b)
			}
			_, err := s.Pull(t.Context(), test.model, h.options())
			var refused *asr.ModelError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), test.say) {
				t.Fatalf("got %v, want a ModelError with %q", err, test.say)
			}
			if b, err := s.Open(test.model, ""); err == nil && test.model != DefaultName {
				t.Errorf("it can be opened: %+v", b)
			}
		})
	}
}

func TestAFailedPullKeepsWhatIsGood(t *testing.T) {
	s, h := store(t), newHub(t)
	files := h.offer(t, s, "fastconformer-fr")
	_, b := s.Catalogue.Find("fastconformer-fr")
	vocabulary := strings.TrimPrefix(b.URL(&b.Files[1]), "https://")
	content := h.files[vocabulary]
	delete(h.files, vocabulary)
	if _, err := s.Pull(t.Context(), "fastconformer-fr", h.options()); err == nil {
		t.Fatal("no error")
	}
	h.files[vocabulary] = content
	if _, err := s.Pull(t.Context(), "fastconformer-fr", h.options()); err != nil {
		t.Fatal(err)
	}
	onlyModel(t, s, "fastconformer-fr", files)
	if want := []string{"model.onnx", "vocab.txt", "vocab.txt"}; !slices.Equal(h.asked, want) {
		t.Errorf("asked for %v, want %v", h.asked, want)
	}
}

func TestSeveralPullsAtOnceDoNotClash(t *testing.T) {
	s, h := store(t), newHub(t)
	files := h.offer(t, s, "fastconformer-fr")
	h.hold, h.half = make(chan struct{}), make(chan string, 10)
	waiting := make(chan string, 10)
	o := h.options()
	o.Notice = func(text string) {
		if strings.Contains(text, "waiting") {
			waiting <- text
		}
	}
	results := make(chan *PullResult, 3)
	for range 3 {
		go func() {
			r, err := s.Pull(t.Context(), "fastconformer-fr", o)
			if err != nil {
				t.Error(err)
			}
			results <- r
		}()
	}
	<-h.half
	<-waiting
	<-waiting
	close(h.hold)
	already := 0
	for range 3 {
		if r := <-results; r != nil && r.Already {
			already++
		}
	}
	if already != 2 || len(h.asked) != 2 {
		t.Errorf("%d of 3 found it there, %v were asked for; want 2, each file once", already, h.asked)
	}
	onlyModel(t, s, "fastconformer-fr", files)
}

func TestCancellingAWaitingPull(t *testing.T) {
	s, h := store(t), newHub(t)
	h.offer(t, s, "fastconformer-fr")
	if err := os.MkdirAll(s.Dir, 0o777); err != nil {
		t.Fatal(err)
	}
	release, err := lock(t.Context(), filepath.Join(s.Dir, ".fastconformer-fr.lock"), func() {})
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	ctx, cancel := context.WithCancel(t.Context())
	o := h.options()
	o.Notice = func(string) { cancel() }
	if _, err := s.Pull(ctx, "fastconformer-fr", o); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestCtrlCLeavesAPullThatGoesOn(t *testing.T) {
	for _, model := range []string{"fastconformer-fr", "parakeet-110m-int8"} {
		t.Run(model, func(t *testing.T) {
			s, h := store(t), newHub(t)
			files := h.offer(t, s, model)
			h.hold, h.half = make(chan struct{}), make(chan string, 10)
			ctx, cancel := context.WithCancel(t.Context())
			o := h.options()
			o.Progress = func(p Progress) {
				if p.Have > 0 && p.Have == p.Total/2 {
					cancel()
				}
			}
			if _, err := s.Pull(ctx, model, o); !errors.Is(err, context.Canceled) {
				t.Fatalf("got %v", err)
			}
			if _, err := s.Open(model, ""); err == nil {
				t.Fatal("half a model can be opened")
			}
			h.mu.Lock()
			h.hold = nil
			h.mu.Unlock()
			if _, err := s.Pull(t.Context(), model, h.options()); err != nil {
				t.Fatal(err)
			}
			onlyModel(t, s, model, files)
			if !strings.Contains(h.asked[1], " ") {
				t.Errorf("asked for %v, want the second to be for the rest", h.asked)
			}
		})
	}
}

// A process that dies at any point leaves nothing that a later pull cannot finish.
func TestLeftoversOfADeadProcess(t *testing.T) {
	for name, leave := range map[string]func(t *testing.T, s *Store, files map[string][]byte){
		"an empty staging folder": func(t *testing.T, s *Store, _ map[string][]byte) {
			mkdir(t, filepath.Join(s.Dir, ".parakeet-110m-int8.part"))
		},
		"half a file unpacked": func(t *testing.T, s *Store, files map[string][]byte) {
			dir := filepath.Join(s.Dir, ".parakeet-110m-int8.part")
			mkdir(t, dir)
			write(t, filepath.Join(dir, "model.int8.onnx"), files["model.int8.onnx"][:10])
		},
		"everything but the rename": func(t *testing.T, s *Store, files map[string][]byte) {
			dir := filepath.Join(s.Dir, ".parakeet-110m-int8.part")
			mkdir(t, dir)
			for f, b := range files {
				write(t, filepath.Join(dir, f), b)
			}
			write(t, filepath.Join(dir, cardName), []byte("{}"))
		},
		"an unfinished card": func(t *testing.T, s *Store, _ map[string][]byte) {
			dir := filepath.Join(s.Dir, ".parakeet-110m-int8.part")
			mkdir(t, dir)
			write(t, filepath.Join(dir, cardName), []byte(`{"name`))
		},
		"another archive": func(t *testing.T, s *Store, _ map[string][]byte) {
			write(t, filepath.Join(s.Dir, ".parakeet-110m-int8.part.tar.bz2"), []byte("other"))
		},
		"a part without its source": func(t *testing.T, s *Store, _ map[string][]byte) {
			write(t, filepath.Join(s.Dir, ".parakeet-110m-int8.part.tar.bz2.part"), []byte("other"))
		},
		"a part with a broken source": func(t *testing.T, s *Store, _ map[string][]byte) {
			write(t, filepath.Join(s.Dir, ".parakeet-110m-int8.part.tar.bz2.part"), []byte("other"))
			write(t, filepath.Join(s.Dir, ".parakeet-110m-int8.part.tar.bz2.part.json"), []byte(`{"url":`))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, h := store(t), newHub(t)
			files := h.offer(t, s, "parakeet-110m-int8")
			leave(t, s, files)
			if _, err := s.Pull(t.Context(), "parakeet-110m-int8", h.options()); err != nil {
				t.Fatal(err)
			}
			onlyModel(t, s, "parakeet-110m-int8", files)
		})
	}
}

func TestLeftoversOfAFinishedPullAreRemoved(t *testing.T) {
	s, h := store(t), newHub(t)
	files := h.offer(t, s, "parakeet-110m-int8")
	if _, err := s.Pull(t.Context(), "parakeet-110m-int8", h.options()); err != nil {
		t.Fatal(err)
	}
	mkdir(t, filepath.Join(s.Dir, ".parakeet-110m-int8.part"))
	write(t, filepath.Join(s.Dir, ".parakeet-110m-int8.part.tar.bz2"), []byte("archive"))
	if _, err := s.Pull(t.Context(), "parakeet-110m-int8", h.options()); err != nil {
		t.Fatal(err)
	}
	onlyModel(t, s, "parakeet-110m-int8", files)
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
