package audio

import (
	"bytes"
	"encoding/binary"
	"unicode"
	"unicode/utf8"

	"github.com/asr-backend/asr-backend/audio/internal/mpeg"
)

// sniffLen is how much of the head decides on a format.
const sniffLen = 16 << 10

// A format is a kind of file.
type format struct {
	name string // for people
	// open makes a decoder, nil where there is none in this program.
	open func(*input) (decoder, error)
	// demuxer is ffmpeg's name for the format, empty where it shall find out itself.
	demuxer string
	// length says that files of this kind hold their length, so that ffmpeg need not
	// guess it from their size.
	length bool
	// not says that this is no sound at all.
	not bool
}

// unknown is content that says nothing about itself.
var unknown = format{}

// magic lists formats that a fixed string at a fixed place identifies.
var magic = []struct {
	at   int
	mark string
	format
}{
	{0, "fLaC", format{name: "FLAC", open: openFLAC, demuxer: "flac"}},
	{28, "OpusHead", format{name: "Ogg Opus", open: openOpus, demuxer: "ogg"}},
	{28, "\x01vorbis", format{name: "Ogg Vorbis", demuxer: "ogg", length: true}},
	{28, "Speex   ", format{name: "Ogg Speex", demuxer: "ogg", length: true}},
	{28, "\x7fFLAC", format{name: "Ogg FLAC", demuxer: "ogg", length: true}},
	{0, "OggS", format{name: "Ogg", demuxer: "ogg"}},
	{4, "ftyp", format{name: "MP4 or M4A", demuxer: "mov", length: true}},
	{4, "moov", format{name: "QuickTime", demuxer: "mov", length: true}},
	{4, "mdat", format{name: "QuickTime", demuxer: "mov", length: true}},
	{4, "wide", format{name: "QuickTime", demuxer: "mov", length: true}},
	{0, "\x1a\x45\xdf\xa3", format{name: "WebM or Matroska", demuxer: "matroska", length: true}},
	{0, "#!AMR", format{name: "AMR", demuxer: "amr"}},
	{0, "ADIF", format{name: "AAC (ADIF)"}},
	{8, "AIFF", format{name: "AIFF", demuxer: "aiff", length: true}},
	{8, "AIFC", format{name: "AIFF", demuxer: "aiff", length: true}},
	{0, ".snd", format{name: "Sun AU", demuxer: "au", length: true}},
	{0, "caff", format{name: "Apple CAF", demuxer: "caf", length: true}},
	{0, "wvpk", format{name: "WavPack", demuxer: "wv", length: true}},
	{0, "MAC ", format{name: "Monkey's Audio", demuxer: "ape", length: true}},
	{0, "TTA1", format{name: "True Audio", demuxer: "tta", length: true}},
	{0, "\x30\x26\xb2\x75\x8e\x66\xcf\x11", format{name: "Windows Media", demuxer: "asf", length: true}},
	{0, "FLV\x01", format{name: "Flash video", demuxer: "flv"}},
	{0, "NIST_1A", format{name: "NIST SPHERE", demuxer: "nistsphere", length: true}},
	{0, "Creative Voice File", format{name: "Creative Voice", demuxer: "voc"}},
	{0, ".RMF", format{name: "RealMedia", demuxer: "rm"}},
	{0, "\x00\x00\x01\xba", format{name: "MPEG program stream", demuxer: "mpeg"}},
	{0, "riff\x2e\x91\xcf\x11", format{name: "Wave64", demuxer: "w64", length: true}},
	{8, "AVI ", format{name: "AVI", demuxer: "avi", length: true}},
	{8, "WEBP", format{name: "a WebP picture", not: true}},
	{0, "MThd", format{name: "a MIDI file, which holds notes and no sound", not: true}},
	{0, "%PDF", format{name: "a PDF document", not: true}},
	{0, "PK\x03\x04", format{name: "a ZIP archive", not: true}},
	{0, "\x1f\x8b\x08", format{name: "gzip-compressed", not: true}},
	{0, "7z\xbc\xaf\x27\x1c", format{name: "a 7-Zip archive", not: true}},
	{0, "Rar!", format{name: "a RAR archive", not: true}},
	{0, "\x89PNG", format{name: "a PNG picture", not: true}},
	{0, "\xff\xd8\xff", format{name: "a JPEG picture", not: true}},
	{0, "GIF8", format{name: "a GIF picture", not: true}},
	{0, "\x7fELF", format{name: "a program", not: true}},
}

// sniff identifies the format by the first bytes of a file; whole says that there are no
// others.
func sniff(head []byte, whole bool) format {
	if len(head) >= 12 && string(head[8:12]) == "WAVE" {
		switch string(head[:4]) {
		case "RIFF", "RIFX", "RF64", "BW64":
			return format{name: "WAV", open: openWAV, demuxer: "wav"}
		}
	}
	for _, m := range magic {
		if len(head) >= m.at && bytes.HasPrefix(head[m.at:], []byte(m.mark)) {
			return m.format
		}
	}
	switch {
	case looksADTS(head):
		return format{name: "AAC (ADTS)", demuxer: "aac"}
	case looksTransportStream(head):
		return format{name: "MPEG transport stream", demuxer: "mpegts"}
	}
	if h, ok := mpeg.Looks(head, whole); ok {
		if h.Layer == 3 {
			return format{name: "MP3", open: openMP3, demuxer: "mp3"}
		}
		return format{name: "MPEG layer I or II", demuxer: "mp3"}
	}
	if name := text(head, whole); name != "" {
		return format{name: name, not: true}
	}
	return unknown
}

// looksADTS says whether frames of AAC follow each other from the first byte on.
func looksADTS(b []byte) bool {
	for range 3 {
		// 12 bits: sync; 1: version; 2: layer 0; ... 13 bits from bit 30: length
		if len(b) < 7 || b[0] != 0xff || b[1]&0xf6 != 0xf0 {
			return false
		}
		size := int(binary.BigEndian.Uint32(b[3:])>>13) & 0x1fff
		if size < 7 || size > len(b) {
			return false
		}
		b = b[size:]
	}
	return true
}

// tsPacket is the length of a packet of an MPEG transport stream in bytes.
const tsPacket = 188

// looksTransportStream says whether packets of 188 bytes follow each other.
func looksTransportStream(b []byte) bool {
	if len(b) < 5*tsPacket {
		return false
	}
	for i := range 5 {
		if b[i*tsPacket] != 0x47 {
			return false
		}
	}
	return true
}

// text says what kind of text b is, or nothing if it is none.
func text(b []byte, whole bool) string {
	if len(b) < 16 {
		return ""
	}
	for rest := b; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		if r == utf8.RuneError && n == 1 && (whole || len(rest) > utf8.UTFMax) || r < ' ' && !unicode.IsSpace(r) {
			return ""
		}
		rest = rest[n:]
	}
	start := bytes.ToLower(bytes.TrimSpace(b[:min(len(b), 512)]))
	switch {
	case bytes.HasPrefix(start, []byte("<!doctype html")), bytes.HasPrefix(start, []byte("<html")):
		return "a web page"
	case bytes.HasPrefix(start, []byte("#extm3u")):
		return "a playlist"
	case bytes.HasPrefix(start, []byte("<?xml")):
		return "an XML document"
	case bytes.HasPrefix(start, []byte("{")), bytes.HasPrefix(start, []byte("[")):
		return "JSON"
	}
	return "text"
}
