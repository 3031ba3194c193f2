package models

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

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
