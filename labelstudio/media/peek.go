package media

import (
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
		head := &head{most: n}
		if s.referred {
			return f.peekReferred(ctx, r, g, n)
		}
		if err := writeData(head, r.Value, f.options.MaxBytes); err != nil {
			return nil, f.explain(ctx, r, s, err)
		}
		g.Size, g.Head = head.size, head.bytes
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

// peekReferred reads what is kept of a data URI.
func (f *Fetcher) peekReferred(ctx context.Context, r Request, g *Glimpse, n int) (*Glimpse, error) {
	file, err := f.Fetch(ctx, r)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	g.Size = file.Size
	if g.Head, err = headOf(file.Path, n); err != nil {
		return nil, &Error{Kind: g.Kind, Value: shown(r.Value), Err: err}
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

// head is a writer that keeps the first bytes.
type head struct {
	most  int
	bytes []byte
	size  int64
}

// Write implements io.Writer.
func (h *head) Write(p []byte) (int, error) {
	h.size += int64(len(p))
	h.bytes = append(h.bytes, p[:min(len(p), h.most-len(h.bytes))]...)
	return len(p), nil
}
