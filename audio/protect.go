package audio

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"
)

// ffmpeg decodes encrypted sound to noise or to nothing, and mentions only some kinds of
// encryption. MP4 (ISO 14496-12, section 8.12) gives the sample entry of an encrypted track a
// type of its own: "enca", "drms" in Apple's files, "aavd" in Audible's.

// maxBoxes bounds the walk through a file that is nothing but boxes.
const maxBoxes = 10000

// The way from the top of a file to the sample entries of a track.
var wayToEntries = []string{"moov", "trak", "mdia", "minf", "stbl", "stsd"}

var encryptedEntries = []string{"enca", "drms", "aavd"}

// encrypted says whether what ffmpeg is to read holds something encrypted, as far as its
// format shows it.
func (d *ffmpegDecoder) encrypted(in *input, f format) (found bool, err error) {
	if f.demuxer != "mov" && f.demuxer != "mpegts" {
		return false, nil
	}
	file := d.spool
	if file == nil {
		if file, err = os.Open(in.path); err != nil {
			return false, errors.Unwrap(err)
		}
		defer file.Close()
	}
	if f.demuxer == "mpegts" {
		return scrambled(file), nil
	}
	info, err := file.Stat()
	if err != nil {
		return false, errors.Unwrap(err)
	}
	return protectedMP4(file, info.Size()), nil
}

// scrambled says whether the head of a transport stream (ISO 13818-1) has packets whose
// content is encrypted.
func scrambled(r io.ReaderAt) bool {
	head := make([]byte, 1<<20)
	n, _ := r.ReadAt(head, 0)
	for b := head[:n]; len(b) >= tsPacket && b[0] == 0x47; b = b[tsPacket:] {
		// 2 bits: scrambling; 2 bits: 01 with content, 10 without, 11 with both
		if b[3]>>6 != 0 && b[3]&0x10 != 0 {
			return true
		}
	}
	return false
}

// protectedMP4 says whether a file of boxes has a track of encrypted sound.
func protectedMP4(r io.ReaderAt, size int64) bool {
	left := maxBoxes
	return walkBoxes(r, 0, size, &left, wayToEntries)
}

// walkBoxes looks at the boxes in a part of a file, and goes the given way down into them. At
// its end are sample entries.
func walkBoxes(r io.ReaderAt, from, to int64, left *int, way []string) bool {
	for from < to && *left > 0 {
		*left--
		// 32 bits: size, 1 if 64 bits of it follow, 0 for the rest; 32: type
		var head [16]byte
		n, _ := r.ReadAt(head[:], from)
		if n < 8 {
			return false
		}
		start, end := from+8, from+int64(binary.BigEndian.Uint32(head[:]))
		switch binary.BigEndian.Uint32(head[:]) {
		case 0:
			end = to
		case 1:
			long := binary.BigEndian.Uint64(head[8:])
			if n < 16 || long > uint64(to-from) {
				return false
			}
			start, end = from+16, from+int64(long)
		}
		if end < start || end > to {
			return false
		}
		kind := string(head[4:8])
		if len(way) == 0 && slices.Contains(encryptedEntries, kind) {
			return true
		}
		if len(way) > 0 && kind == way[0] {
			if kind == "stsd" {
				start += 8 // version, flags and count
			}
			if walkBoxes(r, start, end, left, way[1:]) {
				return true
			}
		}
		from = end
	}
	return false
}
