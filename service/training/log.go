package training

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"
)

// Bounds of what is kept of the output of a command, in bytes.
const (
	keptHead = 16 << 10
	keptTail = 64 << 10
	longLine = 8 << 10 // is divided
)

// flushEvery is how often the file is written at most.
const flushEvery = 2 * time.Second

// commandLog keeps the beginning and the end of what a command writes, without secrets, in memory and in
// a file. A line that is written over with a carriage return, as progress is, counts once.
type commandLog struct {
	secrets []string // the longest first
	file    string

	mu       sync.Mutex // guards the fields below
	line     []byte     // not complete yet
	over     bool       // a carriage return was the last byte: the line is replaced by what follows
	head     []byte
	tail     []byte
	dropped  int // bytes between them
	full     bool
	flushed  time.Time
	flushErr error
}

func newLog(file string, secrets []labelstudio.Secret) *commandLog {
	o := &commandLog{file: file}
	for _, s := range secrets {
		if text := s.Reveal(); text != "" {
			o.secrets = append(o.secrets, text)
		}
	}
	slices.SortFunc(o.secrets, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	return o
}

// Write takes output. It never fails.
func (o *commandLog) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, b := range p {
		switch {
		case b == '\n':
			o.keep(append(o.scrub(o.line), '\n'))
			o.line, o.over = o.line[:0], false
			continue
		case b == '\r':
			o.over = true
			continue
		case o.over:
			o.line, o.over = o.line[:0], false
		}
		if o.line = append(o.line, b); len(o.line) >= longLine {
			o.divide()
		}
	}
	if time.Since(o.flushed) >= flushEvery {
		o.flush()
	}
	return len(p), nil
}

// divide keeps a part of a line that has no end. Its last bytes wait: they may begin a secret.
func (o *commandLog) divide() {
	at := len(o.line)
	if len(o.secrets) > 0 {
		at = max(at-len(o.secrets[0])+1, 1)
	}
	for i := 0; i < len(o.secrets); i++ {
		s := o.secrets[i]
		from := max(at-len(s)+1, 0)
		if n := bytes.Index(o.line[from:min(at+len(s)-1, len(o.line))], []byte(s)); n >= 0 && from+n > 0 {
			at, i = from+n, -1 // before it, where others may lie
		}
	}
	o.keep(o.scrub(o.line[:at]))
	o.line = append(o.line[:0], o.line[at:]...)
}

func (o *commandLog) scrub(line []byte) []byte {
	line = bytes.Clone(line)
	for _, s := range o.secrets {
		line = bytes.ReplaceAll(line, []byte(s), []byte("***"))
	}
	return line
}

// keep adds text to the head or, once that is full, to the tail.
func (o *commandLog) keep(text []byte) {
	if !o.full && len(o.head)+len(text) <= keptHead {
		o.head = append(o.head, text...)
		return
	}
	o.full = true
	if o.tail = append(o.tail, text...); len(o.tail) > 2*keptTail {
		n := len(o.tail) - keptTail
		o.dropped += n
		o.tail = append(o.tail[:0], o.tail[n:]...)
	}
}

// String returns what is kept.
func (o *commandLog) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text()
}

func (o *commandLog) text() string {
	tail, dropped := o.tail, o.dropped
	if n := len(tail) - keptTail; n > 0 {
		tail, dropped = tail[n:], dropped+n
	}
	var b strings.Builder
	b.Write(o.head)
	if dropped > 0 {
		fmt.Fprintf(&b, "... %d bytes left out ...\n", dropped)
	}
	b.Write(tail)
	b.Write(o.scrub(o.line))
	return strings.ToValidUTF8(b.String(), "\ufffd")
}

// flush writes the file. A killed service leaves the one before.
func (o *commandLog) flush() {
	o.flushed = time.Now()
	part := o.file + ".part"
	err := os.MkdirAll(filepath.Dir(o.file), 0o700)
	if err == nil {
		err = os.WriteFile(part, []byte(o.text()), 0o600)
	}
	if err == nil {
		err = os.Rename(part, o.file)
	}
	o.flushErr = err
}

// close writes the file a last time.
func (o *commandLog) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.flush()
	return o.flushErr
}

// Log returns what is kept of the output of the command that runs for a project, or of the last one;
// empty if there is none here.
func (t *Training) Log(project int64) string {
	if o := t.output(project); o != nil {
		return o.String()
	}
	if !t.On() {
		return ""
	}
	raw, err := os.ReadFile(t.logFile(project))
	if err != nil {
		return "" // it was never run here
	}
	return string(raw)
}

func (t *Training) logFile(project int64) string { return filepath.Join(t.folder(project), "last.log") }

// lastLines returns the last lines of a text that are not empty.
func lastLines(text string, most int) []string {
	var out []string
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, " \n"); line != "" {
			out = append(out, line)
		}
	}
	return out[max(len(out)-most, 0):]
}
