package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/asr-backend/asr-backend/internal/pause"

	"golang.org/x/sys/unix"
)

// patientListener accepts connections through errors that pass: without it, fasthttp ends the
// server for good when a process or a machine is out of descriptors or memory for a moment.
type patientListener struct {
	net.Listener
	ctx context.Context // ends with the server
	log *slog.Logger
}

// The pauses between two attempts to accept, as net/http makes them.
const (
	firstPause = 5 * time.Millisecond
	mostPause  = time.Second
)

func newPatientListener(ctx context.Context, ln net.Listener, log *slog.Logger) net.Listener {
	return &patientListener{Listener: ln, ctx: ctx, log: log}
}

// Accept implements net.Listener. It fails when the listener was closed or is broken.
func (l *patientListener) Accept() (net.Conn, error) {
	for wait := firstPause; ; wait = min(2*wait, mostPause) {
		conn, err := l.Listener.Accept()
		if err == nil || !passing(err) || l.ctx.Err() != nil {
			return conn, err
		}
		if wait == firstPause {
			l.log.Error("connections are not accepted at the moment; trying again", keyError, err)
		}
		_ = pause.For(l.ctx, wait) // once ctx has ended, the next error is returned
	}
}

// passing reports whether a failure to accept says nothing against the next attempt.
func passing(err error) bool {
	for _, number := range []error{unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM, unix.ECONNABORTED, unix.EINTR, unix.EAGAIN, unix.EPROTO, unix.ENETDOWN, unix.EHOSTUNREACH} {
		if errors.Is(err, number) {
			return true
		}
	}
	return false
}

const mostConnections = 16384

// connections returns how many connections are served at once: at most half of the
// descriptors that the process may have, since recordings, the store and Label Studio need
// some. Beyond them a client gets 503.
func connections() int {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil || limit.Cur > 2*mostConnections {
		return mostConnections
	}
	return max(int(limit.Cur)/2, 1)
}
