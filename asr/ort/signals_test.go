package ort

import (
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// action is the kernel's struct sigaction on 64-bit Linux.
type action struct {
	handler, flags, restorer, mask uint64
}

const (
	onStack = 0x08000000 // SA_ONSTACK
	foreign = 60         // a signal that nobody sends
	another = syscall.SIGUSR2
)

func sigaction(t *testing.T, s syscall.Signal, set *action) (was action) {
	t.Helper()
	if _, _, err := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(set)), uintptr(unsafe.Pointer(&was)), 8, 0, 0); err != 0 {
		t.Fatal(err)
	}
	return was
}

// replace installs a handler as CUDA does, without SA_ONSTACK.
func replace(t *testing.T, s syscall.Signal) {
	t.Helper()
	a := sigaction(t, s, nil)
	a.handler++ // it is never called
	a.flags &^= onStack
	sigaction(t, s, &a)
}

func newTestHandlers(t *testing.T) *handlers {
	t.Helper()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("the layout of struct sigaction is that of Linux on amd64")
	}
	h, err := newHandlers()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.close)
	return h
}

// A model is loaded while another runs: the step that begins in the midst of the other sees
// handlers that are not the process's own.
func TestHandlersComeBackFromStepsThatOverlap(t *testing.T) {
	h := newTestHandlers(t)
	before := sigaction(t, foreign, nil)
	if before.flags&onStack == 0 {
		t.Fatalf("Go's own handler has the flags %#x", before.flags)
	}
	replaced, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		<-replaced
		_ = h.keep(func() error { return nil })
		replace(t, foreign)
		_ = h.keep(func() error { return nil })
	}()
	_ = h.keep(func() error {
		replace(t, foreign)
		close(replaced)
		<-ended
		replace(t, foreign)
		return nil
	})
	if now := sigaction(t, foreign, nil); now != before {
		t.Errorf("the handler is %+v, was %+v", now, before)
	}
}

// What os/signal installs after the library was opened is the process's own as well.
func TestHandlersThatAreInstalledLaterComeBack(t *testing.T) {
	signal.Ignore(another)
	h := newTestHandlers(t)
	c := make(chan os.Signal, 1)
	signal.Notify(c, another)
	defer signal.Reset(another)
	before := sigaction(t, another, nil)
	_ = h.keep(func() error { replace(t, another); return nil })
	if now := sigaction(t, another, nil); now != before {
		t.Fatalf("the handler is %+v, was %+v", now, before)
	}
	if err := syscall.Kill(syscall.Getpid(), another); err != nil {
		t.Fatal(err)
	}
	select {
	case <-c:
	case <-time.After(10 * time.Second):
		t.Error("the signal did not arrive")
	}
}

// A model takes seconds to load, and a signal may come meanwhile.
func TestHandlersComeBackDuringALongStep(t *testing.T) {
	h := newTestHandlers(t)
	before := sigaction(t, foreign, nil)
	_ = h.keepLong(func() error {
		replace(t, foreign)
		for end := time.Now().Add(10 * time.Second); sigaction(t, foreign, nil) != before; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Error("the handler is not back while the step goes on")
				break
			}
		}
		return nil
	})
}
