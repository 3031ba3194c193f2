// Package mpeg finds the frames of MPEG audio in a file and decodes those of layer III,
// better known as MP3.
//
// A frame is a header of four bytes, perhaps a checksum, side information and main data.
// It stands for 1152 samples (576 below 32 kHz) of one or two channels. Main data may
// begin in earlier frames, up to 511 bytes back, so that loud moments borrow bits from
// quiet ones. From bits to sound:
//
//	Huffman codes       576 lines a granule and channel, small whole numbers
//	requantisation      n^(4/3), times a power of two for each scale factor band
//	stereo              middle and side, or intensity, to left and right
//	hybrid synthesis    inverse MDCT with overlap: 32 subbands of 18 samples
//	polyphase synthesis 32 subbands to 32 samples, 18 times
//
// The two transforms are matrix products with tables made from their definitions, without
// what the symmetry of cosines gives for nothing, by AVX on amd64; elsewhere Go computes
// the same bits. All of MPEG-1, MPEG-2 and MPEG-2.5 is decoded, free format and changes of
// mode included, in float32 and without allocation. Frames of layers I and II are found but
// not decoded.
//
// This decoder exists because of what the usual one in Go, hajimehoshi/go-mp3, does to
// speech. At low sampling frequencies it gives noise without an error: on l3-test46.bit,
// 22.05 kHz, it is -14 dB of signal to difference from the reference of the standard,
// this one within half a step of 16 bits (cross_test.go, vectors_test.go). It refuses
// MPEG-2.5 and free format, and drops damaged frames, so that everything after them comes
// too early. It takes some 30 times as long and allocates 2.7 MB for each second of sound
// (go test -bench 'Other|Decode'). Where it is right, it checks this package in tests.
//
// References: ISO/IEC 11172-3, ISO/IEC 13818-3.
package mpeg
