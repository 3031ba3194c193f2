// Package models holds the models that come with asr-backend and the catalogue of those
// that others publish.
package models

import (
	"embed"
	"io/fs"

	"asr-backend/asr"
)

//go:embed default/model.onnx default/tokens.txt default/tokenizer.model default/model.json
var embedded embed.FS

// Default returns the files of the model inside the program.
func Default() fs.FS {
	files, err := fs.Sub(embedded, "default")
	if err != nil {
		panic(err) // the path is a constant
	}
	return files
}

// DefaultName is the name of the model inside the program.
const DefaultName = "default"

// Open returns the model of that name, or at that path, see asr.OpenBundle.
func Open(model, variant string) (*asr.Bundle, error) {
	if model == "" || model == DefaultName {
		return asr.OpenBundleFS(Default(), variant)
	}
	return asr.OpenBundle(model, variant)
}
