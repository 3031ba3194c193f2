package audio

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// An ffmpegTrack is an audio track of a file.
type ffmpegTrack struct {
	index           int // of the stream in the file, counted from 0
	codec           string
	language, title string
	chosen          bool // flagged as the default
	side            bool // a commentary, or for people who cannot see or hear
	playable        bool // it has a codec and channels
	protected       bool
}

// stream takes what follows "Stream #0:" in ffmpeg's description of its input, such as
// "1[0x102](deu): Audio: aac (LC) (mp4a / 0x6134706D), 48000 Hz, stereo, fltp (default)".
// It returns the track, nil if it is none or was seen: programs may share streams.
func (f *ffmpegFacts) stream(s string) *ffmpegTrack {
	name, s, ok := strings.Cut(s, ": ")
	if !ok {
		return nil
	}
	kind, s, _ := strings.Cut(s, ": ")
	codec, _, _ := strings.Cut(s, ",")
	if kind != "Audio" {
		f.video = f.video || kind == "Video"
		codec, _, _ = strings.Cut(codec, " ")
		if codec != "" && len(f.others) < maxStreams {
			f.others = append(f.others, codec)
		}
		return nil
	}
	digits := strings.IndexFunc(name, func(r rune) bool { return r < '0' || r > '9' })
	if digits < 0 {
		digits = len(name)
	}
	index, err := strconv.Atoi(name[:digits])
	if err != nil || len(f.tracks) >= maxStreams {
		return nil
	}
	t := ffmpegTrack{index: index}
	t.codec, _, _ = strings.Cut(codec, " (0x")
	if _, language, ok := strings.Cut(name[digits:], "("); ok {
		t.language = shorten(strings.TrimSuffix(language, ")"))
	}
	has := func(part string) bool { return strings.Contains(s, part) }
	t.chosen = has(" (default)")
	t.side = has(" (comment)") || has(" (visual impaired)") || has(" (hearing impaired)") || has(" (descriptions)")
	t.playable = !has(", 0 channels") && !strings.HasPrefix(s, "none")
	t.protected = has("(drms /") || has("(enca /") || has("(aavd /")
	at, seen := slices.BinarySearchFunc(f.tracks, index, func(t ffmpegTrack, index int) int { return t.index - index })
	if seen {
		return nil
	}
	f.tracks = slices.Insert(f.tracks, at, t)
	return &f.tracks[at]
}

// pick returns the place in f.tracks of the track with the given number, counted from 1. Of
// number 0 it is the first that the container flags as the default, or the first. A
// commentary or a track without a known codec is taken only where there is nothing else to
// choose from.
func (f *ffmpegFacts) pick(number int) (int, error) {
	if number > len(f.tracks) {
		return 0, &Error{
			Err:  fmt.Errorf("no audio track %d: the recording has %d", number, len(f.tracks)),
			Hint: "tracks are counted from 1",
		}
	}
	if number > 0 {
		return number - 1, nil
	}
	for _, good := range []func(t ffmpegTrack) bool{
		func(t ffmpegTrack) bool { return t.playable && t.chosen && !t.side },
		func(t ffmpegTrack) bool { return t.playable && t.chosen },
		func(t ffmpegTrack) bool { return t.playable && !t.side },
		func(t ffmpegTrack) bool { return t.playable },
	} {
		if i := slices.IndexFunc(f.tracks, good); i >= 0 {
			return i, nil
		}
	}
	return 0, nil
}

// describeTracks says which of several tracks was taken.
func (f *ffmpegFacts) describeTracks(taken int) string {
	t := f.tracks[taken]
	why := ""
	if t.chosen && !slices.ContainsFunc(f.tracks, func(o ffmpegTrack) bool { return o.chosen && o.index != t.index }) {
		why = ", the default"
	}
	s := fmt.Sprintf("The file has %d audio tracks; track %d%s%s, was taken.", len(f.tracks), taken+1, t.label(), why)
	if why == "" {
		s = strings.Replace(s, ", was taken", " was taken", 1)
	}
	var others []string
	for i, o := range f.tracks {
		if i != taken && o.label() != "" && len(others) < 8 {
			others = append(others, fmt.Sprintf("track %d%s", i+1, o.label()))
		}
	}
	if len(others) > 0 {
		s += " Not taken: " + strings.Join(others, ", ") + "."
	}
	return s
}

// label is what is known of a track, in brackets, or empty.
func (t ffmpegTrack) label() string {
	var known []string
	if t.language != "" && t.language != "und" {
		known = append(known, t.language)
	}
	if t.title != "" {
		known = append(known, strconv.Quote(t.title))
	}
	if t.side {
		known = append(known, "commentary or aid")
	}
	if len(known) == 0 {
		return ""
	}
	return " (" + strings.Join(known, ", ") + ")"
}
