package models_test

import (
	"bytes"
	"io/fs"
	"os"
	"slices"
	"testing"

	"github.com/asr-backend/asr-backend/models"
)

// All ways to the files inside the program lead to the same, as they lie in the source.
func TestTheFilesInsideTheProgramAreThoseOfItsSource(t *testing.T) {
	inside, source := models.Default(), os.DirFS("default")
	want := []string{"lm.bin.zst", "model.json", "model.onnx", "tokenizer.model", "tokens.txt"}
	var walked []string
	err := fs.WalkDir(inside, ".", func(path string, d fs.DirEntry, err error) error {
		if !d.IsDir() {
			walked = append(walked, path)
		}
		return err
	})
	if err != nil || !slices.Equal(walked, want) {
		t.Errorf("%v, %v, want %v", walked, err, want)
	}
	if all, err := fs.Glob(inside, "*.onnx"); err != nil || !slices.Equal(all, []string{"model.onnx"}) {
		t.Errorf("graphs %v, %v", all, err)
	}
	for _, name := range want {
		whole, err := fs.ReadFile(source, name)
		if err != nil {
			t.Fatal(err)
		}
		read, err := fs.ReadFile(inside, name)
		if err != nil || !bytes.Equal(read, whole) {
			t.Errorf("%s is read as %d bytes, %v, want %d", name, len(read), err, len(whole))
		}
		f, err := inside.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		var opened bytes.Buffer
		if _, err := opened.ReadFrom(f); err != nil || !bytes.Equal(opened.Bytes(), whole) {
			t.Errorf("%s is opened as %d bytes, %v, want %d", name, opened.Len(), err, len(whole))
		}
		info, err := fs.Stat(inside, name)
		if err != nil || info.Size() != int64(len(whole)) || info.Name() != name {
			t.Errorf("%s: %v, %v", name, info, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := inside.Open("missing"); err == nil {
		t.Error("a file that is not there was opened")
	}
}
