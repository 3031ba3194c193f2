package models

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
)

//go:embed catalogue.json
var published []byte

// Catalogue is a list of published models.
type Catalogue struct {
	Models []Model `json:"models"`
}

// Model is an entry of the catalogue. Fields that nobody has stated are empty.
type Model struct {
	Name string `json:"name"`
	// Upstream is the name its authors gave it, which NeMo knows it by.
	Upstream string `json:"upstream"`
	// Home is where they describe it.
	Home string `json:"home"`
	// Languages are BCP 47 tags.
	Languages []string `json:"languages"`
	// Parameters is their number, in millions.
	Parameters int `json:"parameters_m"`
	// Mels is the number of mel bands the model takes.
	Mels        int    `json:"mels,omitempty"`
	Casing      Casing `json:"casing,omitempty"`
	Punctuation bool   `json:"punctuation,omitempty"`
	// Licence is an SPDX identifier.
	Licence    string      `json:"licence,omitempty"`
	Note       string      `json:"note,omitempty"`
	ErrorRates []ErrorRate `json:"error_rates,omitempty"`
	Builds     []Build     `json:"builds,omitempty"`
}

// Casing says how a model writes letters.
type Casing string

// The casings.
const (
	Cased    Casing = "cased"
	Lower    Casing = "lower"
	Caseless Casing = "none" // of a script without capitals
)

// ErrorRate is a published figure.
type ErrorRate struct {
	Set     string  `json:"set"`
	Percent float64 `json:"percent"`
	// Metric is "WER" (words) or "CER" (characters).
	Metric string `json:"metric"`
	// Source is where it is published.
	Source string `json:"source"`
}

// Build is a model as ONNX files that can be downloaded, either one by one from below
// Base or together as an archive.
type Build struct {
	Precision Precision `json:"precision"`
	// Home is where it is described.
	Home string `json:"home"`
	// Base is the address below which the files are.
	Base string `json:"base,omitempty"`
	// Archive is a .tar.bz2 file with a folder Root that holds the files.
	Archive *Archive `json:"archive,omitempty"`
	Root    string   `json:"root,omitempty"`
	Files   []File   `json:"files"`
}

// Precision is that of a build's weights.
type Precision string

// The precisions. FP32 is what was trained.
const (
	FP32 Precision = "fp32"
	FP16 Precision = "fp16"
	INT8 Precision = "int8"
)

// Warning says what a precision costs, or is empty.
func (p Precision) Warning() string {
	switch p {
	case INT8:
		return "for the CPU only, and less exact"
	case FP16:
		return "for GPUs, and slightly less exact"
	}
	return ""
}

