package models

import (
	_ "embed"
	"encoding/json"
	"fmt"
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
	Mels int `json:"mels,omitempty"`
	// Decoder is "rnnt" or "tdt" for a transducer, and empty for a CTC model.
	Decoder     string `json:"decoder,omitempty"`
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

// Published returns the catalogue inside the program, whose form the tests check.
func Published() (*Catalogue, error) {
	var c Catalogue
	if err := json.Unmarshal(published, &c); err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	return &c, nil
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
