package jobs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// embedded is the NATS server inside this process. It opens no socket and syncs every write
// before acknowledging it. It can be restarted under a connection, which reconnects: after
// one failed write to disk, a stream accepts no more writes until then.
type embedded struct {
	dir    string
	prefix string
	fresh  bool // nothing has been stored yet
	stale  bool // the stamp was damaged, or has no checksum
	lock   *os.File
	log    *slog.Logger

	mu  sync.Mutex // guards srv
	srv *server.Server
}

// openEmbedded locks the directory and starts the server on it.
func openEmbedded(o *Options) (*embedded, error) {
	lock, err := lockDir(o.Dir)
	if err != nil {
		return nil, err
	}
	e := &embedded{dir: o.Dir, prefix: o.Prefix, lock: lock, log: o.Logger}
	cleanDir(o.Dir)
	if err = e.admit(o); err == nil {
		err = e.start()
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return e, nil
}

// admit refuses an unsuitable directory before the server touches it.
func (e *embedded) admit(o *Options) error {
	s, stamped, stale, err := readStamp(e.dir, e.prefix, e.log)
	switch {
	case err != nil:
		return err
	case s.Format > format:
		return fmt.Errorf("%w: version %d, this program reads %d", ErrFormat, s.Format, format)
	case stamped && s.Prefix != o.Prefix:
		return fmt.Errorf("%w: the directory was made with the prefix %q, not %q", ErrState, s.Prefix, o.Prefix)
	}
	if err := probeDisk(e.dir); err != nil {
		return err
	}
	free, err := o.free(e.dir)
	if err != nil {
		return diskError(err)
	}
	if least := o.Reserve / 4; free < least {
		return &lowSpace{free, least}
	}
	e.fresh, e.stale = !stamped || s.Making, stale
	server := filepath.Join(e.dir, serverDir)
	switch _, err := os.Stat(server); {
	case err == nil && !stamped:
		return &Error{Err: fmt.Errorf("%w: there is a folder %s and no %s", ErrDamaged, serverDir, stampFile),
			Advice: "the folder was not made by this program, or the file was lost; choose an empty directory, or restore this one from a backup"}
	case s.Making:
		// A process was killed while it created the streams; incomplete ones cannot be opened.
		if err := os.RemoveAll(server); err != nil {
			return diskError(err)
		}
	}
	if e.fresh {
		return writeFile(e.dir, stampFile, stamp{Format: format, Prefix: o.Prefix, Making: true})
	}
	return nil
}

// complete records that all streams exist. From now on a missing one was lost.
func (e *embedded) complete(o *Options) error {
	if !e.fresh && !e.stale {
		return nil
	}
	e.fresh, e.stale = false, false
	return writeFile(e.dir, stampFile, stamp{Format: format, Prefix: o.Prefix})
}

// maxMemory bounds streams in memory, which hold only the state of the watch.
const maxMemory = 64 << 20

// start starts the server. Window results that it cannot recover are removed first: they only
// save work after a crash, and must not keep the jobs from being opened. Streams that hold
// more than that are left as they are, and start fails.
func (e *embedded) start() error {
	faults := e.launch()
	if err := errors.Join(faults...); err == nil || !e.onlyWindows(faults) {
		return err
	}
	windows := streamDir(e.dir, streamName(e.prefix, bucketWindows))
	e.log.Warn("jobs: damaged window results are removed; recordings that were in progress are transcribed from their beginning",
		"folder", windows, "bytes", folderSize(windows), "error", errors.Join(faults...))
	if err := os.RemoveAll(windows); err != nil {
		return diskError(err)
	}
	return errors.Join(e.launch()...)
}

func (e *embedded) onlyWindows(faults []error) bool {
	for _, err := range faults {
		lost, ok := errors.AsType[*lostStream](err)
		if !ok || lost.name != streamName(e.prefix, bucketWindows) {
			return false
		}
	}
	return true
}

// launch starts the server once, and returns what is wrong with it.
func (e *embedded) launch() []error {
	srv, err := server.NewServer(&server.Options{
		ServerName: "asr-backend", DontListen: true, NoSigs: true, DisableJetStreamBanner: true,
		JetStream: true, StoreDir: e.dir, SyncAlways: true,
		JetStreamMaxMemory: maxMemory,
		// The queue watches the free space itself and refuses new work in time. The limit of
		// the server is fixed when it starts and cannot follow the disk.
		JetStreamMaxStore: 1 << 60,
	})
	if err != nil {
		return []error{fmt.Errorf("%w: %w", ErrUnavailable, err)}
	}
	log := &serverLog{log: e.log}
	srv.SetLoggerV2(log, false, false, false)
	srv.Start()
	var faults []error
	if srv.ReadyForConnections(30*time.Second) && srv.JetStreamEnabled() {
		faults = health(srv)
	} else {
		faults = []error{fmt.Errorf("%w: the server did not start%s", ErrUnavailable, log.last())}
	}
	if len(faults) > 0 {
		srv.Shutdown()
		srv.WaitForShutdown()
		return faults
	}
	e.mu.Lock()
	e.srv = srv
	e.mu.Unlock()
	return nil
}

func (e *embedded) stop() {
	e.mu.Lock()
	srv := e.srv
	e.srv = nil
	e.mu.Unlock()
	if srv != nil {
		srv.Shutdown()
		srv.WaitForShutdown()
	}
}

// health asks the server whether every stream was recovered and accepts writes.
func (e *embedded) health() error {
	e.mu.Lock()
	srv := e.srv
	e.mu.Unlock()
	if srv == nil {
		return fmt.Errorf("%w: the server is stopped", ErrUnavailable)
	}
	return errors.Join(health(srv)...)
}

func health(srv *server.Server) (faults []error) {
	h := srv.Healthz(&server.HealthzOptions{Details: true})
	// The server checks first whether it accepts connections, allows a millisecond for that,
	// which proves nothing on a busy machine, and stops there if it fails.
	for tries := 0; tries < 100 && len(h.Errors) == 1 && h.Errors[0].Type == server.HealthzErrorConn; tries++ {
		time.Sleep(time.Duration(tries) * time.Millisecond)
		h = srv.Healthz(&server.HealthzOptions{Details: true})
	}
	for _, e := range h.Errors {
		// The server takes every name in its folder for an account, such as the test file
		// of a server that was killed.
		if e.Type == server.HealthzErrorAccount && e.Account != server.DEFAULT_GLOBAL_ACCOUNT {
			continue
		}
		if strings.HasPrefix(e.Stream, ".") { // the folder of a stream that is being deleted
			continue
		}
		// The server has no code that distinguishes the two.
		if e.Type == server.HealthzErrorStream && strings.Contains(e.Error, "could not be recovered") {
			faults = append(faults, &lostStream{e.Stream, e.Error})
		} else {
			faults = append(faults, fmt.Errorf("%w: %s", ErrUnavailable, e.Error))
		}
	}
	return faults
}

// lostStream is a stream that the server could not recover from its files.
type lostStream struct{ name, text string }

func (e *lostStream) Error() string        { return ErrDamaged.Error() + ": " + e.text }
func (e *lostStream) Is(target error) bool { return target == ErrDamaged }

func folderSize(dir string) (bytes int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // for the log only
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			bytes += info.Size()
		}
		return nil
	})
	return bytes
}

