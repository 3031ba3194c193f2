package mpeg

import (
	"bufio"
	"bytes"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTagsOfEveryKindAreMeasured(t *testing.T) {
	ape := append([]byte("APETAGEX\xd0\x07\x00\x00\x40\x00\x00\x00"), make([]byte, 16)...)
	head := bytes.Clone(ape)
	head[23] = 0xa0
	for _, c := range []struct {
		name string
		b    []byte
		want int64
	}{
		{"ID3v2", []byte("ID3\x03\x00\x00\x00\x00\x02\x01"), 267},
		{"ID3v2 with a foot", []byte("ID3\x04\x00\x10\x00\x00\x02\x01"), 277},
		{"ID3v2 with a length that cannot be", []byte("ID3\x04\x00\x00\x00\x00\x80\x01"), 0},
		{"ID3v1", []byte("TAGtitle"), 128},
		{"APE, its head", head, 96},
		{"APE, its foot", ape, 32},
		{"no tag", []byte("\xff\xfb\x90\x64abcdefghij"), 0},
		{"nothing", nil, 0},
	} {
		if got := TagSize(c.b); got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
}

func TestTheFrameThatDescribesAFileIsRead(t *testing.T) {
	for name, want := range map[string]struct {
		Info Info
		OK   bool
	}{
		"l3-nonstandard-sin1k0db_lame_vbrtag.bit": {Info{Frames: 316, Delay: 576, Padding: 576, Trim: true}, true},
		"l3-nonstandard-vbrtag-oob-read.bit":      {Info{Frames: 316, Trim: true}, true},
		"l3-compl.bit":                            {Info{}, false},
	} {
		file := vector(t, name)
		h, err := ParseHeader(file)
		if err != nil {
			t.Fatal(err)
		}
		info, ok := ParseInfo(h, file[:min(len(file), h.Size())])
		if diff := cmp.Diff(want.Info, info); diff != "" || ok != want.OK {
			t.Errorf("%s: ok %v, want %v (-want +got)\n%s", name, ok, want.OK, diff)
		}
	}
}

// scan returns how many frames a scanner finds, and the junk it skipped between them.
func scan(t *testing.T, file []byte) (frames int, skipped int64) {
	t.Helper()
	s := NewScanner(bufio.NewReaderSize(bytes.NewReader(file), 64<<10))
	for {
		f, err := s.Next()
		if err == io.EOF {
			return frames, skipped
		}
		if err != nil {
			t.Fatal(err)
		}
		if !f.Cut {
			frames++
		}
		skipped += f.Skipped
	}
}

func TestFramesAreFoundPastTagsAndJunk(t *testing.T) {
	music := vector(t, "l3-si_huff.bit")
	frames, _ := scan(t, music)
	id3 := append([]byte("ID3\x03\x00\x00\x00\x00\x00\x20"), bytes.Repeat([]byte("\xff\xfb\x90\x64"), 8)...)
	id1 := append([]byte("TAG"), make([]byte, 125)...)
	junk := bytes.Repeat([]byte("junk\xff"), 60)
	for _, c := range []struct {
		name    string
		file    [][]byte
		frames  int
		skipped int64
	}{
		{"alone", [][]byte{music}, frames, 0},
		{"after two ID3v2 tags", [][]byte{id3, id3, music}, frames, 0},
		{"before an ID3v1 tag", [][]byte{music, id1}, frames, 0},
		{"joined, with the tags of both files", [][]byte{id3, music, id1, id3, music, id1}, 2 * frames, 0},
		{"after junk", [][]byte{junk, music}, frames, 300},
		{"around junk", [][]byte{music, junk, music}, 2 * frames, 300},
		{"before junk", [][]byte{music, junk}, frames, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, skipped := scan(t, bytes.Join(c.file, nil))
			if n != c.frames || skipped != c.skipped {
				t.Errorf("got %d frames and %d bytes of junk, want %d and %d", n, skipped, c.frames, c.skipped)
			}
		})
	}
}

func TestSoftSoundIsNotTakenForFrames(t *testing.T) {
	// 16-bit samples of -1 and -5 and the like are full of sync words.
	for _, pattern := range []string{"\xff\xfb", "\xff\xff\xfb\xff", "\xfd\xff\x01\x00\xff\xff", "\xff\xfb\x90\x00\x00"} {
		if h, ok := Looks(bytes.Repeat([]byte(pattern), 8000), false); ok {
			t.Errorf("%q repeated: taken for %+v", pattern, h)
		}
	}
}
