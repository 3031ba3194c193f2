package lm

import (
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

const (
	zstdMagic = "\x28\xb5\x2f\xfd"
	// largest is how long a compressed file may become, which a damaged one could claim to
	// be of any length.
	largest = 8 << 30
)

func decompress(b []byte) ([]byte, error) {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(largest))
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	defer d.Close()
	out, err := d.DecodeAll(b, make([]byte, 0, sizeHint(b)))
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	return out, nil
}

// sizeHint guesses how long a file gets. A frame that was written as a stream does not say.
func sizeHint(b []byte) uint64 {
	const usual, most = 3, 256 << 20 // models of words get two to three times as long
	var head zstd.Header
	if head.Decode(b) == nil && head.HasFCS {
		return min(head.FrameContentSize, most)
	}
	return min(usual*uint64(len(b)), most)
}

// Compress returns a writer that compresses with zstd as well as it can. The same input gives
// the same bytes.
func Compress(w io.Writer) (io.WriteCloser, error) {
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithWindowSize(32<<20))
	if err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	return z, nil
}
