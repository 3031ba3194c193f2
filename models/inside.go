package models

import (
	"bytes"
	"embed"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"
)

//go:embed default/tokens.txt default/tokenizer.model default/model.json
var embedded embed.FS

// Large files are apart from embedded, which copies a file to read it.
var (
	//go:embed default/model.onnx
	embeddedGraph []byte
	//go:embed default/lm.bin.zst
	embeddedLM []byte
)

// inside is the files of the model inside the program.
type inside struct {
	fs.FS // the small files
	large map[string][]byte
}

// Shared returns a large file as it lies there, or nil. Nobody may write to it. It is for package asr.
func (i inside) Shared(name string) []byte { return i.large[name] }

func (i inside) Open(name string) (fs.File, error) {
	if data, ok := i.large[name]; ok {
		return &largeFile{bytes.NewReader(data), name}, nil
	}
	f, err := i.FS.Open(name)
	if err != nil || name != "." {
		return f, err
	}
	all, err := i.ReadDir(name)
	return &folder{File: f, left: all}, err
}

// folder is the open folder of the files.
type folder struct {
	fs.File
	left []fs.DirEntry
}

// ReadDir is that of fs.ReadDirFile.
func (f *folder) ReadDir(n int) (some []fs.DirEntry, err error) {
	if n <= 0 {
		n = len(f.left)
	} else if len(f.left) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(f.left))
	some, f.left = f.left[:n:n], f.left[n:]
	return some, nil
}

func (i inside) ReadDir(name string) ([]fs.DirEntry, error) {
	all, err := fs.ReadDir(i.FS, name)
	if err != nil || name != "." {
		return all, err
	}
	for name, data := range i.large {
		all = append(all, fs.FileInfoToDirEntry(&largeFile{bytes.NewReader(data), name}))
	}
	slices.SortFunc(all, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return all, nil
}

// largeFile is an open file, and what is known of it.
type largeFile struct {
	*bytes.Reader
	name string
}

func (f *largeFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f *largeFile) Close() error               { return nil }
func (f *largeFile) Name() string               { return f.name }
func (f *largeFile) Mode() fs.FileMode          { return 0o444 }
func (f *largeFile) ModTime() time.Time         { return time.Time{} }
func (f *largeFile) IsDir() bool                { return false }
func (f *largeFile) Sys() any                   { return nil }
