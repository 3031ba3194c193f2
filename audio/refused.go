package audio

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// refused reports whether a decoder of our own gave a recording up because of what is in
// it, and not because it could not be read.
func refused(err error) bool {
	return errors.Is(err, ErrDamaged) || errors.Is(err, ErrUnsupported)
}

// askFFmpeg opens with ffmpeg what a decoder of our own refused with the given error. If
// ffmpeg cannot either, or is not there, that error stays.
func askFFmpeg(ctx context.Context, in *input, f format, o Options, refusal error) (decoder, error) {
	if _, err := lookFFmpeg(o.FFmpeg); err != nil {
		return nil, refusal
	}
	if err := in.rewind(); err != nil {
		return nil, refusal // too much of a stream was read to read it again
	}
	own := &Error{Err: refusal}
	if e, ok := errors.AsType[*Error](refusal); ok {
		own.Err, own.Hint = e.Err, e.Hint
	}
	d, err := openFFmpeg(ctx, in, f, o)
	if ctx.Err() != nil {
		return d, err
	}
	if err != nil {
		if e, ok := errors.AsType[*Error](err); ok {
			err = e.Err
		}
		// Only one of the two kinds of error counts: ours.
		return nil, &Error{Err: fmt.Errorf("%w; nor can ffmpeg read it: %v", own.Err, err), Hint: own.Hint}
	}
	_, reason, _ := strings.Cut(own.Err.Error(), ": ") // without the kind of error
	d.(*ffmpegDecoder).note(Damaged, 0, fmt.Sprintf(
		"The built-in %s decoder refused the file, and ffmpeg decoded it: %s.", f.name, reason))
	return d, nil
}
