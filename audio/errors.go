package audio

import (
	"errors"

	"github.com/asr-backend/asr-backend/timeline"
)

// What can be wrong with a recording. Errors of this package wrap at most one of these;
// others come from the file system, the reader or the context.
var (
	// ErrEmpty: there is not one sample of sound.
	ErrEmpty = errors.New("no audio in it")
	// ErrNotAudio: the content is not that of any sound or video file.
	ErrNotAudio = errors.New("not an audio file")
	// ErrUnsupported: it is sound, but of a kind that cannot be decoded here.
	ErrUnsupported = errors.New("unsupported audio format")
	// ErrProtected: it is encrypted, and only a shop's own player has the key.
	ErrProtected = errors.New("protected (DRM)")
	// ErrNoFFmpeg: it could be decoded by ffmpeg, which is not there.
	ErrNoFFmpeg = errors.New("ffmpeg not found")
	// ErrDamaged: it is sound, but nothing of it can be decoded.
	ErrDamaged = errors.New("damaged audio file")
)

// A notBuiltIn error reports that the decoder in this program cannot take a file of a
// format that it knows; ffmpeg may.
type notBuiltIn struct{ what string }

func (e *notBuiltIn) Error() string { return "no built-in decoder for " + e.what }

// An Error says which recording failed at what.
type Error struct {
	Op   string // "open" or "read"
	Name string // path, or the name given to OpenReader
	Err  error
	Hint string // what a person can do about it, or empty
}

// Error returns one line without the hint.
func (e *Error) Error() string { return e.Op + " " + e.Name + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// A Diagnostic is something wrong with a recording that did not keep it from being read.
type Diagnostic struct {
	Kind Kind
	At   timeline.Sample // where it begins
	Text string          // a sentence for people
}

// A Kind is a class of diagnostics. Its value is a stable word for machines.
type Kind string

// The kinds of diagnostics.
const (
	// Truncated: the file ends before what its header or last page announces.
	Truncated Kind = "truncated"
	// Damaged: something could not be decoded, and silence or nothing stands for it.
	Damaged Kind = "damaged"
	// Mislabelled: the header contradicts the content, which was believed instead.
	Mislabelled Kind = "mislabelled"
	// Partial: the file holds more sound than was taken.
	Partial Kind = "partial"
	// Inverted: channels cancel each other in the mix, so that some were left out.
	Inverted Kind = "inverted"
	// Duplicate: several channels carry the same sound.
	Duplicate Kind = "duplicate"
	// Outside: the part asked for reaches past the end of the recording.
	Outside Kind = "outside"
)