// Archive is a packed build.
type Archive struct {
	URL    string `json:"url"`
	Size   int64  `json:"size,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
}

// File is one file of a build. Size (bytes) and SHA256 (hex) are zero if unknown.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
}

// Published returns the catalogue inside the program.
func Published() (*Catalogue, error) { return ReadCatalogue(bytes.NewReader(published)) }

// maxCatalogue bounds what is read, in bytes.
const maxCatalogue = 4 << 20

// ReadCatalogue reads a catalogue and checks its form.
func ReadCatalogue(r io.Reader) (*Catalogue, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxCatalogue+1))
	if err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	if len(raw) > maxCatalogue {
		return nil, fmt.Errorf("catalogue: more than %d MB", maxCatalogue>>20)
	}
	var c Catalogue
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("catalogue: something follows it")
	}
	seen := map[string]bool{DefaultName: true, EmbeddedName: true}
	for i := range c.Models {
		m := &c.Models[i]
		if err := m.check(); err != nil {
			return nil, fmt.Errorf("catalogue: model %q: %w", m.Name, err)
		}
		for _, name := range m.names() {
			if seen[name] {
				return nil, fmt.Errorf("catalogue: name %q is there twice", name)
			}
			seen[name] = true
		}
	}
	return &c, nil
}

var (
	nameForm   = regexp.MustCompile(`^[a-z0-9]+([.-][a-z0-9]+)*$`)
	fileForm   = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)
	digestForm = regexp.MustCompile(`^[0-9a-f]{64}$`)
	tagForm    = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)
)

func (m *Model) check() error {
	switch {
	case !nameForm.MatchString(m.Name) || len(m.Name) > 60:
		return errors.New("a name is made of small letters, digits, dots and hyphens")
	case m.Upstream == "":
		return errors.New("no upstream name")
	case m.Parameters <= 0:
		return errors.New("no number of parameters")
	case m.Mels != 0 && m.Mels != 80 && m.Mels != 128:
		return fmt.Errorf("%d mel bands", m.Mels)
	case !slices.Contains([]Casing{"", Cased, Lower, Caseless}, m.Casing):
		return fmt.Errorf("casing %q", m.Casing)
	case len(m.Languages) == 0:
		return errors.New("no language")
	}
	for _, l := range m.Languages {
		if !tagForm.MatchString(l) {
			return fmt.Errorf("language %q", l)
		}
	}
	for _, e := range m.ErrorRates {
		if e.Set == "" || e.Percent <= 0 || e.Percent >= 100 || e.Metric != "WER" && e.Metric != "CER" || checkAddress(e.Source) != nil {
			return fmt.Errorf("error rate %+v", e)
		}
	}
	precisions := map[Precision]bool{}
	for i := range m.Builds {
		b := &m.Builds[i]
		if err := b.check(); err != nil {
			return fmt.Errorf("%s build: %w", b.Precision, err)
		}
		if precisions[b.Precision] {
			return fmt.Errorf("two %s builds", b.Precision)
		}
		precisions[b.Precision] = true
	}
	return checkAddress(m.Home)
}

func (b *Build) check() error {
	if b.Precision != FP32 && b.Precision != FP16 && b.Precision != INT8 {
		return errors.New("unknown precision")
	}
	if (b.Archive == nil) != (b.Base != "") || (b.Archive == nil) != (b.Root == "") {
		return errors.New("want either a base or an archive with a root")
	}
	addresses := []string{b.Home, b.Base}
	if b.Archive != nil {
		addresses[1] = b.Archive.URL
		if !strings.HasSuffix(b.Archive.URL, ".tar.bz2") || !fileForm.MatchString(b.Root) || !sane(b.Archive.Size, b.Archive.SHA256) {
			return fmt.Errorf("archive %+v", *b.Archive)
		}
	}
	for _, a := range addresses {
		if err := checkAddress(a); err != nil {
			return err
		}
	}
	names := map[string]bool{}
	graphs, vocabularies := 0, 0
	for _, f := range b.Files {
		if !fileForm.MatchString(f.Name) || f.Name == cardName || names[f.Name] || !sane(f.Size, f.SHA256) {
			return fmt.Errorf("file %+v", f)
		}
		names[f.Name] = true
		switch {
		case path.Ext(f.Name) == ".onnx":
			graphs++
		case f.Name == "tokens.txt", f.Name == "vocab.txt":
			vocabularies++
		}
	}
	if graphs != 1 || vocabularies != 1 {
		return fmt.Errorf("%d graphs and %d vocabularies, want one of each", graphs, vocabularies)
	}
	return nil
}

func sane(size int64, digest string) bool {
	return size >= 0 && size < 1<<40 && (digest == "" || digestForm.MatchString(digest))
}

func checkAddress(a string) error {
	u, err := url.Parse(a)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return fmt.Errorf("%q is not an https address", a)
	}
	return nil
}

// names returns what the model's builds are called. A model that has to be exported is
// called by its name alone.
func (m *Model) names() []string {
	names := []string{m.Name}
	for _, b := range m.Builds {
		if n := m.BuildName(&b); n != m.Name {
			names = append(names, n)
		}
	}
	return names
}

// BuildName returns what a build of the model is called.
func (m *Model) BuildName(b *Build) string {
	if b.Precision == FP32 {
		return m.Name
	}
	return m.Name + "-" + string(b.Precision)
}

// Find returns the model and the build of that name. The build is nil if the model has
// to be exported, both are nil if there is no such name.
func (c *Catalogue) Find(name string) (*Model, *Build) {
	for i := range c.Models {
		m := &c.Models[i]
		for j := range m.Builds {
			if b := &m.Builds[j]; m.BuildName(b) == name {
				return m, b
			}
		}
		if m.Name == name {
			return m, nil
		}
	}
	return nil, nil
}

// Names returns all names that Find knows, in the order of the catalogue.
func (c *Catalogue) Names() []string {
	var names []string
	for i := range c.Models {
		names = append(names, c.Models[i].names()...)
	}
	return names
}

// URL returns the address of a file of a build that is not packed.
func (b *Build) URL(f *File) string { return b.Base + "/" + f.Name }

// Size returns how many bytes a build has to download, or 0 if that is not known.
func (b *Build) Size() int64 {
	if b.Archive != nil {
		return b.Archive.Size
	}
	var sum int64
	for _, f := range b.Files {
		if f.Size == 0 {
			return 0
		}
		sum += f.Size
	}
	return sum
}

// Undigested returns the names of files whose content is not pinned: the archive's
// stands for all that is in it.
func (b *Build) Undigested() []string {
	if b.Archive != nil && b.Archive.SHA256 != "" {
		return nil
	}
	var names []string
	for _, f := range b.Files {
		if f.SHA256 == "" {
			names = append(names, f.Name)
		}
	}
	return names
}
