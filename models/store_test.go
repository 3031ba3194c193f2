package models

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/internal/oracle"

	"pgregory.net/rapid"
)

func TestTheUsualFolder(t *testing.T) {
	for name, test := range map[string]struct {
		env  map[string]string
		want string
	}{
		"a user":                               {map[string]string{"HOME": "/home/u"}, "/home/u/.local/share/asr-backend/models"},
		"a user who keeps data elsewhere":      {map[string]string{"HOME": "/home/u", "XDG_DATA_HOME": "/data"}, "/data/asr-backend/models"},
		"a data home that must be ignored":     {map[string]string{"HOME": "/home/u", "XDG_DATA_HOME": "data"}, "/home/u/.local/share/asr-backend/models"},
		"a service of systemd":                 {map[string]string{"HOME": "/", "STATE_DIRECTORY": "/var/lib/asr"}, "/var/lib/asr/models"},
		"a service with several state folders": {map[string]string{"STATE_DIRECTORY": "/var/lib/a:/var/lib/b"}, "/var/lib/a/models"},
		"somebody without a home":              {nil, "/var/lib/asr-backend/models"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := usualDir(func(key string) string { return test.env[key] }); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestTheFolderCanBeNamed(t *testing.T) {
	t.Setenv(FolderVariable, "/from/environment")
	for dir, want := range map[string]string{"": "/from/environment", "/given": "/given"} {
		s, err := NewStore(dir)
		if err != nil || s.Dir != want {
			t.Errorf("%q: got %v, %v, want %s", dir, s, err, want)
		}
	}
}

// store returns a store of an empty folder.
func store(t testing.TB) *Store {
	t.Helper()
	s, err := NewStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// put lays a toy model into a folder under the given names of graph and vocabulary.
func put(t testing.TB, folder, graph, vocabulary string) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{"model.onnx": graph, "tokens.txt": vocabulary} {
		b, err := os.ReadFile(oracle.Data(t, "models", "toys", "tones", from))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, to), b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func TestModelsAreFoundByNameOrPath(t *testing.T) {
	s := store(t)
	elsewhere := filepath.Join(t.TempDir(), "mine")
	put(t, elsewhere, "model.onnx", "tokens.txt")
	put(t, filepath.Join(s.Dir, "fastconformer-fr"), "model.onnx", "vocab.txt")
	put(t, filepath.Join(s.Dir, "fastconformer-fr-fp16"), "model.onnx", "vocab.txt")
	put(t, filepath.Join(s.Dir, "parakeet-110m-int8"), "model.int8.onnx", "tokens.txt")
	put(t, filepath.Join(s.Dir, "our-own"), "model.onnx", "tokens.txt")
	t.Chdir(filepath.Dir(elsewhere))
	for name, test := range map[string]struct{ model, variant, graph, dir string }{
		"the embedded model":          {"default", "", "model.onnx", ""},
		"no name":                     {"", "", "model.onnx", ""},
		"a folder":                    {elsewhere, "", "model.onnx", elsewhere},
		"a folder in the current one": {"mine", "", "model.onnx", elsewhere},
		"a graph":                     {filepath.Join(elsewhere, "model.onnx"), "", "model.onnx", elsewhere},
		"a pulled model":              {"fastconformer-fr", "", "model.onnx", filepath.Join(s.Dir, "fastconformer-fr")},
		"a pulled build":              {"parakeet-110m-int8", "", "model.int8.onnx", filepath.Join(s.Dir, "parakeet-110m-int8")},
		"a build by its variant":      {"parakeet-110m", "int8", "model.int8.onnx", filepath.Join(s.Dir, "parakeet-110m-int8")},
		"the build before the graph":  {"fastconformer-fr", "fp16", "model.onnx", filepath.Join(s.Dir, "fastconformer-fr-fp16")},
		"a model that is nobody's":    {"our-own", "", "model.onnx", filepath.Join(s.Dir, "our-own")},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := s.Open(test.model, test.variant)
			if err != nil {
				t.Fatal(err)
			}
			if b.Graph != test.graph || b.Dir != test.dir {
				t.Errorf("got %s in %q, want %s in %q", b.Graph, b.Dir, test.graph, test.dir)
			}
		})
	}
}

func TestWhatIsNotThereSaysWhatToDo(t *testing.T) {
	s := store(t)
	put(t, filepath.Join(s.Dir, "our-own"), "model.onnx", "tokens.txt")
	for model, want := range map[string]string{
		"parakeet-110m":        "not on this machine yet; get it with: asr-backend models pull parakeet-110m",
		"parakeet-110m-int8":   "asr-backend models pull parakeet-110m-int8",
		"parakeet-110":         "did you mean parakeet-110m",
		"PARAKEET-110M":        "did you mean parakeet-110m",
		"fastconformer-ge":     "did you mean fastconformer-be or fastconformer-de?",
		"our-ow":               "did you mean our-own?",
		"zz":                   "see asr-backend models list",
		"fastconformer-ctc-en": "has to be exported from nvidia/stt_en_fastconformer_ctc_large; doc/bring-your-model.md says how",
		"parakeet-1.1b":        "there is parakeet-1.1b-int8, for the CPU only",
		"no/such/folder":       "file does not exist",
		"missing.onnx":         "file does not exist",
		".":                    "no .onnx file",
	} {
		t.Run(model, func(t *testing.T) {
			t.Chdir(t.TempDir())
			_, err := s.Open(model, "")
			var refused *asr.ModelError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want a ModelError with %q", err, want)
			}
		})
	}
	if _, err := s.Open("our-own", "fp16"); err == nil || !strings.Contains(err.Error(), "no variant fp16; make it with: asr-backend models optimize --precision fp16 our-own") {
		t.Errorf("got %v", err)
	}
	if _, err := s.Path("default"); err == nil {
		t.Error("the embedded model has a path")
	}
}

func TestTheListSaysHowEachCanBeHad(t *testing.T) {
	s := store(t)
	put(t, filepath.Join(s.Dir, "our-own"), "model.onnx", "tokens.txt")
	put(t, filepath.Join(s.Dir, "fastconformer-fr"), "model.onnx", "vocab.txt")
	if err := os.MkdirAll(filepath.Join(s.Dir, "fastconformer-de"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(s.Dir, ".fastconformer-it.part"), 0o777); err != nil {
		t.Fatal(err)
	}
	list, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]Entry{}
	for _, e := range list {
		if _, twice := byName[e.Name]; twice {
			t.Errorf("%s is listed twice", e.Name)
		}
		byName[e.Name] = e
	}
	for name, want := range map[string]State{"small-en": Embedded, "our-own": Own, "fastconformer-fr": Pulled, "fastconformer-de": Broken,
		"fastconformer-it": Available, "parakeet-1.1b": NeedsExport, "parakeet-1.1b-int8": Available} {
		if got := byName[name].State; got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if e := byName["fastconformer-de"]; e.Problem == "" || e.Path == "" {
		t.Errorf("got %+v, want what is wrong with it", e)
	}
	if e := byName["parakeet-110m-int8"]; e.Bytes != 104337827 || len(e.URLs) != 1 || e.Precision != INT8 {
		t.Errorf("got %+v", e)
	}
	if e := byName["small-en"]; e.Bytes < 1<<20 || !slices.Equal(e.Languages, []string{"en"}) {
		t.Errorf("got %+v", e)
	}
}

func TestAStoreThatDoesNotExistYetIsEmpty(t *testing.T) {
	s, err := NewStore(filepath.Join(t.TempDir(), "not", "there"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.List(); err != nil {
		t.Error(err)
	}
	if _, err := s.Open("fastconformer-fr", ""); err == nil || !strings.Contains(err.Error(), "models pull fastconformer-fr") {
		t.Errorf("got %v", err)
	}
}

func TestTheEmbeddedModelIsWhole(t *testing.T) {
	if err := fstest.TestFS(Default(), "model.onnx", "tokens.txt", "model.json"); err != nil {
		t.Error(err)
	}
	if _, err := fs.Stat(Default(), "README.md"); err == nil {
		t.Error("more is embedded than is needed")
	}
}

func TestNearNames(t *testing.T) {
	names := []string{"parakeet-110m", "parakeet-0.6b", "parakeet-0.6b-ja", "fastconformer-de", "fastconformer-fr"}
	for name, want := range map[string]string{
		"parakeet-11om":     "parakeet-110m",
		"parakeet":          "parakeet-110m parakeet-0.6b parakeet-0.6b-ja",
		"0.6b":              "parakeet-0.6b parakeet-0.6b-ja",
		"fastconformer-dee": "fastconformer-de",
		"fast-conformer-fr": "fastconformer-fr",
		"whisper":           "",
		"":                  "",
	} {
		if got := strings.Join(near(name, names), " "); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

// The distance is a metric, and no larger than the longer word.
func TestDistance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringOfN(rapid.RuneFrom([]rune("ab-")), 0, 8, -1)
		a, b, c := word.Draw(t, "a"), word.Draw(t, "b"), word.Draw(t, "c")
		switch ab := distance(a, b); {
		case (ab == 0) != (a == b), ab != distance(b, a), ab > max(len(a), len(b)), ab < len(a)-len(b), ab > distance(a, c)+distance(c, b):
			t.Fatalf("distance of %q and %q is %d", a, b, ab)
		}
	})
	if got := distance("kitten", "sitting"); got != 3 {
		t.Errorf("got %d, want 3", got)
	}
}

// The name that the program prints can be typed.
func TestTheEmbeddedModelIsKnownByItsOwnName(t *testing.T) {
	for _, name := range []string{"", DefaultName, EmbeddedName} {
		b, err := store(t).Open(name, "")
		if err != nil {
			t.Errorf("%q: %v", name, err)
		} else if b.Card.Name != EmbeddedName || Canonical(name) != EmbeddedName {
			t.Errorf("%q opens %s and is %s, want %s", name, b.Card.Name, Canonical(name), EmbeddedName)
		}
	}
}

// The embedded model has one line, and a folder cannot take its names.
func TestTheEmbeddedModelIsListedOnce(t *testing.T) {
	s := store(t)
	for _, name := range []string{DefaultName, EmbeddedName} {
		if err := os.MkdirAll(filepath.Join(s.Dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	embedded := 0
	for i, e := range list {
		switch {
		case e.State == Embedded:
			if embedded++; i != 0 || e.Name != EmbeddedName || !slices.Equal(e.Aliases, []string{DefaultName}) {
				t.Errorf("%+v", e)
			}
		case Canonical(e.Name) == EmbeddedName && (e.State != Broken || !strings.Contains(e.Problem, "rename the folder")):
			t.Errorf("%+v", e)
		case Canonical(e.Name) == EmbeddedName && e.Path == "":
			t.Errorf("%+v has no folder", e)
		}
	}
	if embedded != 1 {
		t.Errorf("%d embedded models", embedded)
	}
}
