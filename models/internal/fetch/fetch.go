// Package fetch downloads large files over connections that break, through proxies and
// mirrors, and gives them their final name only when they are whole and right.
//
// While a file is under way its bytes are in NAME.part, and NAME.part.json says where
// they came from: the address, the server's validator (ETag or Last-Modified), the whole
// size. Whatever ends the process leaves both behind, and the next try asks for the rest
// alone. A server that gives no strong validator is asked for the rest only if the digest
// of the whole is known; otherwise two versions could be joined unnoticed. Package download
// does that and decides what is tried again.
//
// A file is right if its length is the one that was declared and its SHA-256 is, in this
// order, the one the caller knows, the one the server publishes (Hugging Face gives it
// for large files as X-Linked-ETag), or, failing both, what it is: then the Origin says
// FirstUse and the caller should say so.
package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/internal/download"
)

// Options configure a download. The zero value is useful.
type Options struct {
	// Mirror is the address of a server that holds files under HOST/PATH of their own
	// address: with "https://mirror.example/m", https://host/a/b is asked for at
	// https://mirror.example/m/host/a/b.
	Mirror string
	// HuggingFace replaces https://huggingface.co, if there is no Mirror.
	HuggingFace string
	// Attempts is how often in a row a download may fail without a byte; 0 means 6.
	Attempts int
	// Stall is how long nothing may arrive before the connection is given up; 0 means a
	// minute.
	Stall time.Duration
	// UserAgent names the program to servers.
	UserAgent string
	// Transport makes the connections; nil means http.DefaultTransport's settings, with
	// the proxies that HTTP_PROXY, HTTPS_PROXY and NO_PROXY name.
	Transport http.RoundTripper
	// Pause waits between attempts; nil means by the clock.
	Pause func(ctx context.Context, d time.Duration) error
}

// Client downloads files. It may be used by many goroutines, for different files.
type Client struct {
	o      Options
	client *http.Client
	own    *http.Transport // to be closed, unless the caller brought one
}

// New returns a client. The caller closes it.
func New(o Options) (*Client, error) {
	for _, address := range []string{o.Mirror, o.HuggingFace} {
		u, err := url.Parse(address)
		if address != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
			return nil, fmt.Errorf("%q is not an http or https address", address)
		}
	}
	if o.Attempts <= 0 {
		o.Attempts = 6
	}
	c := &Client{o: o}
	if o.Transport == nil {
		c.own = http.DefaultTransport.(*http.Transport).Clone()
		o.Transport = c.own
	}
	c.client = &http.Client{Transport: o.Transport, CheckRedirect: checkRedirect}
	return c, nil
}

// Close closes idle connections.
func (c *Client) Close() {
	if c.own != nil {
		c.own.CloseIdleConnections()
	}
}

// Request is one file to download.
type Request struct {
	URL string
	// Path is where the file goes. Its folder must exist.
	Path string
	// Size and SHA256 (hex) are what the file must have; zero values are not checked.
	Size   int64
	SHA256 string
	// Progress, if set, is called with the bytes that are there and their final number,
	// 0 if unknown.
	Progress func(have, total int64)
}

// Origin says where the digest that a file was checked against came from.
type Origin string

// The origins.
const (
	Known    Origin = "known"     // the caller's
	Server   Origin = "server"    // published by the server
	FirstUse Origin = "first use" // computed from what arrived
)

// Result says what was downloaded.
type Result struct {
	Size   int64
	SHA256 string
	Origin Origin
}

// File makes sure that the file at q.Path is there and right, downloading what is
// missing. When ctx ends, what has arrived stays for the next call. One call at a time
// may work on one path.
func (c *Client) File(ctx context.Context, q Request) (_ *Result, err error) {
	if r, err := c.existing(ctx, q); r != nil || err != nil {
		return r, err
	}
	p, err := openPart(q)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.file.Close()) }()
	_, err = download.Run(ctx, download.Options{
		Get:      func(ctx context.Context, h http.Header) (*http.Response, error) { return c.get(ctx, p, h) },
		Judge:    p.judge,
		File:     p.file,
		Start:    p.state(),
		Save:     p.save,
		Progress: q.Progress,
		Stall:    c.o.Stall,
		Tries:    c.o.Attempts,
		Patience: longestPause,
		Retry:    temporary,
		Pause:    c.o.Pause,
	})
	err = errors.Join(err, p.file.Sync())
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return nil, cause
	}
	if length, ok := errors.AsType[*download.LengthError](err); ok {
		err = lengthError{length}
	}
	if err != nil {
		return nil, fmt.Errorf("download %s: %w%s", q.URL, err, hint(err))
	}
	return p.finish(ctx)
}

// existing returns the result for a file that is there and right already.
func (c *Client) existing(ctx context.Context, q Request) (*Result, error) {
	sum, size, err := Digest(ctx, q.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if q.Size > 0 && size != q.Size || q.SHA256 != "" && !strings.EqualFold(sum, q.SHA256) {
		return nil, os.Remove(q.Path)
	}
	origin := FirstUse
	if q.SHA256 != "" {
		origin = Known
	}
	return &Result{size, sum, origin}, nil
}

// Digest returns the SHA-256 of the file at path, in hex, and its size in bytes.
func Digest(ctx context.Context, path string) (sum string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close() // only read
	return digest(ctx, f)
}

func digest(ctx context.Context, f *os.File) (string, int64, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", 0, err
	}
	h := sha256.New()
	n, err := io.Copy(h, &cancelled{ctx, f})
	if err != nil {
		return "", 0, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	return hex.EncodeToString(h.Sum(nil)), n, nil
}

// cancelled is a reader that ends with its context.
type cancelled struct {
	ctx context.Context
	r   io.Reader
}

func (c *cancelled) Read(b []byte) (int, error) {
	if err := context.Cause(c.ctx); err != nil {
		return 0, err
	}
	return c.r.Read(b)
}

// longestPause bounds waits; a server that wants more is left alone.
const longestPause = 2 * time.Minute
