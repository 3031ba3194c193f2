package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"time"

	"github.com/asr-backend/asr-backend/internal/tones"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
)

// bombs imports files that nobody should trust. Each ends in a prediction or in a stated
// failure, none makes the process grow without bound, and none makes it ask anybody else.
func bombs(r *run) error {
	s, n, project, err := r.setup(nodeOptions{})
	if err != nil {
		return err
	}
	var asked atomic.Int32
	canary := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		http.NotFound(w, r)
	}))
	defer canary.Close()
	files := bombFiles(canary.URL, r.size(0, 2, 8))
	var ids []int64
	watch := n.watch()
	for name, content := range files {
		value := s.Upload(project, name, content)
		id := s.AddTask(labelstudiotest.Task{Project: project, Data: map[string]any{"audio": value}})
		s.announce(project, id)
		ids = append(ids, id)
	}
	sound, err := s.bring(project, repeat(3, 5)...)
	if err != nil {
		return err
	}
	tally := s.wait(n, project, ids, 15*time.Minute)
	tally.One, tally.Wrong = tally.One+tally.Wrong, 0 // what they say is not known
	r.count(tally)
	s.settle(n, project, sound, time.Minute)
	peak, slowest := watch()
	if asked.Load() > 0 {
		r.fault("files made the process ask an address %d times", asked.Load())
	}
	if peak > mostBombMemory {
		r.fault("files made the process grow to %d MB", peak)
	}
	r.figure("%d files, at most %d MB, no connection made, /health within %.2f s", len(files), peak, slowest.Seconds())
	return nil
}

// mostBombMemory is how many megabytes the process may need.
const mostBombMemory = 800

// bombFiles returns files by name. Those that refer to others refer to an address.
func bombFiles(address string, hours int) map[string][]byte {
	wav := tones.Recording{Seconds: 3}.WAV()
	const header, rate, channels, block, size = 44, 24, 22, 32, 40
	// with returns the recording with bytes of its header changed.
	with := func(at int, value ...byte) []byte {
		out := bytes.Clone(wav)
		copy(out[at:], value)
		return out
	}
	hls := "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:10.0,\nfile:///etc/passwd\n#EXTINF:10.0,\n" + address + "/hls.ts\n#EXT-X-ENDLIST\n"
	out := map[string][]byte{
		"claims-4g.wav":      with(size, 0xf0, 0xff, 0xff, 0xff),
		"65535-channels.wav": with(channels, 0xff, 0xff),
		"rate-0.wav":         with(rate, 0, 0, 0, 0),
		"rate-1.wav":         with(rate, 1, 0, 0, 0),
		"rate-4g.wav":        with(rate, 0xff, 0xff, 0xff, 0xff),
		"block-0.wav":        with(block, 0, 0),
		"no-sound.wav":       wav[:header],
		"half-a-header.wav":  wav[:20],
		"one-byte.wav":       wav[:header+1],
		"empty.wav":          {},
		"chunk-loop.wav":     append([]byte("RIFF\xff\xff\xff\xffWAVE"), bytes.Repeat([]byte("junk\xff\xff\xff\xff"), 1000)...),
		"many-chunks.wav":    append([]byte("RIFF\xff\xff\xff\xffWAVE"), bytes.Repeat([]byte("junk\x00\x00\x00\x00"), 500_000)...),
		"silence.opus":       opusSilence(hours, 1),
		"cut.opus":           opusSilence(1, 2)[:5000],
		"zeros.bin":          make([]byte, 1_000_000),
		"ones.bin":           bytes.Repeat([]byte{0xff}, 1_000_000),
		"frames.mp3":         bytes.Repeat([]byte{0xff, 0xfb, 0x90, 0}, 100_000),
		"id3-256m.mp3":       append([]byte("ID3\x04\x00\x00\x7f\x7f\x7f\x7f"), make([]byte, 1000)...),
		"login.wav":          []byte(strings.Repeat("<html><body>login</body></html>", 10)),
		"list.m3u8":          []byte(hls),
		"list.wav":           []byte(hls),
		"list-binary.mp3":    append(append(make([]byte, 64), hls...), 0, 1, 2, 3),
		"key.m3u8":           fmt.Appendf(nil, "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"%s/key\"\n#EXTINF:1,\ncrypto+file:///etc/passwd\n", address),
		"concat.wav":         fmt.Appendf(nil, "ffconcat version 1.0\nfile '%s/c.wav'\n\x00\x01", address),
		"dash.wav":           fmt.Appendf(nil, "<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'><Period><AdaptationSet><Representation><BaseURL>%s/dash</BaseURL></Representation></AdaptationSet></Period></MPD>", address),
		"session.wav":        []byte("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 8510 RTP/AVP 97\r\n"),
		"picture.wav":        fmt.Appendf(nil, "<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink'><image xlink:href='%s/x'/></svg>", address),
	}
	huge := append([]byte("RF64\xff\xff\xff\xffWAVEds64"), binary.LittleEndian.AppendUint32(nil, 28)...)
	for _, n := range []uint64{1<<63 - 1, 1<<63 - 2, 1 << 62} {
		huge = binary.LittleEndian.AppendUint64(huge, n)
	}
	huge = append(append(huge, 0, 0, 0, 0), wav[12:36]...)
	out["claims-2e63.wav"] = append(append(huge, "data\xff\xff\xff\xff"...), wav[header:]...)
	return out
}
