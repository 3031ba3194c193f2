package transducer

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/timeline"
)

// AppendSnapshot appends to b what a Decoder needs to go on: how many of the next rows are passed
// over, and how many there are since the last piece (64 bits each, little-endian), the pieces of the
// current row and the last piece (32 bits each), and the state as float32.
func (d *Decoder) AppendSnapshot(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(d.skip))
	b = binary.LittleEndian.AppendUint64(b, uint64(d.at-d.last))
	b = binary.LittleEndian.AppendUint32(b, uint32(d.here))
	b = binary.LittleEndian.AppendUint32(b, uint32(d.label))
	for _, values := range [][]float32{d.state.Hidden, d.state.Cell} {
		for _, v := range values {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
	}
	return b
}

const snapshotHead = 24

func readHead(b []byte) (skip, since uint64, here, label uint32) {
	le := binary.LittleEndian
	return le.Uint64(b), le.Uint64(b[8:]), le.Uint32(b[16:]), le.Uint32(b[20:])
}

var errSnapshot = errors.New("transducer: the snapshot is not of this model")

// CheckSnapshot returns an error if a snapshot is not one that Restore takes.
func (d *Decoder) CheckSnapshot(b []byte) error {
	if len(b) != snapshotHead+4*(len(d.state.Hidden)+len(d.state.Cell)) {
		return errSnapshot
	}
	skip, since, here, label := readHead(b)
	if skip > math.MaxInt32 || since > math.MaxInt32 || int64(here) > int64(d.o.MaxSymbols) || int64(label) > int64(d.o.Blank) {
		return errSnapshot
	}
	return nil
}

// Known returns the state of Options.Bias after the pieces so far, which is not part of snapshots.
func (d *Decoder) Known() beam.BiasState { return d.known }

// Know sets the state of Options.Bias to that after more pieces.
func (d *Decoder) Know(after beam.BiasState, more []ctc.Token) {
	if d.known = after; d.o.Bias == nil {
		return
	}
	for i := range more {
		d.known = d.o.Bias.Next(d.known, more[i].Piece)
	}
}

// Restore makes a Decoder go on at a row as the one did of which a snapshot was taken there.
func (d *Decoder) Restore(b []byte, at timeline.Row) error {
	if err := d.CheckSnapshot(b); err != nil {
		return err
	}
	skip, since, here, label := readHead(b)
	d.at, d.skip, d.last, d.here, d.label = at, timeline.Row(skip), at-timeline.Row(since), int(here), ctc.Piece(label)
	b = b[snapshotHead:]
	for _, values := range [][]float32{d.state.Hidden, d.state.Cell} {
		for i := range values {
			values[i] = math.Float32frombits(binary.LittleEndian.Uint32(b))
			b = b[4:]
		}
	}
	return nil
}
