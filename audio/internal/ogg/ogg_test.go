package ogg

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/opus/pkg/oggreader"

	"github.com/asr-backend/asr-backend/internal/oracle"
)

// page makes a page; lengths are its table of segments, the data all of one letter.
func page(flags byte, granule int64, serial, sequence uint32, letter byte, lengths ...byte) []byte {
	b := append([]byte("OggS\x00"), flags)
	b = binary.LittleEndian.AppendUint64(b, uint64(granule))
	b = binary.LittleEndian.AppendUint32(b, serial)
	b = binary.LittleEndian.AppendUint32(b, sequence)
	b = append(b, 0, 0, 0, 0, byte(len(lengths)))
	b = append(b, lengths...)
	for _, n := range lengths {
		b = append(b, bytes.Repeat([]byte{letter}, int(n))...)
	}
	binary.LittleEndian.PutUint32(b[22:], checksum(b))
	return b
}

const (
	continued = 1
	first     = 2
	last      = 4
)

// summary is what a test looks at.
type summary struct {
	Granule int64
	Gap     bool
	Packets []int // lengths
}

// readAll follows the first stream.
func readAll(t *testing.T, file []byte) (got []summary, cut bool) {
	t.Helper()
	r := NewReader(bufio.NewReaderSize(bytes.NewReader(file), 1<<17))
	for {
		p, err := r.Next()
		if err == io.EOF {
			return got, r.Cut()
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 0 {
			r.Follow(p)
		}
		s := summary{Granule: p.Granule, Gap: p.Gap}
		for _, b := range p.Packets {
			s.Packets = append(s.Packets, len(b))
		}
		got = append(got, s)
	}
}

func TestPacketsAreJoinedAcrossPagesAndLossIsSeen(t *testing.T) {
	head := page(first, 0, 7, 0, 'h', 19)
	one := page(0, 960, 7, 1, 'a', 10, 20)
	long := page(0, NoGranule, 7, 2, 'b', 255, 255)
	rest := page(continued, 1920, 7, 3, 'b', 255, 3, 40)
	end := page(last, 2880, 7, 4, 'c', 50)
	damaged := bytes.Clone(one)
	damaged[30] ^= 1
	for _, c := range []struct {
		name  string
		pages [][]byte
		want  []summary
		cut   bool
	}{
		{"in order", [][]byte{head, one, long, rest, end},
			[]summary{{0, false, []int{19}}, {960, false, []int{10, 20}}, {-1, false, nil}, {1920, false, []int{768, 40}}, {2880, false, []int{50}}}, false},
		{"with a page lost", [][]byte{head, long, rest, end},
			[]summary{{0, false, []int{19}}, {-1, true, nil}, {1920, false, []int{768, 40}}, {2880, false, []int{50}}}, false},
		{"with the beginning of a packet lost", [][]byte{head, one, rest, end},
			[]summary{{0, false, []int{19}}, {960, false, []int{10, 20}}, {1920, true, []int{40}}, {2880, false, []int{50}}}, false},
		{"with the end of a packet lost", [][]byte{head, one, long, end},
			[]summary{{0, false, []int{19}}, {960, false, []int{10, 20}}, {-1, false, nil}, {2880, true, []int{50}}}, false},
		{"with a page damaged", [][]byte{head, damaged, long, rest, end},
			[]summary{{0, false, []int{19}}, {-1, true, nil}, {1920, false, []int{768, 40}}, {2880, false, []int{50}}}, false},
		{"with junk between", [][]byte{head, []byte("OggOggS!"), one, end},
			[]summary{{0, false, []int{19}}, {960, true, []int{10, 20}}, {2880, true, []int{50}}}, false},
		{"with another stream between", [][]byte{head, page(0, 5, 8, 1, 'x', 9), one},
			[]summary{{0, false, []int{19}}, {960, false, []int{10, 20}}}, false},
		{"cut within a page", [][]byte{head, one[:len(one)-5]},
			[]summary{{0, false, []int{19}}}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, cut := readAll(t, bytes.Join(c.pages, nil))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if cut != c.cut {
				t.Errorf("cut: got %v, want %v", cut, c.cut)
			}
		})
	}
}

func TestOfHugePacketsOnlyTheBeginningIsKept(t *testing.T) {
	full := bytes.Repeat([]byte{255}, 255)
	file := page(first, 0, 7, 0, 'h', 19)
	for i := range uint32(20) {
		file = append(file, page(continued*byte(min(i, 1)), NoGranule, 7, 1+i, 'p', full...)...)
	}
	file = append(file, page(continued, 0, 7, 21, 'p', 5, 33)...)
	got, _ := readAll(t, file)
	sizes := got[len(got)-1].Packets
	if len(sizes) != 2 || sizes[0] < maxPacket || sizes[0] > maxPacket+255 || sizes[1] != 33 {
		t.Errorf("got packets of %d bytes, want one of about %d and one of 33", sizes, maxPacket)
	}
}

func TestAnotherReaderFindsTheSamePackets(t *testing.T) {
	file, err := os.ReadFile(oracle.Data(t, "audio", "odd-audio", "lhotse", "stereo.opus"))
	if err != nil {
		t.Fatal(err)
	}
	r := NewReader(bufio.NewReaderSize(bytes.NewReader(file), 1<<17))
	other, _, err := oggreader.NewWith(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	packets := 0
	for {
		p, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range p.Packets {
			if packets++; packets == 1 {
				continue // the other reader has taken the head
			}
			want, _, err := other.ParseNextPacket()
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("packet %d: %d bytes, want %d", packets, len(got), len(want))
			}
		}
	}
	if packets < 10 {
		t.Errorf("only %d packets", packets)
	}
}

// FuzzRead reads anything: no panic, and no more bytes in packets than in the file.
func FuzzRead(f *testing.F) {
	f.Add(bytes.Join([][]byte{page(first, 0, 7, 0, 'h', 19), page(0, -1, 7, 1, 'a', 255, 255), page(continued|last, 9, 7, 2, 'b', 3, 4)}, nil))
	for _, name := range []string{"stereo.opus", "mono_c0.opus"} {
		file, err := os.ReadFile(oracle.Data(f, "audio", "odd-audio", "lhotse", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewReader(bufio.NewReaderSize(bytes.NewReader(b), 1<<17))
		total := 0
		for {
			p, err := r.Next()
			if err == io.EOF {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if p.First {
				r.Follow(p)
			}
			for _, packet := range p.Packets {
				total += len(packet)
			}
			if total > len(b) {
				t.Fatalf("%d bytes in packets of a file of %d", total, len(b))
			}
		}
	})
}
