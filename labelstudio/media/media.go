// Package media gets a task's recording onto the local disk, whatever the task's data says
// about where it is.
//
// # Values
//
//	https://host/x.wav                             anywhere on the web
//	/data/upload/45/1a2b3c4d-x.wav, upload/...     uploaded through Label Studio's page
//	/storage-data/uploaded/?filepath=upload/...    uploads kept in cloud storage
//	/data/local-files/?d=dir/x.wav                 Local Files storage
//	s3://bucket/x, gs://..., azure-blob://...      cloud storage, resolved by Label Studio
//	/tasks/7/resolve/?fileuri=..., .../presign/    the same, resolved before
//	/projects/45/file-proxy?url=...                protected media behind Label Studio
//	/static/samples/game.wav, other paths          on Label Studio's host
//	data:audio/wav;base64,...                      the recording itself
//
// Absolute addresses of Label Studio, under any of its names, count as paths on it. Local
// files and uploads are read from a mounted folder where there is one.
//
// # Downloads
//
// Label Studio proxies cloud media for twenty seconds and then stops in silence, and cuts
// later ranges to 8 MiB; its uploads give no length unless asked for a range. So every
// download asks for "bytes=0-", knows the length from the answer, and goes on from where
// it was cut (Range with If-Range) until all bytes are there. A recording whose length
// is unknown is asked for a byte behind its end. What is shorter than promised is an
// error, never a short recording.
//
// # Trust
//
// Values come from whoever may create tasks, so they are foreign. Label Studio's own media
// routes are asked with its token: they open what the token's user may see, so that user
// should see no more than the annotators. No other route and no other host gets the
// token; a redirect to another host loses it, and other credentials too. Addresses inside
// the network (loopback, private, link-local, cloud metadata) are refused after their
// names have been resolved, at every hop, unless they are allowed by option; link-local ones
// and cloud metadata have to be allowed one by one. Paths cannot
// leave their folders, by dots or by links. Queries of addresses hold signatures and stand
// in no error.
//
// # Cache
//
// Recordings are kept in a folder of bounded size, least recently used first out, renamed
// into place only when they are complete. What was asked for with the token, or with the
// credentials of a project, is kept for that project: another one asks for itself. Who asks for one that is on its way waits for
// it. One process owns the folder.
package media

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"
)

// Defaults of Options.
const (
	DefaultCacheBytes = 20 << 30
	DefaultMaxBytes   = 8 << 30
	DefaultMaxTime    = 2 * time.Hour
	DefaultStallTime  = 45 * time.Second
	DefaultMaxAge     = 24 * time.Hour
	DefaultBackoff    = time.Second
	DefaultTries      = 5
)

// Server is the Label Studio that tasks come from. *api.Client is one.
type Server interface {
	// Base is its address without a slash at the end.
	Base() *url.URL
	// Authorization returns the header that opens its media routes.
	Authorization(ctx context.Context) (string, error)
	// Renew returns a header other than one that was answered with 401, and false if
	// there is no other.
	Renew(ctx context.Context, refused string) (string, bool, error)
}

// Options are what a Fetcher is made of. CacheDir is required.
type Options struct {
	Server  Server   // nil: values that need Label Studio are errors
	Aliases []string // other addresses of the same Label Studio, such as its public one

	// DocumentRoot is the folder that Label Studio serves local files from, and MediaDir
	// the one that holds its upload folder, where they are mounted here too.
	DocumentRoot, MediaDir string

	CacheDir   string
	CacheBytes int64         // 0: DefaultCacheBytes
	MaxBytes   int64         // of one recording; 0: DefaultMaxBytes
	MaxTime    time.Duration // for one recording; 0: DefaultMaxTime
	StallTime  time.Duration // without a byte; 0: DefaultStallTime
	// MaxAge is how long a recording is taken from the cache whose address may get other
	// content; 0: DefaultMaxAge. Uploads never change.
	MaxAge time.Duration
	// Tries bounds requests that bring no progress, Backoff is the wait after the first
	// and doubles; 0: DefaultTries, DefaultBackoff.
	Tries   int
	Backoff time.Duration

	// AllowHosts may be reached although they are inside the network: names, name:port,
	// addresses or prefixes such as 10.1.0.0/16. AllowPrivate allows all of them but link-local
	// addresses and those of cloud metadata services, which have to be named.
	AllowHosts   []string
	AllowPrivate bool

	Transport *http.Transport // nil: like http.DefaultTransport; its dialer is not used
	// Observe is called for every recording that was asked for; nil: nobody. Bytes counts
	// what came over the network.
	Observe func(kind Kind, bytes int64, err error)
}

