// Package output writes what a user names as an output, and destroys nothing else.
//
// A Writer knows the inputs of a command. Claim checks a name before any work is done:
//
//   - an output that is an input is refused, compared by device and inode, so also through
//     links and below an output folder; so are two outputs that are one file
//   - a folder, a disk, a socket, a write-protected file and a folder that does not exist
//     are refused
//   - "-" and the empty name are standard output
//
// Target.Create then opens the output as its kind demands:
//
//	regular or new file   temporary file beside it, renamed by Commit: whole or not there
//	symbolic link         the same for what it leads to; the link stays
//	named pipe, terminal, /dev/null   written in place
//	/dev/stdout, /dev/fd/N            written through the descriptor
package output

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/asr-backend/asr-backend/internal/without"

	"golang.org/x/sys/unix"
)

// Stdout is the name of standard output. The empty name means the same.
const Stdout = "-"

// A RefusedError reports an output that must not be written to. Nothing was changed.
type RefusedError struct {
	Path string // as the user named it
	Why  string
}

func (e *RefusedError) Error() string { return "cannot write to " + e.Path + ": " + e.Why }

// Writer opens outputs. It may be used by many goroutines.
type Writer struct {
	stdout *os.File

	mu      sync.Mutex
	inputs  []input
	claimed map[string]string // resolved path to the name it was claimed by
}

// input is a file that must survive.
type input struct {
	name string
	info fs.FileInfo
}

// New returns a Writer whose standard output is stdout.
func New(stdout *os.File) *Writer {
	return &Writer{stdout: stdout, claimed: map[string]string{}}
}

// Protect makes the file at path an input. A path that leads nowhere, or to what cannot be
// destroyed by writing (a folder, a device), is none.
func (w *Writer) Protect(path string) {
	if info, err := os.Stat(path); err == nil {
		w.protect(path, info)
	}
}

// ProtectFile makes an open file, such as standard input, an input under the given name.
func (w *Writer) ProtectFile(f *os.File, name string) {
	if info, err := f.Stat(); err == nil {
		w.protect(name, info)
	}
}

func (w *Writer) protect(name string, info fs.FileInfo) {
	if info.Mode().IsRegular() || info.Mode()&fs.ModeNamedPipe != 0 {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.inputs = append(w.inputs, input{name, info})
	}
}

// Target is a name that may be written to.
type Target struct {
	w    *Writer
	path string // as the user named it, empty for standard output
}

// Path returns the name as it was claimed, or an empty string for standard output.
func (t *Target) Path() string { return t.path }

// Claim checks that an output may be written to and keeps others from claiming it. The
// error is a *RefusedError, or one of the file system.
func (w *Writer) Claim(path string) (*Target, error) {
	if path == "" || path == Stdout {
		if info, err := w.stdout.Stat(); err == nil && info.Mode().IsRegular() {
			if err := w.refuseInput("standard output", info); err != nil {
				return nil, err
			}
		}
		return &Target{w: w}, nil
	}
	p, err := w.resolve(path)
	if err != nil {
		return nil, err
	}
	if p.kind == replaced {
		w.mu.Lock()
		defer w.mu.Unlock()
		if other, ok := w.claimed[p.path]; ok {
			return nil, &RefusedError{path, "it is the output " + other + " as well"}
		}
		w.claimed[p.path] = path
	}
	return &Target{w: w, path: path}, nil
}

// kind says how an output is written.
type kind int

const (
	replaced   kind = iota // a regular file, or none yet
	inPlace                // a pipe or a device
	descriptor             // an open descriptor of this process
)

// place is where a name leads.
type place struct {
	path string // without links
	kind kind
	fd   int         // of a descriptor
	info fs.FileInfo // of what is there, nil if nothing is
}

// resolve finds out where a name leads and refuses what must not be written to.
func (w *Writer) resolve(name string) (place, error) {
	p, err := follow(name)
	if err != nil {
		return p, &RefusedError{name, without.Path(err).Error()}
	}
	refuse := func(why string) (place, error) { return p, &RefusedError{name, why} }
	if p.info == nil {
		return p, w.newFile(name, p)
	}
	switch mode := p.info.Mode(); {
	case mode.IsDir():
		return refuse("it is a folder")
	case mode&fs.ModeSocket != 0:
		return refuse("it is a socket")
	case mode&fs.ModeDevice != 0 && mode&fs.ModeCharDevice == 0:
		return refuse("it is a disk")
	case p.kind == descriptor:
	case !mode.IsRegular():
		p.kind = inPlace
	case unix.Access(p.path, unix.W_OK) != nil:
		return refuse("it is write-protected")
	}
	return p, w.refuseInput(name, p.info)
}

// newFile checks that a file can be made: the nearest folder that exists must be one, and
// open to writing. Folders in between are the caller's to make.
func (w *Writer) newFile(name string, p place) error {
	dir := filepath.Dir(p.path)
	for {
		info, err := os.Stat(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist) && filepath.Dir(dir) != dir:
			dir = filepath.Dir(dir)
			continue
		case err != nil:
			return &RefusedError{name, without.Path(err).Error()}
		case !info.IsDir():
			return &RefusedError{name, dir + " is no folder"}
		case unix.Access(dir, unix.W_OK) != nil:
			return &RefusedError{name, "folder " + dir + " is write-protected"}
		}
		return nil
	}
}

// refuseInput returns an error if info is that of an input.
func (w *Writer) refuseInput(name string, info fs.FileInfo) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, in := range w.inputs {
		if os.SameFile(in.info, info) {
			why := "it is an input of this command"
			if in.name != name {
				why += ", " + in.name
			}
			return &RefusedError{name, why}
		}
	}
	return nil
}
