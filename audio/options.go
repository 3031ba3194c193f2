package audio

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/asr-backend/asr-backend/timeline"
)

// Options say what to take from a recording. The zero value mixes all of it to mono.
type Options struct {
	// Name is what errors call a file in place of its path. OpenReader takes none.
	Name string
	// Channels chooses between the mean of all channels, all of them, and one.
	Channels Channels
	// Start and End cut a part out; an End of zero is the end of the recording. Positions
	// in blocks still count from the recording's first sample.
	Start, End time.Duration
	// FFmpeg is the path of ffmpeg. Empty looks in PATH; NoFFmpeg never runs it.
	FFmpeg string
	// Track chooses among several audio tracks, counted from 1. Zero takes the one that the
	// container flags as the default, and a diagnostic says which that was.
	Track int
	// SpoolLimit is how many bytes of a stream may be copied to a temporary file, as formats
	// that ffmpeg decodes need seeking. Zero is DefaultSpoolLimit.
	SpoolLimit int64
	// Ahead is how many goroutines decode a long file of MP3 or FLAC ahead of Next, from Open or the first call on.
	// With zero, Next decodes by itself. More than DefaultAhead gain nothing.
	Ahead int
}

// DefaultAhead is how many goroutines make decoding about as fast as mixing and resampling, which Next does. Each
// takes up to 2 MB.
const DefaultAhead = 4

func (o Options) spoolLimit() int64 {
	if o.SpoolLimit == 0 {
		return DefaultSpoolLimit
	}
	return o.SpoolLimit
}

// NoFFmpeg as Options.FFmpeg keeps this package from running any other program.
const NoFFmpeg = "off"

// Channels says what becomes of the channels of a recording.
type Channels int

// Mix and Split are all channels in one, and each for itself.
const (
	Mix   Channels = 0
	Split Channels = -1
)

// Only takes channel n, counted from zero.
func Only(n int) Channels { return Channels(n + 1) }

// ParseChannels reads "mix", "split" or the number of a channel, counted from zero.
func ParseChannels(s string) (Channels, error) {
	switch s {
	case "mix":
		return Mix, nil
	case "split":
		return Split, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n >= maxChannels {
		return Mix, fmt.Errorf("channels %q: want mix, split or a number from 0 to %d", s, maxChannels-1)
	}
	return Only(n), nil
}

// among returns an error if the one channel asked for is none of n.
func (c Channels) among(n int) error {
	if int(c) <= n {
		return nil
	}
	return &Error{Err: fmt.Errorf("no channel %v: the recording has %d", c, n), Hint: "channels are counted from 0"}
}

// String returns what ParseChannels reads.
func (c Channels) String() string {
	switch {
	case c == Mix:
		return "mix"
	case c == Split:
		return "split"
	}
	return strconv.Itoa(int(c) - 1)
}

func (o Options) validate() error {
	switch {
	case o.Channels < Split || o.Channels > maxChannels:
		return fmt.Errorf("channel %d does not exist", int(o.Channels)-1)
	case o.Track < 0:
		return fmt.Errorf("track %d does not exist: tracks are counted from 1", o.Track)
	case o.Ahead < 0:
		return fmt.Errorf("%d goroutines that decode", o.Ahead)
	case o.SpoolLimit < 0:
		return fmt.Errorf("a spool limit of %d bytes", o.SpoolLimit)
	case o.Start < 0:
		return errors.New("start is before the recording")
	case o.End < 0 || o.End != 0 && timeline.SampleAt(o.End) <= timeline.SampleAt(o.Start):
		return errors.New("end is not after start")
	}
	return nil
}
