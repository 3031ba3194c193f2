// Package audio opens any recording and gives its sound as float32 samples at 16 kHz,
// in blocks that know their place on the time line.
//
// A recording passes through four steps, in constant memory whatever its length:
//
//	bytes ── what is it? ── decode ── channels ── resample ──> Block
//
// What a file is, its content says and never its name. WAV, FLAC, MP3 and Ogg Opus are
// decoded in this program; everything else (AAC in MP4, Vorbis, WebM, AMR, video, ...)
// by ffmpeg, if there is one, and if not the error says so.
//
// # Time
//
// Sample n of the output is the sound at n/16000 seconds of what a browser or ffmpeg
// plays: encoder delay and padding are cut away, and the resampler has no delay. A
// recording of N frames at rate r has N·16000/r samples, rounded to the nearest; blocks
// follow each other without a gap, and how they are cut depends on nothing but Options.
// Where sound is damaged, silence takes the place of what was lost if its length can be
// known, so that everything after it stays where it was. Gaps in the positions that a
// container gives are silence too, up to 24 hours in all of a recording; what goes beyond is
// closed up, and said.
//
// # Truth
//
// A header's claim and the real content are kept apart: Info holds what was declared,
// Length what was found, and Diagnostics says where the two differ. Sound that ends too
// early is returned up to its end, and a diagnostic gives the second. io.EOF from Next
// is the only good end.
//
// # Channels
//
// Mix is the mean of all channels, made before resampling; where a channel would cancel
// another it is left out, and a diagnostic says so. Split keeps them apart, and Only takes
// one of them.
package audio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/asr-backend/asr-backend/audio/internal/mpeg"
)

// Open opens the recording at path: a file, or a named pipe, which it waits for. The context
// bounds the opening and the life of the whole stream: when it ends, Open and Next fail with
// its error, and a decoder outside this process is stopped.
func Open(ctx context.Context, path string, o Options) (*Stream, error) {
	return openPath(ctx, path, o, newStream)
}

// openPath opens a file and sets up a stream on it with construct.
func openPath[S any](ctx context.Context, path string, o Options, construct constructor[S]) (stream S, err error) {
	name := cmp.Or(o.Name, path)
	f, err := openFile(path)
	if err != nil {
		return stream, (&input{name: name}).wrap("open", err)
	}
	in, err := newInput(ctx, f, name)
	if err == nil {
		in.closer = f
		if stream, err = open(ctx, in, o, construct); err == nil {
			return stream, nil
		}
	}
	f.Close()
	return stream, err
}

type constructor[S any] func(context.Context, *input, decoder, Options) (S, error)

// OpenReader opens the recording that r holds from where it stands; name is what errors
// call it. An io.ReadSeeker that can seek is used as one, which some formats need.
// Closing the stream does not close r. A read from an os.File ends with the context; one
// that blocks in another reader is its owner's to interrupt.
func OpenReader(ctx context.Context, r io.Reader, name string, o Options) (*Stream, error) {
	in, err := newInput(ctx, r, name)
	if err != nil {
		return nil, err
	}
	return open(ctx, in, o, newStream)
}

// open sets up a stream on an input. The input's closer is the caller's until open succeeds.
func open[S any](ctx context.Context, in *input, o Options, construct constructor[S]) (stream S, err error) {
	d, err := start(ctx, in, o)
	if err != nil {
		return stream, err
	}
	if stream, err = construct(ctx, in, d, o); err != nil {
		return stream, in.wrap("open", closeAfter(d, err))
	}
	return stream, nil
}

// start checks the options and finds the decoder for an input.
func start(ctx context.Context, in *input, o Options) (decoder, error) {
	if err := o.validate(); err != nil {
		return nil, &Error{Op: "open", Name: in.name, Err: err}
	}
	if err := ctx.Err(); err != nil {
		return nil, &Error{Op: "open", Name: in.name, Err: err}
	}
	in.ahead = o.Ahead
	d, err := openDecoder(ctx, in, o)
	if err != nil {
		return nil, in.wrap("open", err)
	}
	if _, ok := d.(*ffmpegDecoder); !ok && o.Track > 1 {
		err := &Error{Err: fmt.Errorf("no audio track %d: the recording has 1", o.Track), Hint: "tracks are counted from 1"}
		return nil, in.wrap("open", closeAfter(d, err))
	}
	return d, nil
}

// closeAfter closes a decoder that is not wanted because of err.
func closeAfter(d decoder, err error) error {
	if failed := d.close(); failed != nil {
		return errors.Join(err, failed)
	}
	return err
}

// openDecoder chooses by content: a decoder of our own, or ffmpeg where there is none,
// where it finds something that it does not know, and where it refuses.
func openDecoder(ctx context.Context, in *input, o Options) (decoder, error) {
	f, err := in.sniff()
	if err != nil {
		return nil, err
	}
	if f.not {
		return nil, &Error{
			Err:  fmt.Errorf("%w: it is %s", ErrNotAudio, f.name),
			Hint: "check the link or the path: what is there is not the recording",
		}
	}
	if f.open != nil {
		d, err := f.open(in)
		foreign, ok := errors.AsType[*notBuiltIn](err)
		switch {
		case ok:
			f.name = foreign.what
		case refused(err):
			return askFFmpeg(ctx, in, f, o, err)
		default:
			return d, err
		}
		if err := in.rewind(); err != nil {
			return nil, err
		}
	}
	if f.name == "" {
		if named, ok := headerless[strings.ToLower(filepath.Ext(in.name))]; ok {
			f = named
		}
	}
	return openFFmpeg(ctx, in, f, o)
}

// sniff finds out the format. It passes over ID3 tags, which players tolerate before
// any kind of file.
func (in *input) sniff() (format, error) {
	for {
		head, err := in.peek(sniffLen)
		if err != nil {
			return unknown, err
		}
		if len(head) == 0 {
			return unknown, &Error{Err: ErrEmpty, Hint: "was the file fully written, or the upload finished?"}
		}
		n := mpeg.TagSize(head)
		if n == 0 || string(head[:3]) != "ID3" {
			return sniff(head, len(head) < sniffLen), nil
		}
		if _, err := in.skip(n); err != nil {
			return unknown, err
		}
		if err := in.begin(); err != nil {
			return unknown, err
		}
	}
}
