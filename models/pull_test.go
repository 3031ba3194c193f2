package models

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/models/internal/fetch"
)

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
