package output

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

// maxLinks is how many links one name may lead through, as in the kernel.
const maxLinks = 40

// descriptorFolder matches the folders in which Linux shows a process its descriptors.
// What is in them looks like links but cannot be followed by name: a pipe has none, and a
// file opened by name again would be written from its beginning.
var descriptorFolder = regexp.MustCompile(`^/proc/(\d+)(?:/task/\d+)?/fd$`)

// follow resolves the links of a name, also where the last one leads to nothing yet.
func follow(name string) (place, error) {
	path := name
	for range maxLinks {
		dir, base := filepath.Split(path)
		if base == "" || base == "." || base == ".." {
			path = filepath.Clean(path)
			info, err := os.Stat(path)
			if errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
			return place{path: path, info: info}, err
		}
		dir, err := existing(dir)
		if err != nil {
			return place{}, err
		}
		path = filepath.Join(dir, base)
		if m := descriptorFolder.FindStringSubmatch(dir); m != nil && m[1] == strconv.Itoa(os.Getpid()) {
			return openDescriptor(base)
		}
		info, err := os.Lstat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return place{path: path}, nil
		case err != nil:
			return place{}, err
		case info.Mode()&fs.ModeSymlink == 0:
			return place{path: path, info: info}, nil
		}
		link, err := os.Readlink(path)
		if err != nil {
			return place{}, err
		}
		if !filepath.IsAbs(link) {
			link = dir + "/" + link // not Join, which takes a/../b for b even if a is a link
		}
		path = link
	}
	return place{}, &fs.PathError{Op: "open", Path: name, Err: errors.New("too many links")}
}

// existing returns a folder without links and absolute; what does not exist of it stays
// as it is.
func existing(dir string) (string, error) {
	if dir == "" {
		dir = "."
	}
	real, err := filepath.EvalSymlinks(dir)
	if errors.Is(err, fs.ErrNotExist) {
		real, err = filepath.Clean(dir), nil
	}
	if err != nil {
		return "", err
	}
	return filepath.Abs(real)
}

func openDescriptor(number string) (place, error) {
	fd, err := strconv.Atoi(number)
	if err != nil {
		return place{}, &fs.PathError{Op: "open", Path: "/dev/fd/" + number, Err: fs.ErrNotExist}
	}
	info, err := os.Stat("/proc/self/fd/" + number)
	return place{path: "/dev/fd/" + number, kind: descriptor, fd: fd, info: info}, err
}
