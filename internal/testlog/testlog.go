// Package testlog keeps what a program under test logs. Loggers write from many
// goroutines while a test reads, which a bytes.Buffer does not allow.
package testlog

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

// Buffer is a log that can be read while it is written. Its zero value is empty.
type Buffer struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

// Write adds to the log.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// String returns the log so far.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// Count returns how many lines of a log of JSON have a message.
func (b *Buffer) Count(message string) int {
	return strings.Count(b.String(), fmt.Sprintf(`"msg":%q`, message))
}

// Show prints the log at the end of the test, if that has failed.
func (b *Buffer) Show(tb testing.TB) {
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("log:\n%s", b)
		}
	})
}

// New returns a logger whose log is shown if the test fails.
func New(tb testing.TB) *slog.Logger {
	b := new(Buffer)
	b.Show(tb)
	return slog.New(slog.NewTextHandler(b, nil))
}
