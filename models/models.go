// Package models knows where models are: the one inside the program, those that others
// publish, and those on this machine.
//
// # The catalogue
//
// catalogue.json lists the published FastConformer and Parakeet models that write by
// CTC: languages, size, casing, licence, error rates as published and where that is
// written, and its builds, which are ready ONNX files with the addresses they are at. A
// model without a build has to be exported first. A build of reduced precision has a
// name of its own, NAME-int8. To add a model is to add one entry.
//
// # The folder
//
// Pulled models lie in one folder, a folder each, named like the model: files as they
// were published and a card, model.json, with the digests. Whatever else is in there and
// is a model can be used by the name of its folder. Names beginning with a dot are the
// program's own: unfinished downloads (.NAME.part) and locks (.NAME.lock). The folder of
// a model appears in one step, when all of it is there and checked; to remove a model is
// to remove its folder.
package models

import (
	"io/fs"

	"github.com/asr-backend/asr-backend/asr"
)

// Default returns the files of the model inside the program.
func Default() fs.FS {
	files, err := fs.Sub(embedded, "default")
	if err != nil {
		panic(err) // the path is a constant
	}
	return inside{files, map[string][]byte{"model.onnx": embeddedGraph, "lm.bin.zst": embeddedLM}}
}

// DefaultName means the model inside the program, whatever it is called: an alias of
// EmbeddedName that works wherever a name is asked for, and that is not shown as one.
const DefaultName = "default"

// EmbeddedName is the name that the embedded model's card gives, and under which it is shown.
const EmbeddedName = "small-en"

// Canonical returns the one name of a model that has several; other names and paths are as they
// are.
func Canonical(name string) string {
	if isEmbedded(name) {
		return EmbeddedName
	}
	return name
}

// isEmbedded reports whether a name means the model inside the program.
func isEmbedded(name string) bool {
	return name == "" || name == DefaultName || name == EmbeddedName
}

// Open returns a model by its name or path, from the usual folder; see Store.Open.
func Open(model, variant string) (*asr.Bundle, error) {
	if isEmbedded(model) {
		return asr.OpenBundleFS(Default(), variant)
	}
	s, err := NewStore("")
	if err != nil {
		return nil, err
	}
	return s.Open(model, variant)
}
