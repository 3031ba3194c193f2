package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/asr-backend/asr-backend/internal/pollread"
	"github.com/asr-backend/asr-backend/internal/without"

	"golang.org/x/sys/unix"
)

// OpenInput opens a file that a command reads as a whole: a text, an export. A named pipe
// that nobody writes to does not keep the program from stopping. Errors are of wrong usage.
func OpenInput(ctx context.Context, path string) (io.ReadCloser, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, &UsageError{fmt.Errorf("%s: %w", path, without.Path(err))}
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, &UsageError{errors.Join(fmt.Errorf("%s is a folder", path), f.Close())}
	}
	return struct {
		io.Reader
		io.Closer
	}{pollread.New(ctx, f), f}, nil
}
