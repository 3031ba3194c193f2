package nut_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strconv"
	"testing"

	"github.com/asr-backend/asr-backend/audio/internal/nut"
	"github.com/asr-backend/asr-backend/internal/oracle"
)

// encode makes a second of sound whose packets lie where the expression says.
func encode(t testing.TB, pts, channels, seconds string) []byte {
	t.Helper()
	out, err := exec.Command(oracle.FFmpeg(t), "-v", "error", "-nostdin", "-f", "lavfi", "-i", "sine=f=300:r=16000:d="+seconds, "-ac", channels,
		"-c:a", "pcm_f32le", "-bsf:a", "setts=dts=N:pts="+pts, "-write_index", "0", "-f", "nut", "pipe:1").Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

type frame struct {
	pts  int64
	size int
}

func read(b []byte) (all []frame, sound []byte, r *nut.Reader, err error) {
	r, err = nut.NewReader(bytes.NewReader(b))
	for err == nil {
		var pts int64
		var data []byte
		if pts, data, err = r.Next(); err == nil {
			all, sound = append(all, frame{pts, len(data)}), append(sound, data...)
		}
	}
	return all, sound, r, err
}

func TestFramesHaveThePositionsThatFFprobeGives(t *testing.T) {
	ffprobe, err := exec.LookPath("ffprobe")
	if err != nil {
		t.Skip("no ffprobe")
	}
	for _, pts := range []string{"PTS", "PTS+35184372088832", "PTS+35184372088832+gt(N\\,5)*48000*86400*365", "PTS+1000000-gt(N\\,5)*9000"} {
		for _, channels := range []string{"1", "2", "6"} {
			b := encode(t, pts, channels, "3")
			cmd := exec.Command(ffprobe, "-v", "quiet", "-show_entries", "packet=pts,size", "-of", "json", "-f", "nut", "-")
			cmd.Stdin = bytes.NewReader(b)
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			var want struct {
				Packets []struct {
					PTS  int64  `json:"pts"`
					Size string `json:"size"`
				} `json:"packets"`
			}
			if err := json.Unmarshal(out, &want); err != nil {
				t.Fatal(err)
			}
			got, _, r, err := read(b)
			if err != io.EOF {
				t.Fatalf("%s: %v", pts, err)
			}
			if r.Rate != 16000 || strconv.Itoa(r.Channels) != channels {
				t.Fatalf("%s: %v, %d Hz, %d channels", pts, err, r.Rate, r.Channels)
			}
			if len(got) != len(want.Packets) || len(got) < 20 {
				t.Fatalf("%s: %d frames, want %d", pts, len(got), len(want.Packets))
			}
			for i, f := range got {
				if w := want.Packets[i]; f.pts != w.PTS || strconv.Itoa(f.size) != w.Size {
					t.Fatalf("%s: frame %d: got %v, want %v", pts, i, f, w)
				}
			}
		}
	}
}

func TestTheSoundIsThatOfRawSamples(t *testing.T) {
	want, err := exec.Command(oracle.FFmpeg(t), "-v", "error", "-nostdin", "-f", "lavfi", "-i", "sine=f=300:r=16000:d=1", "-f", "f32le", "pipe:1").Output()
	if err != nil {
		t.Fatal(err)
	}
	if _, got, _, err := read(encode(t, "PTS", "1", "1")); err != io.EOF || !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, want %d; %v", len(got), len(want), err)
	}
}

func TestACutWithinAFrameIsNoGoodEnd(t *testing.T) {
	b := encode(t, "PTS", "1", "1")
	good := 0
	for n := 100; n < 9000; n++ {
		_, _, _, err := read(b[:n])
		if err == io.EOF {
			good++ // between two frames
		} else if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("%d bytes: got %v", n, err)
		}
	}
	if good > 10 {
		t.Errorf("%d of 8900 cuts look like an end", good)
	}
	if _, _, _, err := read([]byte("RIFF....WAVEfmt ................")); !errors.Is(err, nut.ErrFormat) {
		t.Errorf("a WAV file: got %v", err)
	}
}

func FuzzReader(f *testing.F) {
	if _, err := exec.LookPath("ffmpeg"); err == nil {
		f.Add(encode(f, "PTS", "1", "0.1"))
		f.Add(encode(f, "PTS+35184372088832+gt(N\\,1)*99999999", "2", "0.2"))
	}
	f.Add([]byte("nut/multimedia container\x00NMzV\x1f_\x04\xad\x05\x03\x01\x00\x01\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, sound, _, err := read(b); err == nil || len(sound) > 200*len(b)+1<<20 {
			t.Errorf("%d bytes of sound, %v", len(sound), err)
		}
	})
}
