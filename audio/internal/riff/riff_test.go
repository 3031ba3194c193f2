package riff

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// chunk makes a chunk with its padding.
func chunk(order binary.AppendByteOrder, id string, data []byte) []byte {
	b := append([]byte(id), order.AppendUint32(nil, uint32(len(data)))...)
	b = append(b, data...)
	if len(data)%2 == 1 {
		b = append(b, 0)
	}
	return b
}

// format makes the content of a fmt chunk of 16 bytes.
func format(order binary.AppendByteOrder, tag, channels, rate, frame, bits int) []byte {
	b := order.AppendUint16(nil, uint16(tag))
	b = order.AppendUint16(b, uint16(channels))
	b = order.AppendUint32(b, uint32(rate))
	b = order.AppendUint32(b, uint32(rate*frame))
	b = order.AppendUint16(b, uint16(frame))
	return order.AppendUint16(b, uint16(bits))
}

func file(form string, chunks ...[]byte) []byte {
	b := append([]byte(form), 0, 0, 0, 0)
	b = append(b, "WAVE"...)
	return append(b, bytes.Join(chunks, nil)...)
}

var le, be = binary.LittleEndian, binary.BigEndian

func TestHeadersAreReadInEveryForm(t *testing.T) {
	plain := Format{Tag: TagPCM, Channels: 2, Rate: 44100, FrameBytes: 4, Bits: 16}
	fmtChunk := chunk(le, "fmt ", format(le, 1, 2, 44100, 4, 16))
	data := []byte("data\x08\x00\x00\x00SSSSSSSS")
	open := []byte("data\xff\xff\xff\xffSSSS")
	ds64 := make([]byte, 28)
	le.PutUint64(ds64[8:], 5_000_000_000)

	extension := append(format(le, TagExtensible, 1, 48000, 4, 32), 22, 0, 24, 0, 0, 0, 0, 0)
	extension = append(extension, "\x03\x00\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"...)
	bigExtension := append(format(be, TagExtensible, 1, 48000, 4, 32), 0, 22, 0, 24, 0, 0, 0, 0)
	bigExtension = append(bigExtension, "\x00\x00\x00\x03\x00\x00\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71"...)
	float := Format{Tag: TagFloat, Channels: 1, Rate: 48000, FrameBytes: 4, Bits: 32, ValidBits: 24}

	for _, c := range []struct {
		name string
		file []byte
		want Header
	}{
		{"plain", file("RIFF", fmtChunk, data),
			Header{Form: "RIFF", Format: plain, DataAt: 44, Data: 8}},
		{"with other chunks before, of odd lengths", file("RIFF", chunk(le, "bext", make([]byte, 603)), fmtChunk, chunk(le, "LIST", []byte("odd")), data),
			Header{Form: "RIFF", Format: plain, DataAt: 44 + 612 + 12, Data: 8}},
		{"with an odd chunk whose padding was forgotten", file("RIFF", fmtChunk, []byte("LIST\x03\x00\x00\x00odd"), data),
			Header{Form: "RIFF", Format: plain, DataAt: 44 + 11, Data: 8}},
		{"from a pipe, without a length", file("RIFF", fmtChunk, open),
			Header{Form: "RIFF", Format: plain, DataAt: 44, Data: Unknown}},
		{"with 64-bit lengths", file("RF64", chunk(le, "ds64", ds64), fmtChunk, open),
			Header{Form: "RF64", Format: plain, DataAt: 44 + 36, Data: 5_000_000_000}},
		{"big-endian", file("RIFX", chunk(be, "fmt ", format(be, 1, 2, 44100, 4, 16)), []byte("data\x00\x00\x00\x08SSSSSSSS")),
			Header{Form: "RIFX", BigEndian: true, Format: plain, DataAt: 44, Data: 8}},
		{"extensible", file("RIFF", chunk(le, "fmt ", extension), data),
			Header{Form: "RIFF", Format: float, DataAt: 68, Data: 8}},
		{"extensible and big-endian", file("RIFX", chunk(be, "fmt ", bigExtension), []byte("data\x00\x00\x00\x08SSSSSSSS")),
			Header{Form: "RIFX", BigEndian: true, Format: float, DataAt: 68, Data: 8}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, r := range []io.Reader{bytes.NewReader(c.file), iotest.OneByteReader(bytes.NewReader(c.file))} {
				got, err := Read(r)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
				if rest, _ := io.ReadAll(r); int64(len(rest)) != int64(len(c.file))-c.want.DataAt {
					t.Errorf("%d bytes follow the header, want %d", len(rest), int64(len(c.file))-c.want.DataAt)
				}
			}
		})
	}
}

func TestAFormatBehindTheSoundIsRead(t *testing.T) {
	for _, sound := range []string{"data\x08\x00\x00\x00SSSSSSSS", "data\x07\x00\x00\x00SSSSSSS\x00", "data\x07\x00\x00\x00SSSSSSS"} {
		whole := file("RIFF", []byte(sound), chunk(le, "LIST", []byte("odd")), chunk(le, "fmt ", format(le, 1, 2, 44100, 4, 16)))
		r := bytes.NewReader(whole)
		h, err := Read(r)
		if !errors.Is(err, ErrDataFirst) || h.DataAt != 20 {
			t.Fatalf("got %+v, %v", h, err)
		}
		rest := whole[h.DataAt+h.Data:]
		if err := h.ReadFormat(bytes.NewReader(rest)); err != nil || h.Format.Rate != 44100 || h.Format.Bits != 16 {
			t.Errorf("%q: got %+v, %v", sound, h.Format, err)
		}
		for n := range len(rest) {
			if err := h.ReadFormat(bytes.NewReader(rest[:n])); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%q, %d of %d bytes: got %v", sound, n, len(rest), err)
			}
		}
	}
}

func TestEveryCutOfAHeaderIsSaidToBeOne(t *testing.T) {
	whole := file("RIFF", chunk(le, "LIST", []byte("odd")), chunk(le, "fmt ", format(le, 1, 2, 44100, 4, 16)), []byte("data\x08\x00\x00\x00"))
	for n := range whole {
		if _, err := Read(bytes.NewReader(whole[:n])); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut to %d bytes: got %v, want %v", n, err, io.ErrUnexpectedEOF)
		}
	}
}

func TestWhatIsNoWaveIsRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		file []byte
		want error
	}{
		{"AVI", []byte("RIFF\x00\x00\x00\x00AVI LIST"), ErrNotWAVE},
		{"AIFF", []byte("FORM\x00\x00\x00\x00WAVE"), ErrNotWAVE},
	} {
		if _, err := Read(bytes.NewReader(c.file)); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
	if _, err := Read(bytes.NewReader(file("RIFF", []byte("data\x08\x00\x00\x00SSSSSSSS")))); err == nil {
		t.Error("sound before its format: got no error")
	}
	if _, err := Read(bytes.NewReader(file("RIFF", chunk(le, "fmt ", make([]byte, 12))))); err == nil {
		t.Error("format of 12 bytes: got no error")
	}
}
