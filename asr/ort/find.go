package ort

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/semver"
)

// LibraryVariable is the environment variable that names the library.
const LibraryVariable = "ASR_BACKEND_ONNXRUNTIME"

// What the libraries are called.
const (
	libraryName  = "libonnxruntime.so"
	openVINOFile = "libonnxruntime_providers_openvino_plugin.so"
)

// NotFoundError lists where the library was looked for.
type NotFoundError struct {
	Tried []string
}

func (e *NotFoundError) Error() string {
	return "ONNX Runtime (libonnxruntime.so) was not found; looked in " + strings.Join(e.Tried, ", ") +
		"; run `make library`, or set " + LibraryVariable + " to the file"
}

// Unwrap returns ErrLibrary.
func (e *NotFoundError) Unwrap() error { return ErrLibrary }

// Find returns the path of the library: the given file or folder; else the one named by
// LibraryVariable; else the newest in the first of these folders that has one: that of
// the program, lib and ../lib beside it, and the system's.
func Find(path string) (string, error) {
	if path = cmp.Or(path, os.Getenv(LibraryVariable)); path != "" {
		lib, err := named(path, libraryName)
		switch {
		case err != nil:
			return "", &LibraryError{Path: path, Err: err}
		case lib == "":
			return "", &NotFoundError{Tried: []string{path}}
		}
		return lib, nil
	}
	folders := searchFolders()
	for _, f := range folders {
		if lib := newest(f, libraryName); lib != "" {
			return lib, nil
		}
	}
	return "", &NotFoundError{Tried: folders}
}

// FindOpenVINO returns the path of the plugin library of OpenVINO: the given file or folder; else the one
// named by OpenVINOVariable; else that in one of the folders of Find, or in a folder openvino in one of them,
// which keeps the libraries that it needs together.
func FindOpenVINO(path string) (string, error) {
	if path = cmp.Or(path, os.Getenv(OpenVINOVariable)); path != "" {
		lib, err := named(path, openVINOFile)
		switch {
		case err != nil:
			return "", fmt.Errorf("its plugin: %w", err)
		case lib == "":
			return "", fmt.Errorf("its plugin (%s) is not in %s", openVINOFile, path)
		}
		return lib, nil
	}
	folders := searchFolders()
	for _, f := range folders {
		for _, folder := range []string{f, filepath.Join(f, "openvino")} {
			if lib := newest(folder, openVINOFile); lib != "" {
				return lib, nil
			}
		}
	}
	return "", fmt.Errorf("its plugin (%s) was not found; looked in %s, and in a folder openvino in each", openVINOFile, strings.Join(folders, ", "))
}

// named returns a library that is given as a file or a folder, and an empty string for a folder without one.
func named(path, library string) (string, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", err
	case !info.IsDir():
		return path, nil
	}
	return newest(path, library), nil
}

func searchFolders() []string {
	var folders []string
	if exe, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(exe); err == nil {
			exe = real
		}
		dir := filepath.Dir(exe)
		folders = append(folders, dir, filepath.Join(dir, "lib"), filepath.Join(filepath.Dir(dir), "lib"))
	}
	return append(folders, "/opt/onnxruntime/lib", "/usr/local/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib")
}

// newest returns the library of the highest version in a folder, or "". The plain name
// counts as the highest: it is what a distribution points at the one to use.
func newest(folder, library string) string {
	plain := filepath.Join(folder, library)
	if info, err := os.Stat(plain); err == nil && !info.IsDir() {
		return plain
	}
	matches, err := filepath.Glob(plain + ".*")
	if err != nil {
		return ""
	}
	best := ""
	version := func(path string) string { return "v" + strings.TrimPrefix(filepath.Base(path), library+".") }
	for _, m := range matches {
		if semver.IsValid(version(m)) && (best == "" || semver.Compare(version(m), version(best)) > 0) {
			best = m
		}
	}
	return best
}

// describe names a model in errors.
func (m Source) describe() string {
	if m.Path != "" {
		return m.Path
	}
	return fmt.Sprintf("model of %d bytes in memory", len(m.Data))
}
