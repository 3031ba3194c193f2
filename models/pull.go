package models

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/internal/atomicfile"
	"github.com/asr-backend/asr-backend/internal/diskspace"
	"github.com/asr-backend/asr-backend/models/internal/fetch"
	"github.com/asr-backend/asr-backend/models/internal/unpack"
)

// PullOptions configure Pull. The zero value is useful.
type PullOptions struct {
	// Mirror, HuggingFace and UserAgent are as in fetch.Options: a server that holds files
	// under HOST/PATH of their address; what stands for https://huggingface.co; the
	// program's name.
	Mirror, HuggingFace, UserAgent string
	// Progress, if set, is called often.
	Progress func(Progress)
	// Notice, if set, is called with what a person should know.
	Notice func(text string)
	// Transport and Pause are as in fetch.Options, for tests.
	Transport http.RoundTripper
	Pause     func(ctx context.Context, d time.Duration) error
}

// Progress is how far a pull is. File is "unpacking" while an archive is.
type Progress struct {
	Model, File string
	// Have of Total bytes of the file are there; Total is 0 if unknown.
	Have, Total int64
}

// PullResult is a model that is on this machine.
type PullResult struct {
	Name, Path string
	// Already is true if it was there before.
	Already bool
}

// Pull downloads a model of the catalogue. What an earlier pull has downloaded
// is kept; the model appears when all is there and right. Errors are *asr.ModelError,
// except when ctx has ended.
func (s *Store) Pull(ctx context.Context, name string, o PullOptions) (*PullResult, error) {
	if isEmbedded(name) {
		return nil, &asr.ModelError{Model: name, Err: errors.New("it is inside the program; there is nothing to pull")}
	}
	m, b := s.Catalogue.Find(name)
	if b == nil {
		return nil, &asr.ModelError{Model: name, Err: s.missing(name)}
	}
	if o.Notice == nil {
		o.Notice = func(string) {}
	}
	p := &pull{store: s, build: b, name: name, o: o, card: newCard(m, b)}
	pulled, err := p.run(ctx)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return nil, cause
	}
	if err != nil {
		return nil, &asr.ModelError{Model: name, Err: err}
	}
	return pulled, nil
}

// pull is one model on its way.
type pull struct {
	store  *Store
	build  *Build
	name   string
	o      PullOptions
	card   *card
	client *fetch.Client
}

func (p *pull) final() string   { return filepath.Join(p.store.Dir, p.name) }
func (p *pull) staging() string { return filepath.Join(p.store.Dir, "."+p.name+".part") }
func (p *pull) archive() string { return filepath.Join(p.store.Dir, "."+p.name+".part.tar.bz2") }

// run holds the lock while it works.
func (p *pull) run(ctx context.Context) (_ *PullResult, err error) {
	if err := os.MkdirAll(p.store.Dir, 0o777); err != nil {
		return nil, fmt.Errorf("make the folder of models: %w; choose another with --models-dir or %s", err, FolderVariable)
	}
	release, err := lock(ctx, filepath.Join(p.store.Dir, "."+p.name+".lock"), func() {
		p.o.Notice("another pull of " + p.name + " is under way; waiting for it")
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, release()) }()
	if isFolder(p.final()) {
		if _, err := asr.OpenBundle(p.final(), ""); err != nil {
			return nil, fmt.Errorf("it is there but cannot be used: %w; remove the folder and pull it again", err)
		}
		return &PullResult{p.name, p.final(), true}, p.clean()
	}
	p.client, err = fetch.New(fetch.Options{Mirror: p.o.Mirror, HuggingFace: p.o.HuggingFace, UserAgent: p.o.UserAgent, Transport: p.o.Transport, Pause: p.o.Pause})
	if err != nil {
		return nil, err
	}
	defer p.client.Close()
	if err := p.stage(ctx); err != nil {
		return nil, err
	}
	if err := os.Rename(p.staging(), p.final()); err != nil {
		return nil, err
	}
	_ = atomicfile.SyncFolder(p.store.Dir) // the model is there, whatever closing a folder says
	return &PullResult{p.name, p.final(), false}, p.clean()
}

