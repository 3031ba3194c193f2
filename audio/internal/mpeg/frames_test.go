package mpeg

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/asr-backend/asr-backend/internal/oracle"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

// frames decodes a file, of which it passes over the first frames, and describes each frame.
func frames(t interface{ Fatal(...any) }, file []byte, pass, workers, length int) (list []string, samples []float32) {
	f := NewFrames(NewScanner(bufio.NewReaderSize(bytes.NewReader(file), 64<<10)), workers)
	f.length = length
	defer f.Close()
	for range pass {
		if _, err := f.Peek(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		f.Pass()
	}
	for {
		d, err := f.Next()
		if err == io.EOF {
			if _, again := f.Next(); again != io.EOF {
				t.Fatal(again)
			}
			return list, samples
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, fmt.Sprint(len(samples), d.Header, d.Size, d.Cut, d.Skipped, d.Err))
		for c := range d.Channels() {
			samples = append(samples, d.Samples[c][:d.Header.Samples()]...)
		}
	}
}

func everyVector(t testing.TB) (files [][]byte) {
	t.Helper()
	names, err := filepath.Glob(oracle.Data(t, "audio", "odd-audio", "minimp3-vectors", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if ext := filepath.Ext(name); ext != ".bit" && ext != ".mp3" {
			continue
		}
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	if len(files) < 20 {
		t.Fatalf("only %d vectors", len(files))
	}
	return files
}

// Vectors of all kinds are joined and damaged, and cut at any frame.
func TestWorkersDecodeToTheBitWhatOneDecoderDoes(t *testing.T) {
	defer goleak.VerifyNone(t)
	files := everyVector(t)
	rapid.Check(t, func(rt *rapid.T) {
		var file []byte
		for range rapid.IntRange(1, 3).Draw(rt, "files") {
			part := rapid.SampledFrom(files).Draw(rt, "file")
			from := rapid.IntRange(0, len(part)).Draw(rt, "from")
			file = append(file, part[from:min(len(part), from+40_000)]...)
		}
		if len(file) > 0 {
			for range rapid.IntRange(0, 5).Draw(rt, "damages") {
				file[rapid.IntRange(0, len(file)-1).Draw(rt, "at")] ^= rapid.Byte().Draw(rt, "with")
			}
		}
		pass := rapid.IntRange(0, 9).Draw(rt, "frames passed over")
		want, sound := frames(rt, file, pass, 0, batchFrames)
		got, same := frames(rt, file, pass, rapid.IntRange(1, 3).Draw(rt, "workers"), rapid.IntRange(WarmUp, 9).Draw(rt, "length of a batch"))
		if !slices.Equal(got, want) {
			rt.Fatalf("frames %v, want %v", got, want)
		}
		for i, v := range sound {
			if same[i] != v {
				rt.Fatalf("sample %d of %d is %v, want %v", i, len(sound), same[i], v)
			}
		}
	})
}

func TestWorkersEndWithClose(t *testing.T) {
	defer goleak.VerifyNone(t)
	for n := range 5 {
		f := NewFrames(NewScanner(bufio.NewReaderSize(bytes.NewReader(vector(t, "l3-compl.bit")), 64<<10)), 2)
		f.length = 3
		for range n {
			if _, err := f.Next(); err != nil {
				t.Fatal(err)
			}
		}
		f.Close()
		f.Close()
	}
}

// The lines of an earlier frame do not sound again where one cannot be decoded.
func TestADamagedFrameSoundsAsAnEmptyOne(t *testing.T) {
	for _, name := range []string{"l3-si_block.bit", "M2L3_bitrate_24_all.bit"} {
		s := NewScanner(bufio.NewReaderSize(bytes.NewReader(vector(t, name)), 64<<10))
		var damaged, empty Decoder
		got := [2][]float32{make([]float32, MaxSamples), make([]float32, MaxSamples)}
		want := [2][]float32{make([]float32, MaxSamples), make([]float32, MaxSamples)}
		for n := range 12 {
			f, err := s.Next()
			if err != nil {
				t.Fatal(err)
			}
			bad, none := slices.Clone(f.Data), slices.Clone(f.Data)
			if n >= 10 {
				for i := range f.sideInfoSize() {
					bad[HeaderSize+i], none[HeaderSize+i] = 0xff, 0 // no bits of main data
				}
			}
			if err := damaged.Decode(f.Header, bad, got); (err != nil) != (n >= 10) {
				t.Fatalf("%s, frame %d: %v", name, n, err)
			}
			if err := empty.Decode(f.Header, none, want); err != nil {
				t.Fatalf("%s, frame %d: %v", name, n, err)
			}
			for c := range f.Channels() {
				if n := f.Header.Samples(); !slices.Equal(got[c][:n], want[c][:n]) {
					t.Errorf("%s, frame of %d samples: others in channel %d", name, n, c)
				}
			}
		}
	}
}
