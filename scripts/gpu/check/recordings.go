package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/timeline"
)

// recordings makes recordings of all lengths out of one, each when a step asks for it.
type recordings struct {
	options
	pcm []byte // the speech, 16 bit at 16 kHz
}

const bytesPerSecond = 2 * timeline.SampleRate

// speech reads the recording of speech.
func (r *recordings) speechPCM(ctx context.Context) ([]byte, error) {
	if r.pcm != nil {
		return r.pcm, nil
	}
	stream, err := audio.Open(ctx, r.speech, audio.Options{})
	if err != nil {
		return nil, fmt.Errorf("the recording of speech (-speech): %w", err)
	}
	var pcm []byte
	for {
		block, err := stream.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, errors.Join(err, stream.Close())
		}
		for _, v := range block.Channels[0] {
			pcm = binary.LittleEndian.AppendUint16(pcm, uint16(int16(min(max(math.Round(float64(v)*32768), -32768), 32767))))
		}
	}
	if len(pcm) < 60*bytesPerSecond {
		return nil, errors.Join(errors.New("the recording of speech (-speech) is shorter than a minute"), stream.Close())
	}
	r.pcm = pcm
	return pcm, stream.Close()
}

// wav writes so many seconds of speech, from a second on, unless the file is there.
func (r *recordings) wav(ctx context.Context, path string, from, seconds int) (err error) {
	if exists(path) {
		return nil
	}
	pcm, err := r.speechPCM(ctx)
	if err != nil {
		return err
	}
	f, err := os.Create(path + ".part")
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err == nil {
			err = os.Rename(path+".part", path)
		}
	}()
	b := bufio.NewWriterSize(f, 1<<20)
	left := seconds * bytesPerSecond
	if _, err := b.Write(wavHeader(left)); err != nil {
		return err
	}
	for at := from * bytesPerSecond % len(pcm); left > 0; at = 0 {
		n := min(left, len(pcm)-at)
		if _, err := b.Write(pcm[at : at+n]); err != nil {
			return err
		}
		if left -= n; ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return b.Flush()
}

func wavHeader(size int) []byte {
	h := []byte("RIFF")
	h = binary.LittleEndian.AppendUint32(h, uint32(36+size))
	h = append(h, "WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00"...)
	h = binary.LittleEndian.AppendUint32(h, timeline.SampleRate)
	h = binary.LittleEndian.AppendUint32(h, bytesPerSecond)
	h = append(h, "\x02\x00\x10\x00data"...)
	return binary.LittleEndian.AppendUint32(h, uint32(size))
}

func (r *recordings) speechWAV(ctx context.Context) (string, error) {
	seconds := 120
	if r.quick {
		seconds = 60
	}
	return r.one(ctx, "speech", seconds)
}

// hour is a recording of an hour, in a quick check of half a minute.
func (r *recordings) hour(ctx context.Context) (string, error) {
	if r.quick {
		return r.one(ctx, "hour-quick", 60)
	}
	return r.one(ctx, "hour", 3600)
}

// long is one of ten hours.
func (r *recordings) long(ctx context.Context) (string, error) {
	if r.quick {
		return r.one(ctx, "ten-hours-quick", 240)
	}
	return r.one(ctx, "ten-hours", 36000)
}

func (r *recordings) one(ctx context.Context, name string, seconds int) (string, error) {
	path := filepath.Join(r.work, name+".wav")
	return path, r.wav(ctx, path, 0, seconds)
}

// folder makes a folder of many: wav, of unequal length, 21 hours; mp3, 16 hours; short, clips of 4
// to 14 seconds.
func (r *recordings) folder(ctx context.Context, what string) (string, error) {
	count, unit := map[string]int{"wav": 64, "mp3": 64, "short": 400}[what], 60
	name := what
	if r.quick {
		count, unit, name = map[string]int{"wav": 4, "mp3": 2, "short": 8}[what], 1, what+"-quick"
	}
	dir := filepath.Join(r.work, name)
	if exists(dir) {
		return dir, nil
	}
	part := dir + ".part"
	if err := errors.Join(os.RemoveAll(part), os.MkdirAll(part, 0o755)); err != nil {
		return "", err
	}
	var mp3 []byte
	for i := range count {
		path := filepath.Join(part, fmt.Sprintf("%03d.%s", i, map[bool]string{true: "mp3", false: "wav"}[what == "mp3"]))
		var err error
		switch what {
		case "short":
			err = r.wav(ctx, path, 7*i, 4+i%11)
		case "wav":
			err = r.wav(ctx, path, 7*i, unit*(5+i*37%count*31/count))
		case "mp3":
			if mp3 == nil {
				mp3, err = r.readMP3(ctx)
			}
			if err == nil {
				err = repeat(path, mp3, 1+i%14*min(unit-1, 1))
			}
		}
		if err != nil {
			return "", err
		}
	}
	return dir, os.Rename(part, dir)
}

// readMP3 returns the speech as MP3 of 44.1 kHz in stereo. Two of them in a row are one recording.
func (r *recordings) readMP3(ctx context.Context) ([]byte, error) {
	if r.mp3 != "" {
		return os.ReadFile(r.mp3)
	}
	path := filepath.Join(r.work, "speech.mp3")
	said, err := exec.CommandContext(ctx, "ffmpeg", "-nostdin", "-loglevel", "error", "-y", "-i", r.speech, "-ar", "44100", "-ac", "2", "-b:a", "128k", "-write_xing", "0", "-id3v2_version", "0", path).CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		return nil, skip("no -mp3 is given, and there is no ffmpeg to make one")
	}
	if err != nil {
		return nil, fmt.Errorf("ffmpeg: %w: %s", err, said)
	}
	return os.ReadFile(path)
}

func repeat(path string, data []byte, times int) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for range times {
		if _, err := f.Write(data); err != nil {
			return err
		}
	}
	return nil
}