// Request asks for one recording.
type Request struct {
	Value         string // from the task's data
	Task, Project int64  // zero if unknown
	// Login and Password are the project's credentials for protected media.
	Login    string
	Password labelstudio.Secret
	// Progress, if set, is called during a download with the bytes that are there and their
	// final number, 0 if unknown: often, from other goroutines, and not after Fetch has returned.
	Progress func(have, total int64)
}

// File is a recording on disk. Until Close it stays there.
type File struct {
	Path string
	Size int64  // in bytes
	Name string // for people, without a path
	// Warnings are sentences about what could not be made sure of.
	Warnings []string
	release  func()
}

// Close lets the cache drop the file. It may be called more than once.
func (f *File) Close() {
	if f.release != nil {
		f.release()
	}
}

// Fetcher fetches recordings. It is safe for concurrent use.
type Fetcher struct {
	options Options
	own     []*url.URL // addresses of Label Studio; the first is the one to use
	roots   roots
	cache   *cache
	guard   *guard
	// ownHTTP reaches Label Studio wherever it is, openHTTP only what the guard lets it.
	ownHTTP, openHTTP *http.Client

	life    context.Context // ends with Close
	end     context.CancelFunc
	flights sync.WaitGroup

	mu       sync.Mutex // guards inFlight
	inFlight map[string]*flight
}

// New returns a fetcher. It creates the cache folder if there is none.
func New(o Options) (*Fetcher, error) {
	if err := o.complete(); err != nil {
		return nil, fmt.Errorf("media options: %w", err)
	}
	f := &Fetcher{options: o, inFlight: map[string]*flight{}}
	var err error
	if f.own, err = ownAddresses(o); err != nil {
		return nil, err
	}
	if f.guard, err = newGuard(o.AllowHosts, o.AllowPrivate); err != nil {
		return nil, err
	}
	if f.roots, err = openRoots(o); err != nil {
		return nil, err
	}
	if f.cache, err = openCache(o.CacheDir, o.CacheBytes); err != nil {
		f.roots.close()
		return nil, err
	}
	f.ownHTTP, f.openHTTP = newClient(o, nil), newClient(o, f.guard)
	f.life, f.end = context.WithCancel(context.Background())
	return f, nil
}

func (o *Options) complete() error {
	if o.CacheDir == "" {
		return errors.New("no cache folder is given")
	}
	if o.CacheBytes < 0 || o.MaxBytes < 0 || o.MaxTime < 0 || o.StallTime < 0 || o.MaxAge < 0 || o.Tries < 0 || o.Backoff < 0 {
		return errors.New("a limit is negative")
	}
	o.CacheBytes = cmp.Or(o.CacheBytes, DefaultCacheBytes)
	o.MaxBytes = cmp.Or(o.MaxBytes, DefaultMaxBytes)
	o.MaxTime = cmp.Or(o.MaxTime, DefaultMaxTime)
	o.StallTime = cmp.Or(o.StallTime, DefaultStallTime)
	o.MaxAge = cmp.Or(o.MaxAge, DefaultMaxAge)
	o.Tries = cmp.Or(o.Tries, DefaultTries)
	o.Backoff = cmp.Or(o.Backoff, DefaultBackoff)
	if o.Observe == nil {
		o.Observe = func(Kind, int64, error) {}
	}
	return nil
}

// Close ends all downloads and waits for them. Files that were handed out stay.
func (f *Fetcher) Close() {
	f.end()
	f.flights.Wait()
	f.roots.close()
	f.ownHTTP.CloseIdleConnections()
	f.openHTTP.CloseIdleConnections()
}

// Fetch returns the recording that a value names. The caller closes the file. Errors are
// *Error, except for the context's own.
func (f *Fetcher) Fetch(ctx context.Context, r Request) (*File, error) {
	s, err := f.classify(r)
	if err != nil {
		f.options.Observe(s.kind, 0, err)
		return nil, err
	}
	file, bytes, err := f.fetch(ctx, r, s)
	f.options.Observe(s.kind, bytes, err)
	return file, err
}

func (f *Fetcher) fetch(ctx context.Context, r Request, s source) (*File, int64, error) {
	file, err := f.roots.open(s)
	switch {
	case err != nil:
		return nil, 0, &Error{Kind: s.kind, Value: shown(r.Value), Err: err}
	case file != nil:
		return file, 0, nil
	}
	maxAge := f.options.MaxAge
	if s.immutable {
		maxAge = 0
	}
	if e := f.cache.get(s.key, maxAge); e != nil {
		return f.handOut(e, s), 0, nil
	}
	return f.join(ctx, r, s)
}