// InProcessConn connects the client to the current server.
func (e *embedded) InProcessConn() (net.Conn, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.srv == nil {
		return nil, errors.New("the server is stopped")
	}
	return e.srv.InProcessConn()
}

// close stops the server and unlocks the directory.
func (e *embedded) close() error {
	e.stop()
	return e.lock.Close()
}

// serverLog forwards the log of the server. Notices, which report every restart, are debug
// messages here.
type serverLog struct {
	log *slog.Logger
	mu  sync.Mutex // guards bad
	bad string     // the latest warning or error
}

// recoveries are in the warnings with which the server begins to make an index again that a killed
// process did not write to the end. Its messages are in other files, and none is lost. Damage has
// warnings of its own.
var recoveries = []string{"is outdated; attempting to recover", "Stream state outdated", "Stream state detected prior state", "Stream state too short"}

func (l *serverLog) keep(level slog.Level, f string, a []any) {
	msg := strings.TrimSpace(fmt.Sprintf(f, a...))
	l.mu.Lock()
	l.bad = msg
	l.mu.Unlock()
	l.log.Log(context.Background(), level, "jobs: store", "message", msg)
}

func (l *serverLog) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bad == "" {
		return ""
	}
	return ": " + l.bad
}

func (l *serverLog) Noticef(f string, a ...any) {
	l.log.Debug("jobs: store", "message", strings.TrimSpace(fmt.Sprintf(f, a...)))
}
func (l *serverLog) Debugf(string, ...any) {}
func (l *serverLog) Tracef(string, ...any) {}
func (l *serverLog) Warnf(f string, a ...any) {
	if slices.ContainsFunc(recoveries, func(part string) bool { return strings.Contains(f, part) }) {
		l.log.Info("jobs: the store was not closed before, as when its process was killed; a part of it is read through once more", "message", strings.TrimSpace(fmt.Sprintf(f, a...)))
		return
	}
	l.keep(slog.LevelWarn, f, a)
}
func (l *serverLog) Errorf(f string, a ...any) { l.keep(slog.LevelError, f, a) }

// Fatalf is called where the server would exit. This process continues, and Open or Health
// reports the failure.
func (l *serverLog) Fatalf(f string, a ...any) { l.keep(slog.LevelError, f, a) }
