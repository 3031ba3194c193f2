// Package atomicfile writes files that are either whole or not there.
//
// The content goes to a hidden temporary file in the same folder; Commit brings it to
// the disk and renames it, which replaces the final name in one step. Whatever happens
// before (a full disk, a cancelled job, a killed process) leaves an older file under the
// final name as it was; a killed process leaves its temporary file behind.
package atomicfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// File is a file being written. Call Commit once all is written, and always Close.
type File struct {
	*os.File
	path string
	done bool
}

// Create begins to write the file at path, with the permissions of a new file.
func Create(path string) (*File, error) {
	dir, name := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	f, err := os.CreateTemp(dir, "."+name+".*.part")
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	return &File{File: f, path: path}, nil
}

// Commit makes the content the file at path. After an error the path is unchanged.
func (f *File) Commit() error {
	err := errors.Join(f.Chmod(0o666&^umask()), f.Sync(), f.File.Close())
	f.done = true
	if err == nil {
		err = os.Rename(f.Name(), f.path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", f.path, errors.Join(err, os.Remove(f.Name())))
	}
	return syncFolder(filepath.Dir(f.path))
}

// Close throws the content away unless it was committed.
func (f *File) Close() error {
	if f.done {
		return nil
	}
	f.done = true
	return errors.Join(f.File.Close(), os.Remove(f.Name()))
}

// syncFolder brings a rename to the disk. Some file systems cannot, which is no error.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return nil
	}
	_ = d.Sync()
	return d.Close()
}
