package media

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"

	"github.com/asr-backend/asr-backend/internal/download"
)

// Glimpse is what can be known of a recording without fetching all of it.
type Glimpse struct {
	Kind Kind
	Name string // for people, without a path
	Size int64  // in bytes; negative if it is unknown
	Head []byte // the first bytes
	// Mounted says that it was read from a mounted folder, not asked for.
	Mounted bool
}

// Peek returns the first bytes of the recording that a value names, at most n. It goes the
// way that Fetch goes, but asks once and keeps nothing. Errors are those of Fetch.
func (f *Fetcher) Peek(ctx context.Context, r Request, n int) (*Glimpse, error) {
	s, err := f.classify(r)
	if err != nil {
		return nil, err
	}
	g := &Glimpse{Kind: s.kind, Name: s.name}
	switch file, err := f.roots.open(s); {
	case err != nil:
		return nil, &Error{Kind: s.kind, Value: shown(r.Value), Err: err}
	case file != nil:
		g.Mounted, g.Size = true, file.Size
		if g.Head, err = headOf(file.Path, n); err != nil {
			return nil, &Error{Kind: s.kind, Value: shown(r.Value), Err: err}
		}
		return g, nil
	}
	if s.kind == Inline {
		var all bytes.Buffer
		if err := writeData(&all, r.Value, f.options.MaxBytes); err != nil {
			return nil, f.explain(ctx, r, s, err)
		}
		g.Size, g.Head = int64(all.Len()), all.Next(n)
		return g, nil
	}
	t := transfer{fetcher: f, request: r, source: s}
	err = t.try(func(o download.Options) error {
		g.Head, g.Size, err = download.Head(ctx, o, n)
		return err
	})
	if err != nil {
		return nil, f.explain(ctx, r, s, err)
	}
	return g, nil
}

func headOf(path string, n int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readHead(f, n)
}

func readHead(r io.Reader, n int) ([]byte, error) {
	head := make([]byte, n)
	n, err := io.ReadFull(r, head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return head[:n], err
}