// stage fills the staging folder with all files and the card, and checks that they are
// a model.
func (p *pull) stage(ctx context.Context) error {
	if err := os.MkdirAll(p.staging(), 0o777); err != nil {
		return err
	}
	if err := p.space(); err != nil {
		return err
	}
	var err error
	if p.build.Archive != nil {
		err = p.packed(ctx)
	} else {
		err = p.single(ctx)
	}
	if err != nil {
		return err
	}
	if err := p.card.write(p.staging()); err != nil {
		return err
	}
	if _, err := asr.OpenBundle(p.staging(), ""); err != nil {
		return fmt.Errorf("what was downloaded cannot be used: %w", errors.Join(err, os.RemoveAll(p.staging())))
	}
	return nil
}

// space refuses to begin what cannot end. What is unknown is not counted; the download
// looks again when the server has reported it.
func (p *pull) space() error {
	need := p.build.Size()
	if p.build.Archive != nil {
		for _, f := range p.build.Files {
			need += f.Size
		}
	}
	for _, path := range []string{p.staging(), p.archive(), p.archive() + ".part"} {
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			need -= info.Size()
		} else if err == nil {
			need -= folderSize(os.DirFS(path))
		}
	}
	return diskspace.Require(p.store.Dir, need)
}

// fetch downloads a file of the model.
func (p *pull) fetch(ctx context.Context, name, url, path string, size int64, digest string) (*fetch.Result, error) {
	report := func(have, total int64) { p.progress(name, have, total) }
	return p.client.File(ctx, fetch.Request{URL: url, Path: path, Size: size, SHA256: digest, Progress: report})
}

func (p *pull) progress(file string, have, total int64) {
	if p.o.Progress != nil {
		p.o.Progress(Progress{p.name, file, have, total})
	}
}

// counted is a reader that reports how much has been read.
type counted struct {
	r      io.Reader
	report func(int64)
	n      int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	c.report(c.n)
	return n, err
}

// single downloads the files of a build one by one.
func (p *pull) single(ctx context.Context) error {
	for _, f := range p.build.Files {
		r, err := p.fetch(ctx, f.Name, p.build.URL(&f), filepath.Join(p.staging(), f.Name), f.Size, f.SHA256)
		if err != nil {
			return err
		}
		if p.card.add(f.Name, r.SHA256, r.Origin); r.Origin == fetch.FirstUse {
			p.o.Notice(fmt.Sprintf("%s: nobody publishes a digest of %s; that of what arrived is noted, and models verify compares with it", p.name, f.Name))
		}
	}
	return nil
}

// packed downloads the archive of a build and takes its files out.
func (p *pull) packed(ctx context.Context) error {
	a := p.build.Archive
	r, err := p.fetch(ctx, filepath.Base(a.URL), a.URL, p.archive(), a.Size, a.SHA256)
	if err != nil {
		return err
	}
	if r.Origin == fetch.FirstUse {
		p.o.Notice(p.name + ": nobody publishes a digest of the archive; those of its files are noted, and models verify compares with them")
	}
	p.o.Notice(p.name + ": unpacking, which takes a while")
	f, err := os.Open(p.archive())
	if err != nil {
		return err
	}
	defer f.Close() // only read
	var files []unpack.File
	for _, f := range p.build.Files {
		files = append(files, unpack.File{Name: p.build.Root + "/" + f.Name, To: filepath.Join(p.staging(), f.Name), Size: f.Size})
	}
	if err := unpack.BZ2(ctx, &counted{f, func(n int64) { p.progress("unpacking", n, r.Size) }, 0}, files); err != nil {
		return err
	}
	p.progress("unpacking", r.Size, r.Size)
	for _, f := range p.build.Files {
		digest, _, err := fetch.Digest(ctx, filepath.Join(p.staging(), f.Name))
		if err != nil {
			return err
		}
		if f.SHA256 != "" && digest != f.SHA256 {
			return &fetch.DigestError{URL: a.URL, Got: digest, Want: f.SHA256, Origin: fetch.Known}
		}
		origin := r.Origin
		if f.SHA256 != "" {
			origin = fetch.Known
		}
		p.card.add(f.Name, digest, origin)
	}
	return nil
}

// clean removes what is left of the way here.
func (p *pull) clean() error {
	err := os.Remove(p.archive())
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, os.RemoveAll(p.staging()))
}
