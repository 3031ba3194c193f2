package fetch

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/asr-backend/asr-backend/internal/atomicfile"
	"github.com/asr-backend/asr-backend/internal/download"
)

// part is an unfinished download.
type part struct {
	request   Request
	file      *os.File
	source    source // as on the disk
	linked    linked // of the last answer
	published string // SHA-256 that the server publishes, or ""
}

// source says where the bytes of a part came from.
type source struct {
	URL          string `json:"url"`
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"last_modified,omitempty"`
	Size         int64  `json:"size,omitempty"`
	SHA256       string `json:"sha256,omitempty"` // as the server published it
}

// openPart opens what there is of a file, or begins it. Bytes that are not known to be of
// this address are thrown away.
func openPart(q Request) (*part, error) {
	f, err := os.OpenFile(q.Path+".part", os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	p := &part{request: q, file: f}
	raw, err := os.ReadFile(p.sourcePath())
	if err != nil || json.Unmarshal(raw, &p.source) != nil || p.source.URL != q.URL {
		p.source = source{}
		if err := f.Truncate(0); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	p.published = p.source.SHA256
	return p, nil
}

func (p *part) sourcePath() string { return p.request.Path + ".part.json" }

// state is what is known of the bytes that are there.
func (p *part) state() download.State {
	return download.State{
		ETag: p.source.ETag, LastModified: p.source.LastModified,
		Size: cmp.Or(p.request.Size, p.source.Size), Unmixed: p.pinned(),
	}
}

// pinned reports whether the digest of the whole is known before it is there.
func (p *part) pinned() bool { return p.request.SHA256 != "" || p.published != "" }

// judge compares what a server says of the file with what is known.
func (p *part) judge(w *http.Response, s *download.State) error {
	if w.StatusCode == http.StatusOK {
		p.published = ""
	}
	p.published = cmp.Or(p.linked.sha256, p.published)
	s.Unmixed = p.pinned()
	if known := p.request.SHA256; known != "" && p.linked.sha256 != "" && !strings.EqualFold(known, p.linked.sha256) {
		return &DigestError{URL: p.request.URL, Got: p.linked.sha256, Want: known, Origin: Known}
	}
	for _, want := range []int64{p.linked.size, p.request.Size} {
		s.Size = cmp.Or(s.Size, want)
		if want > 0 && s.Size != want {
			return &download.LengthError{Got: s.Size, Want: want}
		}
	}
	return nil
}

// save notes the source of the bytes that follow.
func (p *part) save(now download.State) error {
	s := source{p.request.URL, now.ETag, now.LastModified, now.Size, p.published}
	if s == p.source {
		return nil
	}
	raw, err := json.Marshal(s)
	if err != nil {
		return err
	}
	f, err := atomicfile.Create(p.sourcePath())
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(raw); err != nil {
		return err
	}
	if err := f.Commit(); err != nil {
		return err
	}
	p.source = s
	return nil
}

// finish checks the part, which is as long as it should be, and gives it its name.
func (p *part) finish(ctx context.Context) (*Result, error) {
	r := &Result{Origin: FirstUse}
	var err error
	if r.SHA256, r.Size, err = digest(ctx, p.file); err != nil {
		return nil, err
	}
	want := cmp.Or(p.request.SHA256, p.published)
	switch {
	case p.request.SHA256 != "":
		r.Origin = Known
	case want != "":
		r.Origin = Server
	}
	if want != "" && !strings.EqualFold(want, r.SHA256) {
		err := &DigestError{URL: p.request.URL, Got: r.SHA256, Want: want, Origin: r.Origin}
		return nil, errors.Join(err, os.Remove(p.file.Name()), os.Remove(p.sourcePath()))
	}
	if err := os.Rename(p.file.Name(), p.request.Path); err != nil {
		return nil, err
	}
	_ = atomicfile.SyncFolder(filepath.Dir(p.request.Path)) // the file is there, whatever closing a folder says
	return r, os.Remove(p.sourcePath())
}
