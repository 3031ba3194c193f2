package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// engine is the NATS server inside this process. It opens no socket, syncs every write
// before it is acknowledged, and can be stopped and started again under a connection,
// which reconnects: a stream whose disk once refused a write takes no further writes until
// then.
type engine struct {
	dir   string
	fresh bool // nothing has been stored yet
	lock  *os.File
	log   *slog.Logger

	mu  sync.Mutex // guards srv
	srv *server.Server
}

// openEngine takes the directory and starts the server on it.
func openEngine(o *Options) (*engine, error) {
	lock, err := lockDir(o.Dir)
	if err != nil {
		return nil, err
	}
	e := &engine{dir: o.Dir, lock: lock, log: o.Logger}
	cleanDir(o.Dir)
	if err = e.admit(o); err == nil {
		err = e.start()
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return e, nil
}

// admit refuses a directory that cannot be served, before the server touches it.
func (e *engine) admit(o *Options) error {
	var s stamp
	stamped, err := readFile(e.dir, stampFile, &s)
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
	e.fresh = !stamped || s.Making
	server := filepath.Join(e.dir, serverDir)
	switch _, err := os.Stat(server); {
	case err == nil && !stamped:
		return &Error{Err: fmt.Errorf("%w: there is a folder %s and no %s", ErrDamaged, serverDir, stampFile),
			Advice: "the folder was not made by this program, or the file was lost; choose an empty directory, or restore this one from a backup"}
	case s.Making:
		// A process was killed while it made the streams; a half-made one cannot be opened.
		if err := os.RemoveAll(server); err != nil {
			return diskError(err)
		}
	}
	if e.fresh {
		return writeFile(e.dir, stampFile, stamp{Format: format, Prefix: o.Prefix, Making: true})
	}
	return nil
}

// made notes that all streams are there. From now on one that is missing was lost.
func (e *engine) made(o *Options) error {
	if !e.fresh {
		return nil
	}
	e.fresh = false
	return writeFile(e.dir, stampFile, stamp{Format: format, Prefix: o.Prefix})
}

// maxMemory bounds streams kept in memory. Nothing durable lives there, only the state of
// the watch.
const maxMemory = 64 << 20

func (e *engine) start() error {
	srv, err := server.NewServer(&server.Options{
		ServerName: "asr-backend", DontListen: true, NoSigs: true, DisableJetStreamBanner: true,
		JetStream: true, StoreDir: e.dir, SyncAlways: true,
		JetStreamMaxMemory: maxMemory,
		// The space on the disk is watched by the queue, which refuses new work in time;
		// the server's own limit is set when it starts and cannot follow the disk.
		JetStreamMaxStore: 1 << 60,
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	log := &serverLog{log: e.log}
	srv.SetLoggerV2(log, false, false, false)
	srv.Start()
	ok := srv.ReadyForConnections(30*time.Second) && srv.JetStreamEnabled()
	if ok {
		err = health(srv)
	} else {
		err = fmt.Errorf("%w: the server did not start%s", ErrUnavailable, log.last())
	}
	if err != nil {
		srv.Shutdown()
		srv.WaitForShutdown()
		return err
	}
	e.mu.Lock()
	e.srv = srv
	e.mu.Unlock()
	return nil
}

func (e *engine) stop() {
	e.mu.Lock()
	srv := e.srv
	e.srv = nil
	e.mu.Unlock()
	if srv != nil {
		srv.Shutdown()
		srv.WaitForShutdown()
	}
}

// health asks the server whether every stream was recovered and takes writes.
func (e *engine) health() error {
	e.mu.Lock()
	srv := e.srv
	e.mu.Unlock()
	if srv == nil {
		return fmt.Errorf("%w: the server is stopped", ErrUnavailable)
	}
	return health(srv)
}

func health(srv *server.Server) error {
	h := srv.Healthz(&server.HealthzOptions{Details: true})
	// It gives itself a millisecond to find out whether it accepts connections, which on a
	// busy machine says nothing, and then looks at nothing else.
	for tries := 0; tries < 100 && len(h.Errors) == 1 && h.Errors[0].Type == server.HealthzErrorConn; tries++ {
		time.Sleep(time.Duration(tries) * time.Millisecond)
		h = srv.Healthz(&server.HealthzOptions{Details: true})
	}
	var errs []error
	for _, e := range h.Errors {
		// It takes every name in its folder for an account, such as the file with which a
		// server that was killed had tried whether it can write there.
		if e.Type == server.HealthzErrorAccount && e.Account != server.DEFAULT_GLOBAL_ACCOUNT {
			continue
		}
		// The texts are the server's; there is no code that tells the two apart.
		kind := ErrUnavailable
		if e.Type == server.HealthzErrorStream && strings.Contains(e.Error, "could not be recovered") {
			kind = ErrDamaged
		}
		errs = append(errs, fmt.Errorf("%w: %s", kind, e.Error))
	}
	return errors.Join(errs...)
}

// InProcessConn gives the client a connection to the server as it is now.
func (e *engine) InProcessConn() (net.Conn, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.srv == nil {
		return nil, errors.New("the server is stopped")
	}
	return e.srv.InProcessConn()
}

// close stops the server and gives the directory back.
func (e *engine) close() error {
	e.stop()
	return e.lock.Close()
}

// serverLog passes the server's log on. Notices, which tell of every restart, are of
// interest only when something is looked for.
type serverLog struct {
	log *slog.Logger
	mu  sync.Mutex // guards bad
	bad string     // the latest warning or error
}

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
func (l *serverLog) Debugf(string, ...any)     {}
func (l *serverLog) Tracef(string, ...any)     {}
func (l *serverLog) Warnf(f string, a ...any)  { l.keep(slog.LevelWarn, f, a) }
func (l *serverLog) Errorf(f string, a ...any) { l.keep(slog.LevelError, f, a) }

// Fatalf is called where the server would end the process; here the process goes on and
// Open or Health tells.
func (l *serverLog) Fatalf(f string, a ...any) { l.keep(slog.LevelError, f, a) }
