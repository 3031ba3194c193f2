package audio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/asr-backend/asr-backend/internal/diskspace"
)

// DefaultSpoolLimit is what Options.SpoolLimit means by zero: 16 GiB, a day of sound on a
// compact disc.
const DefaultSpoolLimit = 16 << 30

// spoolReserve is how many bytes a spooled recording leaves free on the file system, for
// everything else that writes there.
const spoolReserve = 64 << 20

// spoolStep is how many bytes are copied between looks at the free space.
const spoolStep = 16 << 20

// spool copies the recording to a temporary file. The file has no name: it is gone when it
// is closed and the program that it was handed to ends, however either of them ends.
func (in *input) spool(ctx context.Context, limit int64) (*os.File, error) {
	f, err := os.CreateTemp("", "asr-backend-*")
	if err != nil {
		return nil, fmt.Errorf("copy to a temporary file: %w", err)
	}
	if err = os.Remove(f.Name()); err == nil {
		err = in.copyTo(ctx, f, limit)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (in *input) copyTo(ctx context.Context, f *os.File, limit int64) error {
	folder := os.TempDir()
	for done := int64(0); ; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if free, err := diskspace.Free(folder); err == nil && free < spoolReserve+spoolStep {
			return &Error{
				Err:  fmt.Errorf("copy to a temporary file: only %d MB are free in %s after %d MB", free/1e6, folder, done/1e6),
				Hint: "make room there, set TMPDIR to a larger folder, or give the recording as a file instead of a stream",
			}
		}
		if done == limit {
			if more, err := in.peek(1); err != nil || len(more) == 0 {
				return err
			}
			return &Error{
				Err:  fmt.Errorf("copy to a temporary file: the stream has more than the %d MB that are allowed", limit/1e6),
				Hint: "give the recording as a file instead of a stream, or allow more; does the stream end at all?",
			}
		}
		n, err := io.CopyN(f, readerFunc(func(p []byte) (int, error) {
			if ctx.Err() != nil {
				return 0, context.Cause(ctx)
			}
			return in.Read(p)
		}), min(spoolStep, limit-done))
		done += n
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("copy to a temporary file: %w", err)
		}
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
