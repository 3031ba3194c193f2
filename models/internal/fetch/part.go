package fetch

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/asr-backend/asr-backend/internal/atomicfile"
)

// part is an unfinished download.
type part struct {
	path   string // of the finished file
	file   *os.File
	source source
}

// source says where the bytes of a part came from.
type source struct {
	URL          string `json:"url"`
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"last_modified,omitempty"`
	Size         int64  `json:"size,omitempty"`
	SHA256       string `json:"sha256,omitempty"` // as the server published it
}

// openPart opens what there is of the file at path, or begins it.
func openPart(path string) (*part, error) {
	f, err := os.OpenFile(path+".part", os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, &diskError{err}
	}
	p := &part{path: path, file: f}
	if raw, err := os.ReadFile(p.sourcePath()); err == nil {
		if json.Unmarshal(raw, &p.source) != nil {
			p.source = source{} // as good as none
		}
	}
	return p, nil
}

func (p *part) sourcePath() string { return p.path + ".part.json" }

// size returns how many bytes are there.
func (p *part) size() (int64, error) {
	n, err := p.file.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, &diskError{err}
	}
	return n, nil
}

// restart throws away the bytes. The source goes first: bytes without a source are
// thrown away as well, a source without its bytes is harmless.
func (p *part) restart() error {
	p.source = source{}
	err := os.Remove(p.sourcePath())
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	if err = errors.Join(err, p.file.Truncate(0)); err != nil {
		return &diskError{err}
	}
	_, err = p.file.Seek(0, io.SeekStart)
	return err
}

// from notes the source of the bytes that follow.
func (p *part) from(s source) error {
	if s == p.source {
		return nil
	}
	raw, err := json.Marshal(s)
	if err != nil {
		return err
	}
	f, err := atomicfile.Create(p.sourcePath())
	if err != nil {
		return &diskError{err}
	}
	if _, err := f.Write(raw); err != nil {
		return &diskError{errors.Join(err, f.Close())}
	}
	if err := f.Commit(); err != nil {
		return &diskError{err}
	}
	p.source = s
	return nil
}

// validator returns what identifies the version of the bytes to the server, or "".
// Weak validators (W/"...") cannot vouch for single bytes.
func (s *source) validator() string {
	if s.ETag != "" && !strings.HasPrefix(s.ETag, "W/") {
		return s.ETag
	}
	return s.LastModified
}

// commit gives the part its final name.
func (p *part) commit() error {
	if err := os.Rename(p.file.Name(), p.path); err != nil {
		return &diskError{err}
	}
	if d, err := os.Open(filepath.Dir(p.path)); err == nil {
		_ = d.Sync() // some file systems cannot; then the next call finds out
		d.Close()
	}
	return os.Remove(p.sourcePath())
}

// discard removes the part.
func (p *part) discard() error {
	return errors.Join(os.Remove(p.file.Name()), os.Remove(p.sourcePath()))
}
