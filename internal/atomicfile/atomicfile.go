// Package atomicfile writes files that are either whole or not there.
//
// The content goes to a hidden temporary file in the same folder, ".NAME.NUMBER.part";
// Commit syncs it to the disk and renames it, which replaces the final name in one step.
// Whatever happens before (a full disk, a cancelled job, a killed process) leaves an older
// file under the final name as it was; a killed process leaves its temporary file behind.
package atomicfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/asr-backend/asr-backend/internal/without"
)

// File is a file being written. Call Commit once all is written, and always Close.
type File struct {
	f    *os.File
	path string
	mode os.FileMode
	done bool
}

// maxPrefix is how much of a file's name its temporary name has, in bytes.
const maxPrefix = 64

// Create begins to write the file at path, with the permissions of a new file.
func Create(path string) (*File, error) {
	name := filepath.Base(path)
	if len(name) > maxPrefix { // the whole may be as long as the file system allows
		name = strings.ToValidUTF8(name[:maxPrefix], "")
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+name+".*.part")
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, without.Path(err))
	}
	return &File{f: f, path: path, mode: 0o666 &^ umask()}, nil
}

// KeepModeOf gives the file the permissions of the one that it replaces, and its owner
// where this process may do that.
func (f *File) KeepModeOf(old os.FileInfo) {
	f.mode = old.Mode().Perm()
	if s, ok := old.Sys().(*syscall.Stat_t); ok {
		_ = f.f.Chown(int(s.Uid), int(s.Gid)) // only root may give files away
	}
}

// Write writes to the temporary file; errors name the final one.
func (f *File) Write(p []byte) (int, error) {
	n, err := f.f.Write(p)
	if err != nil {
		err = fmt.Errorf("write %s: %w", f.path, without.Path(err))
	}
	return n, err
}

// Seek moves to where the next Write goes, as io.Seeker says.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	at, err := f.f.Seek(offset, whence)
	if err != nil {
		err = fmt.Errorf("write %s: %w", f.path, without.Path(err))
	}
	return at, err
}

// Commit makes the content the file at path. After an error the path is unchanged.
func (f *File) Commit() error {
	err := errors.Join(without.Path(f.f.Chmod(f.mode)), without.Path(f.f.Sync()), without.Path(f.f.Close()))
	f.done = true
	if err == nil {
		err = without.Path(os.Rename(f.f.Name(), f.path))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", f.path, errors.Join(err, os.Remove(f.f.Name())))
	}
	return SyncFolder(filepath.Dir(f.path))
}

// Close throws the content away unless it was committed.
func (f *File) Close() error {
	if f.done {
		return nil
	}
	f.done = true
	return errors.Join(f.f.Close(), os.Remove(f.f.Name()))
}

// WriteFile replaces the file at path by data in one step.
func WriteFile(path string, data []byte) error {
	f, err := Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Commit()
}

// SyncFolder writes a rename in a folder to the disk. Some file systems cannot, which is no
// error.
func SyncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return nil
	}
	_ = d.Sync()
	return d.Close()
}
