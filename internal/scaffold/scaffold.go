// Package scaffold makes the folders that people begin with: a backend of Label Studio
// that serves a model of their own, or all that it takes to run this one.
//
// What is in them is not written twice. The backend is package backend below, which is
// compiled and tested with everything else; its modules are those of this module; the
// deployment is that of the repository, with its paths changed. See files.go in the
// repository's root.
//
// A folder is made whole or not at all, and nothing that exists is touched.
package scaffold

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	asrbackend "github.com/asr-backend/asr-backend"

	"golang.org/x/mod/modfile"
)

// Kind says what a folder is for.
type Kind string

// The kinds.
const (
	Backend    Kind = "backend"    // a Go program with a model of one's own
	Deployment Kind = "deployment" // files to run asr-backend with
)

// Options say what to make.
type Options struct {
	Kind Kind
	Dir  string
	// Source is the folder of asr-backend's sources; empty: not known.
	Source string
	// Variables are those of `asr-backend serve`, for the settings of a deployment.
	Variables []Variable
}

// Create makes a folder and returns the names of the files in it, sorted. If files of
// these names exist already, it returns an *InTheWayError and makes nothing.
func Create(o Options) ([]string, error) {
	files, err := o.files()
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", o.Dir, err)
	}
	if err := write(o.Dir, files); err != nil {
		return nil, err
	}
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = f.path
	}
	return names, nil
}

// file is one to be written, by its path below the folder, with slashes.
type file struct {
	path    string
	content []byte
	mode    fs.FileMode
}

func (o *Options) files() ([]file, error) {
	if o.Source != "" {
		source, err := filepath.Abs(o.Source)
		if err != nil {
			return nil, err
		}
		if o.Source = source; !isSource(source) {
			return nil, fmt.Errorf("%s does not hold asr-backend's sources", source)
		}
	}
	switch o.Kind {
	case Backend:
		return o.backend()
	case Deployment:
		return o.deployment()
	}
	return nil, fmt.Errorf("unknown kind %q", o.Kind)
}

//go:embed backend/Makefile backend/README.md backend/gitignore backend/main.go backend/model.go backend/main_test.go backend/testdata/predict.json
var backendFiles embed.FS

// backend is package backend as it stands, with a module around it.
func (o *Options) backend() ([]file, error) {
	name := o.name()
	files := []file{}
	err := fs.WalkDir(backendFiles, "backend", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := backendFiles.ReadFile(path)
		path = strings.TrimPrefix(path, "backend/")
		if path == "gitignore" { // under its real name it would be obeyed here
			path = ".gitignore"
		} else if !strings.HasPrefix(path, "testdata/") {
			raw = bytes.ReplaceAll(raw, []byte("my-backend"), []byte(name))
		}
		files = append(files, file{path, raw, 0o666})
		return err
	})
	if err != nil {
		return nil, err
	}
	mod, err := o.goMod(name)
	if err != nil {
		return nil, err
	}
	sum, err := asrbackend.Files.ReadFile("go.sum")
	if err != nil {
		return nil, err
	}
	return sorted(append(files, file{"go.mod", mod, 0o666}, file{"go.sum", sum, 0o666})), nil
}

// name is the folder's, as a module and messages can hold it.
func (o *Options) name() string {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return "my-backend"
	}
	name := strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, filepath.Base(dir)), "-")
	if name == "" {
		return "my-backend"
	}
	return name
}

// elsewhere stands for the sources where nobody knows them.
const elsewhere = "../asr-backend"

// module is the path of asr-backend's own module.
const module = "github.com/asr-backend/asr-backend"

// goMod writes a go.mod that needs no network where asr-backend itself was built: it
// asks for the same versions of the same modules.
func (o *Options) goMod(name string) ([]byte, error) {
	raw, err := asrbackend.Files.ReadFile("go.mod")
	if err != nil {
		return nil, err
	}
	own, err := modfile.Parse("go.mod", raw, nil)
	if err != nil {
		return nil, err
	}
	mod := new(modfile.File)
	source := o.Source
	if source == "" {
		source = elsewhere
	}
	errs := []error{
		mod.AddModuleStmt("example.com/" + name),
		mod.AddGoStmt(own.Go.Version),
		mod.AddRequire(module, "v0.0.0"),
	}
	for _, r := range own.Require {
		mod.AddNewRequire(r.Mod.Path, r.Mod.Version, true)
	}
	mod.SetRequireSeparateIndirect(mod.Require)
	errs = append(errs, mod.AddReplace(module, "", source, ""))
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	mod.Cleanup()
	return mod.Format()
}

// FindSource returns the first folder at or above one of the starts that holds
// asr-backend's sources, or nothing.
func FindSource(starts ...string) string {
	for _, dir := range starts {
		dir, err := filepath.Abs(dir)
		for err == nil {
			if isSource(dir) {
				return dir
			}
			parent := filepath.Dir(dir)
			if parent == dir {
				break
			}
			dir = parent
		}
	}
	return ""
}

func isSource(dir string) bool {
	raw, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	return err == nil && modfile.ModulePath(raw) == module
}
