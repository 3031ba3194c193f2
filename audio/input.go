package audio

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/asr-backend/asr-backend/internal/pollread"
)

// maxRewind is how much of a stream is kept, so that another decoder can start over.
const maxRewind = 4 << 20

// aheadFrom is from how many bytes on a file is long: four minutes of MP3.
const aheadFrom = 4 << 20

// An input is the bytes of a recording, from the first on.
type input struct {
	name string
	size int64  // of the recording in bytes, -1 if unknown
	path string // where another process finds the same bytes, or ""

	ahead int // of Options

	buf    *bufio.Reader
	src    io.Reader     // what buf reads
	seeker io.ReadSeeker // src, if it can seek
	origin int64         // where in seeker the recording begins
	tape   *tape         // between src and buf of a stream
	closer io.Closer     // nil if the source is the caller's to close
}

// newInput looks at what r can do. The context ends reads from pipes and the like.
func newInput(ctx context.Context, r io.Reader, name string) (*input, error) {
	in := &input{name: name, size: -1, src: r}
	if s, ok := r.(io.ReadSeeker); ok {
		// Pipes and terminals have a Seek method that fails.
		if at, err := s.Seek(0, io.SeekCurrent); err == nil {
			end, err := s.Seek(0, io.SeekEnd)
			if err == nil {
				_, err = s.Seek(at, io.SeekStart)
			}
			if err != nil {
				return nil, &Error{Op: "open", Name: name, Err: err}
			}
			in.seeker, in.origin, in.size = s, at, end-at
		}
	}
	if f, ok := r.(*os.File); ok && in.seeker != nil && in.origin == 0 {
		in.path = pathOf(f)
	}
	if in.seeker == nil {
		if f, ok := r.(*os.File); ok {
			r = pollread.New(ctx, f)
		}
		in.tape = &tape{r: r}
		in.src = in.tape
	}
	in.buf = bufio.NewReaderSize(in.src, 64<<10)
	return in, nil
}

// pathOf returns f's path if another process finds the same file there. Standard input
// and the like have names that mean something else to each process.
func pathOf(f *os.File) string {
	if strings.HasPrefix(f.Name(), "/dev/") || strings.HasPrefix(f.Name(), "/proc/") {
		return ""
	}
	there, err := os.Stat(f.Name())
	if err != nil {
		return ""
	}
	here, err := f.Stat()
	if err != nil || !here.Mode().IsRegular() || !os.SameFile(there, here) {
		return ""
	}
	return f.Name()
}

// peek returns the next n bytes, or fewer if the recording ends before.
func (in *input) peek(n int) ([]byte, error) {
	b, err := in.buf.Peek(n)
	if err == io.EOF {
		err = nil
	}
	return b, err
}

// Read makes an input an io.Reader.
func (in *input) Read(p []byte) (int, error) { return in.buf.Read(p) }

// seekTo moves to an offset of the recording. Without a seeker it fails.
func (in *input) seekTo(offset int64) error {
	if in.seeker == nil {
		return errors.New("cannot seek in a stream")
	}
	if _, err := in.seeker.Seek(in.origin+offset, io.SeekStart); err != nil {
		return err
	}
	in.buf.Reset(in.src)
	return nil
}

// begin makes the present place the first byte of the recording, from which offsets
// count and to which rewind goes.
func (in *input) begin() error {
	if in.tape != nil {
		in.tape.begin(in.buf.Buffered())
		return nil
	}
	at, err := in.offset()
	if err != nil {
		return err
	}
	in.origin += at
	in.size -= at
	return nil
}

// rewind goes back to the first byte, for another decoder to try. A stream can do that
// only while little of it has been read.
func (in *input) rewind() error {
	if in.seeker != nil {
		return in.seekTo(0)
	}
	if !in.tape.rewind() {
		return errors.New("the stream cannot be read twice")
	}
	in.buf.Reset(in.src)
	return nil
}

// commit says that nobody will rewind any more.
func (in *input) commit() {
	if in.tape != nil {
		in.tape.stop()
	}
}

// workers returns how many goroutines decode the recording ahead of its reader: none if it is no file, where they
// would wait for bytes and could not be stopped.
func (in *input) workers() int {
	if in.path != "" && in.size >= aheadFrom {
		return in.ahead
	}
	return 0
}

// wrap makes an error one of this recording, keeping a hint it may carry.
func (in *input) wrap(op string, err error) error {
	wrapped := &Error{Op: op, Name: in.name, Err: err}
	if inner, ok := errors.AsType[*Error](err); ok {
		wrapped.Hint = inner.Hint
		if inner == err {
			wrapped.Err = inner.Err
		}
	}
	return wrapped
}

func (in *input) close() error {
	if in.closer == nil {
		return nil
	}
	return in.closer.Close()
}

// A tape keeps the head of a stream until it is stopped or full.
type tape struct {
	r    io.Reader
	kept []byte
	at   int  // of kept, while it is played again
	off  bool // nothing is kept any more
}

func (t *tape) Read(p []byte) (int, error) {
	if t.at < len(t.kept) {
		n := copy(p, t.kept[t.at:])
		t.at += n
		return n, nil
	}
	n, err := t.r.Read(p)
	if !t.off {
		if len(t.kept)+n > maxRewind {
			t.off, t.kept, t.at = true, nil, 0
		} else {
			t.kept = append(t.kept, p[:n]...)
			t.at = len(t.kept)
		}
	}
	return n, err
}

func (t *tape) rewind() bool {
	if t.off {
		return false
	}
	t.at = 0
	return true
}

// begin forgets everything but the last n bytes read.
func (t *tape) begin(n int) {
	if t.off {
		return
	}
	t.kept = t.kept[max(0, t.at-n):]
	t.at = min(n, t.at)
}

func (t *tape) stop() {
	t.off = true
	t.kept = slices.Clone(t.kept[t.at:])
	t.at = 0
}

// offset returns how many bytes of the recording were read. It needs a seeker.
func (in *input) offset() (int64, error) {
	at, err := in.seeker.Seek(0, io.SeekCurrent)
	return at - in.origin - int64(in.buf.Buffered()), err
}

// tail returns the last n bytes of the recording, or nothing if it is a stream, and
// stays where it is.
func (in *input) tail(n int64) ([]byte, error) {
	if in.seeker == nil {
		return nil, nil
	}
	at, err := in.offset()
	if err != nil {
		return nil, err
	}
	if err := in.seekTo(max(0, in.size-n)); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(in.src, n))
	if err != nil {
		return nil, err
	}
	return b, in.seekTo(at)
}

// skip passes over up to n bytes and returns over how many it did.
func (in *input) skip(n int64) (int64, error) {
	if in.seeker == nil {
		done, err := io.CopyN(io.Discard, in.buf, n)
		if err == io.EOF {
			err = nil
		}
		return done, err
	}
	at, err := in.offset()
	if err != nil {
		return 0, err
	}
	n = max(0, min(n, in.size-at))
	return n, in.seekTo(at + n)
}
