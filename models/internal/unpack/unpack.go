// Package unpack takes single files out of a tar archive that a stranger made.
//
// Only the files that are asked for are written, under names that the caller chooses, so
// no entry of the archive can name a place on the disk. What else an archive may do is
// bounded or refused: an entry that is asked for must be a plain file of at most its
// declared size, there once; names that climb ("../") or are absolute mean that the
// archive is not what it says, and end the work; and the whole may not be larger than a
// limit, since a few bytes of bzip2 can stand for gigabytes.
package unpack

import (
	"archive/tar"
	"compress/bzip2"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

// File is an entry to take out.
type File struct {
	// Name is where the entry lies in the archive: "ROOT/model.onnx".
	Name string
	// To is the path to write to. What is there is replaced.
	To string
	// Size is how many bytes it must have, or 0 if that is not known.
	Size int64
}

// Limit bounds how much is unpacked in all, in bytes.
const Limit = 16 << 30

// BZ2 takes files out of a tar archive compressed with bzip2. If it fails, some may have
// been written.
func BZ2(ctx context.Context, r io.Reader, files []File) error {
	return Tar(ctx, bzip2.NewReader(r), files)
}

// Tar takes files out of a tar archive.
func Tar(ctx context.Context, r io.Reader, files []File) error {
	wanted := map[string]File{}
	for _, f := range files {
		wanted[path.Clean(f.Name)] = f
	}
	t := tar.NewReader(&bounded{ctx, r, Limit})
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read archive: %w", err)
		}
		name, err := inside(h.Name)
		if err != nil {
			return err
		}
		f, ok := wanted[name]
		if !ok {
			continue
		}
		delete(wanted, name) // a second one is not looked at
		if h.Typeflag != tar.TypeReg || sparse(h) {
			return fmt.Errorf("%s in the archive is not a plain file", name)
		}
		if f.Size > 0 && h.Size != f.Size {
			return fmt.Errorf("%s in the archive has %d bytes, not %d", name, h.Size, f.Size)
		}
		if err := write(t, f.To); err != nil {
			return fmt.Errorf("unpack %s: %w", name, err)
		}
	}
	for name := range wanted {
		return fmt.Errorf("the archive has no %s", name)
	}
	return nil
}

// inside returns the cleaned name of an entry, or an error if it points elsewhere.
func inside(name string) (string, error) {
	clean := path.Clean(name)
	if path.IsAbs(name) || clean == ".." || strings.HasPrefix(clean, "../") || strings.ContainsAny(name, "\\\x00") {
		return "", fmt.Errorf("the archive has an entry %.100q, which would lie outside of it; nothing of it is used", name)
	}
	return clean, nil
}

// sparse reports whether an entry has holes, which cost nothing in an archive and can be
// of any size on the disk.
func sparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

func write(r io.Reader, to string) error {
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Sync(), f.Close())
}

// bounded ends with an error after so many bytes or when the context ends.
type bounded struct {
	ctx  context.Context
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if err := context.Cause(b.ctx); err != nil {
		return 0, err
	}
	if b.left <= 0 {
		return 0, fmt.Errorf("more than %d GB in the archive", Limit>>30)
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
