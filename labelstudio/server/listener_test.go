package server_test

import (
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"testing"

	"github.com/asr-backend/asr-backend/labelstudio/server"

	"golang.org/x/sys/unix"
)

// exhausted is a listener whose first attempts to accept fail.
type exhausted struct {
	net.Listener
	failures atomic.Int64
	err      error
}

func (l *exhausted) Accept() (net.Conn, error) {
	if l.failures.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", l.err)}
	}
	return l.Listener.Accept()
}

func listen(t *testing.T, failures int64, err error) *exhausted {
	t.Helper()
	ln, listenErr := net.Listen("tcp", "127.0.0.1:0")
	if listenErr != nil {
		t.Fatal(listenErr)
	}
	l := &exhausted{Listener: ln, err: err}
	l.failures.Store(failures)
	return l
}

// A process that was out of descriptors answers again once it has some.
func TestAServerOutlastsFailuresToAccept(t *testing.T) {
	for _, err := range []error{unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM, unix.ECONNABORTED} {
		b, newErr := server.New(server.Options{Model: model{}})
		if newErr != nil {
			t.Fatal(newErr)
		}
		ln := listen(t, 4, err)
		served := make(chan error, 1)
		go func() { served <- b.Serve(ln) }()
		w, getErr := http.Get("http://" + ln.Addr().String() + "/health")
		if getErr != nil {
			t.Fatalf("%v: %v", err, getErr)
		}
		w.Body.Close()
		if err := b.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	}
}

// A listener that is broken for good ends the server, so that a supervisor can see it.
func TestABrokenListenerEndsTheServer(t *testing.T) {
	b, err := server.New(server.Options{Model: model{}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Shutdown(t.Context()) }()
	if err := b.Serve(listen(t, 1000, unix.EBADF)); err == nil {
		t.Error("Serve reports no error")
	}
}
