package scaffold

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// InTheWayError lists what exists already where something was to be made.
type InTheWayError struct {
	Dir   string
	Paths []string // below Dir
}

// Error lists them all.
func (e *InTheWayError) Error() string {
	return fmt.Sprintf("nothing was made, because %s holds already: %s", e.Dir, strings.Join(e.Paths, ", "))
}

func sorted(files []file) []file {
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.path, b.path) })
	return files
}

// write makes the files. A folder that does not exist appears whole, by a rename; in one
// that does, what was made is removed again after an error.
func write(dir string, files []file) error {
	if err := clear(dir, files); err != nil {
		return err
	}
	if _, err := os.Lstat(dir); err == nil {
		return fill(dir, files)
	}
	parent := filepath.Dir(filepath.Clean(dir))
	if err := os.MkdirAll(parent, 0o777); err != nil {
		return err
	}
	part, err := os.MkdirTemp(parent, "."+filepath.Base(dir)+".*.part")
	if err != nil {
		return err
	}
	defer os.RemoveAll(part) // gone already if all went well
	mode, err := folderMode(part)
	if err == nil {
		err = fill(part, files)
	}
	if err == nil {
		err = os.Chmod(part, mode)
	}
	if err == nil {
		err = os.Rename(part, dir)
	}
	if err != nil {
		return fmt.Errorf("make %s: %w", dir, err)
	}
	return nil
}

// folderMode is what a new folder gets here; temporary ones are for their owner only.
func folderMode(part string) (os.FileMode, error) {
	probe := filepath.Join(part, "probe")
	if err := os.Mkdir(probe, 0o777); err != nil {
		return 0, err
	}
	info, err := os.Stat(probe)
	if err != nil {
		return 0, err
	}
	return info.Mode().Perm(), os.Remove(probe)
}

// clear reports what is in the way of the files: files of their names, also as links, and
// files where folders are needed.
func clear(dir string, files []file) error {
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return &InTheWayError{filepath.Dir(dir), []string{filepath.Base(dir)}}
	}
	var found []string
	for _, f := range files {
		for folder := filepath.Dir(f.path); folder != "."; folder = filepath.Dir(folder) {
			if info, err := os.Stat(filepath.Join(dir, folder)); err == nil && !info.IsDir() && !slices.Contains(found, folder) {
				found = append(found, folder)
			}
		}
		if _, err := os.Lstat(filepath.Join(dir, f.path)); err == nil {
			found = append(found, f.path)
		} else if !errors.Is(err, os.ErrNotExist) && len(found) == 0 {
			return err
		}
	}
	if len(found) > 0 {
		slices.Sort(found)
		return &InTheWayError{dir, slices.Compact(found)}
	}
	return nil
}

// fill writes the files into a folder and takes all of them back after an error.
func fill(dir string, files []file) (err error) {
	var made []string // files and folders, in order
	defer func() {
		if err == nil {
			return
		}
		for _, path := range slices.Backward(made) {
			err = errors.Join(err, os.Remove(path))
		}
	}()
	for _, f := range files {
		folders, err := mkdirAll(dir, filepath.Dir(f.path))
		made = append(made, folders...)
		if err != nil {
			return err
		}
		path := filepath.Join(dir, f.path)
		out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.mode)
		if err != nil {
			return err
		}
		made = append(made, path)
		_, err = out.Write(f.content)
		if err = errors.Join(err, out.Close()); err != nil {
			return err
		}
	}
	return nil
}

// mkdirAll makes the folders below dir that are missing, and returns those it made.
func mkdirAll(dir, below string) (made []string, err error) {
	if below == "." {
		return nil, nil
	}
	made, err = mkdirAll(dir, filepath.Dir(below))
	if err != nil {
		return made, err
	}
	path := filepath.Join(dir, below)
	err = os.Mkdir(path, 0o777)
	switch {
	case err == nil:
		return append(made, path), nil
	case errors.Is(err, os.ErrExist):
		return made, nil
	}
	return made, err
}
