package audio

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/audio/internal/nut"
)

// report is what ffmpeg 5.1 writes about a file of two programs and a cover.
const report = `[info] ffmpeg version 5.1.9 Copyright (c) 2000-2026 the FFmpeg developers
[mjpeg @ 0x55ac] [error] overread 8
[info] Input #0, mpegts, from 'x.ts':
[info]   Duration: 00:00:02.02, start: 1.416778, bitrate: 301 kb/s
[info]   Program 1 
[info]     Metadata:
[info]       title           : no track
[info]   Stream #0:2[0x102](deu): Audio: aac (LC) ([15][0][0][0] / 0x000F), 44100 Hz, mono, fltp, 71 kb/s (default)
[info]     Metadata:
[info]       title           : Stream #0:7: Audio: aac
[info]   Stream #0:0[0x100]: Audio: aac ([15][0][0][0] / 0x000F), 0 channels, fltp (default)
[info]   Stream #0:1[0x101]: Video: mjpeg, yuv420p
[info]   Program 2 
[info]   Stream #0:2[0x102](deu): Audio: aac (LC) ([15][0][0][0] / 0x000F), 44100 Hz, mono, fltp, 71 kb/s (default)
[info] Stream mapping:
[vist#0:1/mjpeg @ 0x1] [dec:mjpeg @ 0x2] [error] Error submitting packet to decoder
[aac @ 0x55ac] [error] channel element 2.13 is not allocated
`

func TestTheReportOfFFmpegIsUnderstood(t *testing.T) {
	p := readReport(strings.NewReader(report), "x: ")
	said, f := p.said(), p.head()
	if f.version != "5.1.9" || f.container != "mpegts" || !f.video || f.duration != 32320 || len(f.tracks) != 2 {
		t.Fatalf("got %+v", f)
	}
	if want := "channel element 2.13 is not allocated"; said != want {
		t.Errorf("got %q, want %q", said, want)
	}
	if tr := f.tracks[1]; tr.index != 2 || tr.language != "deu" || tr.title != "Stream #0:7: Audio: aac" || tr.codec != "aac (LC) ([15][0][0][0] / 0x000F)" {
		t.Errorf("got %+v", tr)
	}
	if taken, err := f.pick(0); taken != 1 || err != nil {
		t.Errorf("took %d, %v; the first has no channels", taken, err)
	}
}

func FuzzFFmpegReport(f *testing.F) {
	f.Add([]byte(report))
	f.Add([]byte("[info]   Stream #0:99999999999999999999: Audio: \n[info]       title : x\n"))
	f.Add([]byte("[info]   Duration: 99:99:1e300, start\n[info]   Stream #0:0(: Audio: none"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p := readReport(bytes.NewReader(b), "x: ")
		if said := p.said(); len(said) > 2000 {
			t.Errorf("%d bytes of complaints", len(said))
		}
		facts := p.head()
		if facts.duration < -1 {
			t.Errorf("a duration of %d", facts.duration)
		}
		for i := range facts.tracks {
			if i > 0 && facts.tracks[i-1].index >= facts.tracks[i].index {
				t.Error("tracks are out of order")
			}
			facts.describeTracks(i)
		}
		if taken, err := facts.pick(0); err != nil || taken > 0 && taken >= len(facts.tracks) {
			t.Errorf("took %d of %d, %v", taken, len(facts.tracks), err)
		}
	})
}

func box(kind string, content ...[]byte) []byte {
	b := bytes.Join(content, nil)
	return append(append(binary.BigEndian.AppendUint32(nil, uint32(8+len(b))), kind...), b...)
}

func FuzzProtectedMP4(f *testing.F) {
	entry := box("stsd", make([]byte, 8), box("enca", make([]byte, 20)))
	moov := box("moov", box("mvhd", make([]byte, 20)), box("trak", box("mdia", box("minf", box("stbl", entry)))))
	if file := append(box("ftyp", []byte("M4A ")), moov...); !protectedMP4(bytes.NewReader(file), int64(len(file))) {
		f.Error("an encrypted track was not found")
	} else {
		f.Add(file)
	}
	long := append([]byte("\x00\x00\x00\x01moov\xff\xff\xff\xff\xff\xff\xff\xff"), moov...)
	f.Add(long)
	f.Add(box("mdat", box("enca")))
	f.Fuzz(func(t *testing.T, b []byte) {
		if protectedMP4(bytes.NewReader(b), int64(len(b))) && !bytes.Contains(b, []byte("stsd")) {
			t.Error("protected without a sample entry")
		}
		scrambled(bytes.NewReader(b))
	})
}

// Whatever the timestamps are, nothing moves back, and the silence of all gaps together is
// bounded.
func FuzzPlacer(f *testing.F) {
	f.Add(int64(0), int64(1024), int64(2048), int64(1<<40))
	f.Add(int64(-500), int64(1<<62), int64(-1<<62), int64(0))
	f.Add(int64(0), int64(86400*48000), int64(86400*48000), int64(-86400*48000))
	f.Fuzz(func(t *testing.T, a, b, c, d int64) {
		in := &nut.Reader{Rate: 48000, Channels: 1}
		p := &placer{notes: &notes{}, in: in}
		at := a % (1 << 50)
		for _, step := range []int64{0, b, c, d, 1024, 1024, b} {
			at += step % (1 << 50)
			const n = 1024
			cut := p.place(at, n)
			if cut < 0 || cut > n || p.silent < 0 {
				t.Fatalf("timestamp %d at %d: %d cut, %d silent", at, p.at, cut, p.silent)
			}
			p.at += p.silent + n - cut
			p.silent = 0
		}
		if most := span(in.Rate, p.at); most > maxGap+1e9 {
			t.Errorf("%v of sound", most)
		}
		for _, d := range p.list {
			if d.At < 0 || d.At.Duration() > maxGap+1e9 {
				t.Errorf("a diagnostic at %v", d.At)
			}
		}
	})
}
