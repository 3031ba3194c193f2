// Package digests remembers digests of large files, for as long as their size, time and inode stay the same.
package digests

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/asr-backend/asr-backend/internal/filestamp"
	"github.com/asr-backend/asr-backend/internal/sealed"
)

// Cache is a file of digests. A nil Cache, and one without a path, remembers nothing. Several processes may
// use the same file: what one forgets of another is computed again.
type Cache struct {
	Path string
	Log  *slog.Logger // may be nil
}

// Get returns the digest of what the files hold, which compute reads; key says what that is. Files that do
// not exist count as such.
func (c *Cache) Get(key string, files []string, compute func() (string, error)) (string, error) {
	if c == nil || c.Path == "" || len(files) == 0 {
		return compute()
	}
	for _, name := range files {
		if stamp, err := filestamp.Of(name); err == nil {
			key += " " + stamp
		}
	}
	known := c.read()
	if known[key] != "" {
		return known[key], nil
	}
	digest, err := compute()
	if err != nil {
		return "", err
	}
	known[key] = digest
	if err := c.write(known); err != nil {
		c.warn("a model's digest was not remembered", err) // it is computed again
	}
	return digest, nil
}

// read reads the file. A wrong digest would change the version of a project, and with it every prediction,
// so a damaged file counts as none.
func (c *Cache) read() map[string]string {
	known := map[string]string{}
	checked, err := sealed.Read(c.Path, &known)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		c.warn("the remembered digests of models are computed again", err)
	case checked:
		return known
	}
	return map[string]string{}
}

func (c *Cache) write(known map[string]string) error {
	if err := os.MkdirAll(filepath.Dir(c.Path), 0o700); err != nil {
		return err
	}
	return sealed.Write(c.Path, known)
}

func (c *Cache) warn(message string, err error) {
	if c.Log != nil {
		c.Log.Warn(message, "file", c.Path, "error", err)
	}
}
