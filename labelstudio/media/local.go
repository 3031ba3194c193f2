package media

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/asr-backend/asr-backend/internal/download"
	"github.com/asr-backend/asr-backend/internal/without"
)

// roots are the folders of Label Studio that are mounted here. Lookups go through os.Root,
// which no dots and no links can leave.
type roots struct {
	documents, media *os.Root // nil if not mounted
}

func openRoots(o Options) (r roots, err error) {
	if o.DocumentRoot != "" {
		if r.documents, err = os.OpenRoot(o.DocumentRoot); err != nil {
			return r, fmt.Errorf("the folder of local files (LOCAL_FILES_DOCUMENT_ROOT): %w", err)
		}
	}
	if o.MediaDir != "" {
		if r.media, err = os.OpenRoot(o.MediaDir); err != nil {
			r.close()
			return r, fmt.Errorf("the media folder of Label Studio: %w", err)
		}
	}
	return r, nil
}

func (r roots) close() {
	for _, root := range []*os.Root{r.documents, r.media} {
		if root != nil {
			root.Close()
		}
	}
}

// open returns the file of a source that is mounted here, or nil if it is not.
func (r roots) open(s source) (*File, error) {
	switch {
	case s.document != "" && r.documents != nil:
		return lookup(r.documents, s.document, s.name)
	case s.upload != "" && r.media != nil:
		return lookup(r.media, filepath.Join("upload", filepath.FromSlash(s.upload)), s.name)
	}
	return nil, nil
}

func lookup(root *os.Root, path, name string) (*File, error) {
	path = filepath.FromSlash(strings.TrimLeft(path, "/"))
	if path == "" {
		return nil, nil
	}
	info, err := root.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && !info.Mode().IsRegular():
		return nil, nil // Label Studio may have it all the same.
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%w: the mounted file may not be read by this process", err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errOutside, without.Path(err))
	case info.Size() == 0:
		return nil, download.ErrEmpty
	}
	// The name without links is what decoders open. Whoever can change the folder in the
	// meantime can put any file into it anyway.
	real, err := filepath.EvalSymlinks(filepath.Join(root.Name(), path))
	if err != nil {
		return nil, fmt.Errorf("the mounted file: %w", without.Path(err))
	}
	return &File{Path: real, Size: info.Size(), Name: name}, nil
}
