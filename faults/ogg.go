package main

import (
	"bytes"
	"encoding/binary"
)

// opusSilence returns an Ogg Opus file (RFC 7845) of many hours in a few bytes: packets of
// 120 ms that hold nothing (RFC 6716, section 3.1: discontinuous transmission). Files of
// different streams differ.
func opusSilence(hours int, stream uint32) []byte {
	var out bytes.Buffer
	head := binary.LittleEndian.AppendUint16([]byte("OpusHead\x01\x01"), 0)
	head = append(binary.LittleEndian.AppendUint32(head, opusRate), 0, 0, 0)
	out.Write(oggPage(oggFirst, 0, stream, 0, [][]byte{head}))
	out.Write(oggPage(0, 0, stream, 1, [][]byte{append([]byte("OpusTags"), make([]byte, 8)...)}))
	const perPage, samples = 250, 5760
	packets := make([][]byte, perPage)
	for i := range packets {
		packets[i] = []byte{0x1b, 0x02} // SILK, 60 ms, two frames of no bytes
	}
	pages := hours * 3600 * opusRate / samples / perPage
	for i := range pages {
		flags := byte(0)
		if i == pages-1 {
			flags = oggLast
		}
		out.Write(oggPage(flags, uint64((i+1)*perPage*samples), stream, uint32(i+2), packets))
	}
	return out.Bytes()
}

const opusRate = 48000 // of positions, whatever the sound has

// Flags of pages.
const (
	oggFirst = 2
	oggLast  = 4
)

// oggPage returns a page (RFC 3533, section 6) with whole packets below 255 bytes each.
func oggPage(flags byte, granule uint64, stream, sequence uint32, packets [][]byte) []byte {
	page := append([]byte("OggS\x00"), flags)
	page = binary.LittleEndian.AppendUint64(page, granule)
	page = binary.LittleEndian.AppendUint32(page, stream)
	page = binary.LittleEndian.AppendUint32(page, sequence)
	page = append(page, 0, 0, 0, 0, byte(len(packets)))
	for _, p := range packets {
		page = append(page, byte(len(p)))
	}
	for _, p := range packets {
		page = append(page, p...)
	}
	binary.LittleEndian.PutUint32(page[22:], oggCRC(page))
	return page
}

// oggCRC is the checksum of a page whose field for it is zero.
func oggCRC(page []byte) (crc uint32) {
	for _, b := range page {
		crc ^= uint32(b) << 24
		for range 8 {
			if crc&(1<<31) != 0 {
				crc = crc<<1 ^ 0x04c11db7
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}
