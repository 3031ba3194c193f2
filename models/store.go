package models

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/asr-backend/asr-backend/asr"
)

// FolderVariable is the environment variable that names the folder of models.
const FolderVariable = "ASR_BACKEND_MODELS_DIR"

// Store is the models of this machine and those that could be.
type Store struct {
	Dir       string // see the package comment; it may not exist yet
	Catalogue *Catalogue
}

// NewStore returns the store of a folder. If dir is empty it is the one of
// FolderVariable; else models below the first of these that is set: systemd's
// STATE_DIRECTORY; XDG_DATA_HOME/asr-backend; HOME/.local/share/asr-backend; else
// /var/lib/asr-backend.
func NewStore(dir string) (*Store, error) {
	c, err := Published()
	if err != nil {
		return nil, err
	}
	if dir = cmp.Or(dir, os.Getenv(FolderVariable)); dir == "" {
		dir = usualDir(os.Getenv)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	return &Store{dir, c}, nil
}

func usualDir(getenv func(string) string) string {
	base := "/var/lib/asr-backend"
	state, _, _ := strings.Cut(getenv("STATE_DIRECTORY"), ":")
	switch data, home := getenv("XDG_DATA_HOME"), getenv("HOME"); {
	case state != "":
		base = state
	case filepath.IsAbs(data): // others must be ignored, says the specification
		base = filepath.Join(data, "asr-backend")
	case home != "" && home != "/":
		base = filepath.Join(home, ".local", "share", "asr-backend")
	}
	return filepath.Join(base, "models")
}

// Open returns a model: the embedded one by its name, "default" or "", one on the disk by
// the path of its folder or graph, else one in the store by its name. The variant, such
// as "fp16", chooses one among several graphs, or the build of that precision. Errors
// are *asr.ModelError and say what to do.
func (s *Store) Open(model, variant string) (*asr.Bundle, error) {
	if isEmbedded(model) {
		return asr.OpenBundleFS(Default(), variant)
	}
	if variant != "" {
		if path := filepath.Join(s.Dir, model+"-"+variant); isFolder(path) && !isPath(model) {
			return asr.OpenBundle(path, "")
		}
	}
	path, err := s.Path(model)
	if err != nil {
		return nil, err
	}
	b, err := asr.OpenBundle(path, variant)
	if errors.Is(err, asr.ErrNoVariant) && variant == string(FP16) {
		err = fmt.Errorf("%w; make it with: asr-backend models optimize --precision fp16 %s", err, model)
	}
	return b, err
}

// Path returns where a model lies on the disk.
func (s *Store) Path(model string) (string, error) {
	if isEmbedded(model) {
		return "", &asr.ModelError{Model: model, Err: errors.New("it is inside the program and has no path")}
	}
	if _, err := os.Stat(model); err == nil {
		return filepath.Abs(model)
	}
	if isPath(model) {
		return "", &asr.ModelError{Model: model, Err: fs.ErrNotExist}
	}
	if path := filepath.Join(s.Dir, model); !strings.HasPrefix(model, ".") && isFolder(path) {
		return path, nil
	}
	return "", &asr.ModelError{Model: model, Err: s.missing(model)}
}

// isPath reports whether a model is named by a path and cannot be a name.
func isPath(model string) bool {
	return strings.ContainsRune(model, filepath.Separator) || filepath.Ext(model) == ".onnx"
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// missing says why a name cannot be used, and what to do.
func (s *Store) missing(name string) error {
	m, b := s.Catalogue.Find(name)
	switch {
	case b != nil:
		return fmt.Errorf("not on this machine yet; get it with: asr-backend models pull %s", name)
	case m != nil:
		return fmt.Errorf("%w; doc/bring-your-model.md says how", m.needsExport())
	}
	hint := "see asr-backend models list"
	if likely := near(name, append(s.Catalogue.Names(), s.own()...)); len(likely) > 0 {
		hint = "did you mean " + strings.Join(likely, " or ") + "? All are in asr-backend models list"
	}
	return fmt.Errorf("no model of this name, and no such file or folder; %s", hint)
}

// needsExport says that there are no ready files, and which other build there is.
func (m *Model) needsExport() error {
	text := "nobody publishes this model as ONNX; it has to be exported from " + m.Upstream
	for i := range m.Builds {
		b := &m.Builds[i]
		text += fmt.Sprintf(" (there is %s, %s)", m.BuildName(b), b.Precision.Warning())
	}
	return errors.New(text)
}

// State says how a model can be had.
type State string

// The states.
const (
	Embedded    State = "embedded"     // inside the program
	Pulled      State = "pulled"       // in the store's folder
	Own         State = "own"          // in the store's folder, and not in the catalogue
	Broken      State = "broken"       // in the store's folder, and cannot be read
	Available   State = "available"    // can be pulled
	NeedsExport State = "needs export" // nobody has published ONNX files
)

// Entry is a line of the list of models.
type Entry struct {
	Name        string    `json:"name"`
	Aliases     []string  `json:"aliases,omitempty"` // that work as well
	State       State     `json:"state"`
	Languages   []string  `json:"languages"`
	Bytes       int64     `json:"bytes,omitempty"` // on the disk or to download, 0 if unknown
	Parameters  int       `json:"parameters_m,omitempty"`
	Casing      Casing    `json:"casing,omitempty"`
	Punctuation bool      `json:"punctuation"`
	Precision   Precision `json:"precision,omitempty"`
	// Quantized are the precisions of weights of 8 bits that graphs were made with for this machine.
	Quantized []asr.Precision `json:"quantized,omitempty"`
	// Half says that there is a graph in fp16 beside the full one.
	Half    bool   `json:"fp16"`
	Licence string `json:"licence,omitempty"`
	Note    string `json:"note,omitempty"`
	// Path is where it lies.
	Path       string      `json:"path,omitempty"`
	Upstream   string      `json:"upstream,omitempty"`
	Home       string      `json:"home,omitempty"`
	ErrorRates []ErrorRate `json:"error_rates,omitempty"`
	URLs       []string    `json:"urls,omitempty"` // to download
	Problem    string      `json:"problem,omitempty"`
}

// List returns the embedded model, then the models of the folder that are not in the
// catalogue, then the catalogue.
func (s *Store) List() ([]Entry, error) {
	b, err := asr.OpenBundleFS(Default(), "")
	if err != nil {
		return nil, err
	}
	list := []Entry{{Name: EmbeddedName, Aliases: []string{DefaultName}, State: Embedded, Languages: Languages(b), Bytes: folderSize(Default()),
		Casing: Casing(b.Card.Casing), Licence: b.Card.Licence, Note: b.Card.Source, Precision: FP32}}
	for _, name := range s.own() {
		if m, _ := s.Catalogue.Find(name); m == nil {
			list = append(list, s.ownEntry(name))
		}
	}
	for i := range s.Catalogue.Models {
		m := &s.Catalogue.Models[i]
		for _, name := range m.names() {
			list = append(list, s.entry(m, name))
		}
	}
	return list, nil
}

// entry describes what the catalogue knows by a name.
func (s *Store) entry(m *Model, name string) Entry {
	e := Entry{Name: name, State: NeedsExport, Languages: m.Languages, Parameters: m.Parameters, Casing: m.Casing, Punctuation: m.Punctuation,
		Licence: m.Licence, Note: m.Note, Upstream: m.Upstream, Home: m.Home, ErrorRates: m.ErrorRates}
	if _, b := s.Catalogue.Find(name); b != nil {
		e.State, e.Bytes, e.Precision = Available, b.Size(), b.Precision
		if b.Archive != nil {
			e.URLs = []string{b.Archive.URL}
		} else {
			for _, f := range b.Files {
				e.URLs = append(e.URLs, b.URL(&f))
			}
		}
	}
	if path := filepath.Join(s.Dir, name); isFolder(path) {
		e.State, e.Path, e.Bytes = Pulled, path, folderSize(os.DirFS(path))
		if _, err := asr.OpenBundle(path, ""); err != nil {
			e.State, e.Problem = Broken, err.Error()
		}
		e.Half, e.Quantized = hasHalf(path), quantized(path)
	}
	return e
}

// hasHalf reports whether there is a graph in fp16 in a folder.
func hasHalf(path string) bool {
	_, err := os.Stat(filepath.Join(path, asr.HalfName))
	return err == nil
}

// quantized returns the precisions of weights of 8 bits that there are optimized graphs of.
func quantized(path string) (all []asr.Precision) {
	for _, p := range []asr.Precision{asr.INT8, asr.INT8Careful} {
		made, _ := filepath.Glob(filepath.Join(path, asr.OptimizedDir, "*."+string(p)+".onnx")) // the pattern is sound
		if len(made) > 0 {
			all = append(all, p)
		}
	}
	return all
}

// ownEntry describes a folder that the catalogue does not know.
func (s *Store) ownEntry(name string) Entry {
	path := filepath.Join(s.Dir, name)
	if isEmbedded(name) {
		return Entry{Name: name, State: Broken, Path: path, Problem: "the name means the model inside the program; rename the folder"}
	}
	e := Entry{Name: name, State: Own, Path: path, Bytes: folderSize(os.DirFS(path))}
	b, err := asr.OpenBundle(path, "")
	if err != nil {
		e.State, e.Problem = Broken, err.Error()
		return e
	}
	e.Half, e.Quantized = hasHalf(path), quantized(path)
	e.Languages, e.Casing, e.Licence, e.Note = Languages(b), Casing(b.Card.Casing), b.Card.Licence, b.Card.Source
	return e
}

// own returns the names of the folders in the store, but for those in which a training command keeps its
// state beside the model that it makes.
func (s *Store) own() []string {
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		return nil // nothing has been pulled yet
	}
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !strings.HasSuffix(e.Name(), ".training") && isFolder(filepath.Join(s.Dir, e.Name())) {
			names = append(names, e.Name())
		}
	}
	return names
}

// folderSize returns the bytes in all files of a folder that can be looked at, but for what can be made again.
func folderSize(files fs.FS) int64 {
	var sum int64
	_ = fs.WalkDir(files, ".", func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == asr.OptimizedDir {
			return fs.SkipDir
		}
		if err == nil && !d.IsDir() {
			if info, err := d.Info(); err == nil {
				sum += info.Size()
			}
		}
		return nil
	})
	return sum
}
