package transcribe_test

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/transcribe"
	"github.com/asr-backend/asr-backend/transcript"
)

var ctx = context.Background()

// words returns all words of a transcript.
func words(t *transcript.Transcript) []transcript.Word {
	var all []transcript.Word
	for _, s := range t.Segments {
		all = append(all, s.Words...)
	}
	return all
}

func text(words []transcript.Word) string {
	var b []string
	for _, w := range words {
		b = append(b, w.Text)
	}
	return strings.Join(b, " ")
}

// The same recording in lossless formats gives the same words at the same times.
func TestLosslessFormatsGiveTheSameTranscript(t *testing.T) {
	dir := t.TempDir()
	source := oracle.Data(t, "speech", "ljspeech", "LJ001-0003.flac")
	tr := transcriber(t, transcribe.Options{FFmpeg: oracle.FFmpeg(t)})
	want, err := tr.Transcribe(t.Context(), transcribe.Source{Path: source}, transcribe.Request{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.wav", "a.aiff", "a.w64"} {
		path := filepath.Join(dir, name)
		convert(t, source, path)
		got, err := tr.Transcribe(t.Context(), transcribe.Source{Path: path}, transcribe.Request{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !slices.Equal(words(got), words(want)) {
			t.Errorf("%s: got %q, want %q", name, text(words(got)), text(words(want)))
		}
	}
}

// Lossy formats at good rates give the same words, and each within 40 ms: none of them
// adds or loses time at its start.
// The recordings are those whose words the small model of the tests is sure of: of others
// it writes another word here or there after a lossy codec.
func TestLossyFormatsGiveTheSameWordsWithin40Milliseconds(t *testing.T) {
	dir := t.TempDir()
	// Without a language model, which may choose another word for little reason.
	tr := on(t, decoding(t, asr.Options{Decoding: asr.Decoding{LM: asr.LMNone}}), transcribe.Options{FFmpeg: oracle.FFmpeg(t)})
	for _, clip := range []string{"02", "05", "06", "08", "09", "11", "12"} {
		source := oracle.Data(t, "speech", "ljspeech", "LJ001-00"+clip+".flac")
		want, err := tr.Transcribe(t.Context(), transcribe.Source{Path: source}, transcribe.Request{})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct{ name, options string }{
			{"a.wav", "-c:a pcm_s16le"}, {"a.mp3", "-c:a libmp3lame -b:a 128k"}, {"b.mp3", "-c:a libmp3lame -q:a 2"},
			{"a.opus", "-c:a libopus -b:a 96k"}, {"a.m4a", "-c:a aac -b:a 160k"}, {"a.ogg", "-c:a libvorbis -q:a 7"},
			{"a.webm", "-c:a libopus -b:a 96k"},
		} {
			path := filepath.Join(dir, clip+c.name)
			convert(t, source, path, strings.Fields(c.options)...)
			got, err := tr.Transcribe(t.Context(), transcribe.Source{Path: path}, transcribe.Request{})
			if err != nil {
				t.Errorf("%s: %v", clip+c.name, err)
				continue
			}
			sameWords(t, clip+c.name, words(got), words(want), 40*time.Millisecond)
		}
	}
}

func sameWords(t *testing.T, name string, got, want []transcript.Word, within time.Duration) {
	t.Helper()
	if text(got) != text(want) {
		t.Errorf("%s: got %q, want %q", name, text(got), text(want))
		return
	}
	for i, g := range got {
		if d := max((g.Start - want[i].Start).Abs(), (g.End - want[i].End).Abs()); d > within {
			t.Errorf("%s: word %d %q is at %v to %v, want %v to %v", name, i, g.Text, g.Start, g.End, want[i].Start, want[i].End)
		}
	}
}

func convert(t *testing.T, from, to string, options ...string) {
	t.Helper()
	run(t, oracle.FFmpeg(t), append(append([]string{"-v", "error", "-y", "-i", from}, options...), to)...)
}

func TestAPartHasOnlyItsOwnWords(t *testing.T) {
	source := oracle.Data(t, "speech", "radio", "gb0.flac")
	tr := transcriber(t, transcribe.Options{})
	from, to := 40*time.Second, 52*time.Second
	part, err := tr.Transcribe(t.Context(), transcribe.Source{Path: source}, transcribe.Request{Start: from, End: to})
	if err != nil {
		t.Fatal(err)
	}
	if part.Duration != to {
		t.Errorf("duration %v, want the end of the part, %v", part.Duration, to)
	}
	for _, w := range words(part) {
		if middle := (w.Start + w.End) / 2; middle < from || middle >= to {
			t.Errorf("word %q at %v to %v lies outside of %v to %v", w.Text, w.Start, w.End, from, to)
		}
	}
	if n := len(words(part)); n < 15 {
		t.Errorf("got %d words in twelve seconds of speech", n)
	}
	if len(part.Diagnostics.Warnings) > 0 {
		t.Errorf("warnings %q", part.Diagnostics.Warnings)
	}
}

// One sound in two channels is transcribed once where channels are kept apart, and an
// inverted channel costs nothing where they are mixed. Both are reported.
func TestTwoChannelsOfOneSoundGiveItsWordsOnce(t *testing.T) {
	source := oracle.Data(t, "speech", "ljspeech", "LJ001-0002.flac")
	want, err := transcriber(t, transcribe.Options{}).Transcribe(t.Context(), transcribe.Source{Path: source}, transcribe.Request{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, pan string
		channels  audio.Channels
		channel   int
		warning   string
	}{
		{"dual mono, split", "pan=stereo|c0=c0|c1=c0", audio.Split, 0, "Channels 0 and 1 carry the same sound"},
		{"inverted, split", "pan=stereo|c0=c0|c1=-1*c0", audio.Split, 0, "Channels 0 and 1 carry the same sound"},
		{"inverted, mixed", "pan=stereo|c0=c0|c1=-1*c0", audio.Mix, transcript.Mixed, "Channels 0 and 1 cancel each other"},
	} {
		path := filepath.Join(t.TempDir(), "two.wav")
		convert(t, source, path, "-af", c.pan)
		got, err := transcriber(t, transcribe.Options{Channels: c.channels}).Transcribe(t.Context(), transcribe.Source{Path: path}, transcribe.Request{})
		if err != nil {
			t.Fatal(err)
		}
		sameWords(t, c.name, words(got), words(want), 0)
		for _, s := range got.Segments {
			if s.Channel != c.channel {
				t.Errorf("%s: a segment of channel %d", c.name, s.Channel)
			}
		}
		if w := got.Diagnostics.Warnings; len(w) != 1 || !strings.HasPrefix(w[0], c.warning) {
			t.Errorf("%s: warnings %q, want %q", c.name, w, c.warning)
		}
	}
}

func TestChannelsAreKeptApart(t *testing.T) {
	source := filepath.Join(t.TempDir(), "two.wav")
	left, right := oracle.Data(t, "speech", "ljspeech", "LJ001-0002.flac"), oracle.Data(t, "speech", "ljspeech", "LJ001-0004.flac")
	run(t, oracle.FFmpeg(t), "-v", "error", "-y", "-i", left, "-i", right, "-filter_complex", "[0:a]apad[l];[l][1:a]join=inputs=2:channel_layout=stereo", "-shortest", source)
	one, err := transcriber(t, transcribe.Options{}).Transcribe(t.Context(), transcribe.Source{Path: left}, transcribe.Request{})
	if err != nil {
		t.Fatal(err)
	}
	two, err := transcriber(t, transcribe.Options{}).Transcribe(t.Context(), transcribe.Source{Path: right}, transcribe.Request{})
	if err != nil {
		t.Fatal(err)
	}
	split, err := transcriber(t, transcribe.Options{Channels: audio.Split}).Transcribe(t.Context(), transcribe.Source{Path: source}, transcribe.Request{})
	if err != nil {
		t.Fatal(err)
	}
	texts := map[int][]string{}
	for i, s := range split.Segments {
		texts[s.Channel] = append(texts[s.Channel], s.Text)
		if i > 0 && s.Start < split.Segments[i-1].Start {
			t.Error("segments are not in order")
		}
	}
	if got, want := strings.Join(texts[0], " "), one.Text(); similarity(got, want) < 0.7 {
		t.Errorf("left channel: got %q, want %q", got, want)
	}
	if got, want := strings.Join(texts[1], " "), two.Text(); similarity(got, want) < 0.7 {
		t.Errorf("right channel: got %q, want %q", got, want)
	}
	only, err := transcriber(t, transcribe.Options{Channels: audio.Only(1)}).Transcribe(t.Context(), transcribe.Source{Path: source}, transcribe.Request{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range only.Segments {
		if s.Channel != 1 {
			t.Errorf("got channel %d, want 1", s.Channel)
		}
	}
}

// similarity is the share of the words of b that a has.
func similarity(a, b string) float64 {
	n, of := 0, strings.Fields(b)
	for _, w := range of {
		if slices.Contains(strings.Fields(a), w) {
			n++
		}
	}
	return float64(n) / math.Max(float64(len(of)), 1)
}

func TestSilenceIsReported(t *testing.T) {
	path := filepath.Join(t.TempDir(), "silence.wav")
	run(t, oracle.FFmpeg(t), "-v", "error", "-y", "-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono:d=30", path)
	got, err := transcriber(t, transcribe.Options{}).Transcribe(t.Context(), transcribe.Source{Path: path}, transcribe.Request{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Text() != "" || got.Confidence != 1 || len(got.Diagnostics.Warnings) != 1 || got.Duration != 30*time.Second {
		t.Errorf("got %q, confidence %v, warnings %q, duration %v", got.Text(), got.Confidence, got.Diagnostics.Warnings, got.Duration)
	}
}

func TestVersionsChangeWithWhatChangesTheAnswer(t *testing.T) {
	plain := transcriber(t, transcribe.Options{}).Version()
	if again := transcriber(t, transcribe.Options{FFmpeg: "/usr/bin/ffmpeg"}).Version(); again != plain {
		t.Errorf("got %q and %q for the same answers", plain, again)
	}
	if other := transcriber(t, transcribe.Options{Channels: audio.Split}).Version(); other == plain {
		t.Errorf("got %q for other answers", other)
	}
}