// handOut makes a File of a cache entry that has been taken.
func (f *Fetcher) handOut(e *entry, s source) *File {
	return &File{
		Path: e.path, Size: e.size, Name: s.name, Warnings: e.warnings,
		release: sync.OnceFunc(func() { f.cache.release(e) }),
	}
}

// flight is a download that several callers may wait for.
type flight struct {
	done   chan struct{} // closed when bytes and err are set
	cancel context.CancelFunc
	bytes  int64
	err    error

	// Guarded by Fetcher.mu. The flight itself is a user of the entry until it has landed
	// and nobody waits any more.
	waiting int
	landed  bool
	entry   *entry
	watched map[int]func(have, total int64) // the Progress of those who wait
	joined  int                             // so far
}

// report gives those who wait for a download how far it is.
func (f *Fetcher) report(fl *flight, have, total int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, progress := range fl.watched {
		progress(have, total)
	}
}

// join waits for the download of a recording, and starts it if it is the first to ask.
// A download ends when nobody waits for it any more.
func (f *Fetcher) join(ctx context.Context, r Request, s source) (*File, int64, error) {
	f.mu.Lock()
	if f.life.Err() != nil {
		f.mu.Unlock()
		return nil, 0, &Error{Kind: s.kind, Value: shown(r.Value), Err: errClosed}
	}
	fl, first := f.inFlight[s.key], false
	if fl == nil {
		fl, first = f.takeOff(r, s), true
	}
	fl.waiting++
	fl.joined++
	me := fl.joined
	if r.Progress != nil {
		fl.watched[me] = r.Progress
	}
	f.mu.Unlock()
	defer f.leave(fl, me, s.key)

	select {
	case <-fl.done:
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	if fl.err != nil {
		return nil, 0, fl.err
	}
	bytes := int64(0)
	if first {
		bytes = fl.bytes
	}
	f.cache.take(fl.entry)
	return f.handOut(fl.entry, s), bytes, nil
}

// takeOff starts a download. The caller holds the lock.
func (f *Fetcher) takeOff(r Request, s source) *flight {
	ctx, cancel := context.WithTimeoutCause(f.life, f.options.MaxTime, errTooLong)
	fl := &flight{done: make(chan struct{}), cancel: cancel, watched: map[int]func(have, total int64){}}
	r.Progress = func(have, total int64) { f.report(fl, have, total) }
	f.inFlight[s.key] = fl
	f.flights.Go(func() {
		defer cancel()
		e, bytes, err := f.obtain(ctx, r, s)
		f.mu.Lock()
		defer f.mu.Unlock()
		fl.entry, fl.bytes, fl.err, fl.landed = e, bytes, err, true
		if f.inFlight[s.key] == fl {
			delete(f.inFlight, s.key)
		}
		if fl.waiting == 0 && e != nil {
			f.cache.release(e)
		}
		close(fl.done)
	})
	return fl
}

// leave ends a caller's wait.
func (f *Fetcher) leave(fl *flight, me int, key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(fl.watched, me)
	if fl.waiting--; fl.waiting > 0 {
		return
	}
	if fl.landed {
		if fl.entry != nil {
			f.cache.release(fl.entry)
		}
		return
	}
	// Whoever comes now starts anew instead of joining what is about to end.
	fl.cancel()
	if f.inFlight[key] == fl {
		delete(f.inFlight, key)
	}
}

// obtain puts a recording into the cache.
func (f *Fetcher) obtain(ctx context.Context, r Request, s source) (*entry, int64, error) {
	part, err := f.cache.create()
	if err != nil {
		return nil, 0, f.explain(ctx, r, s, err)
	}
	defer func() {
		part.Close()
		os.Remove(part.Name()) // gone already if it was put into place
	}()
	var warnings []string
	switch {
	case s.referred:
		err = ErrNotKept
	case s.kind == Inline:
		err = writeData(part, r.Value, f.options.MaxBytes)
	default:
		t := transfer{fetcher: f, request: r, source: s}
		warnings, err = t.file(ctx, part)
	}
	if err != nil {
		return nil, 0, f.explain(ctx, r, s, err)
	}
	e, err := f.cache.put(s.key, s.name, part, warnings)
	if err != nil {
		return nil, 0, f.explain(ctx, r, s, err)
	}
	return e, e.size, nil
}
