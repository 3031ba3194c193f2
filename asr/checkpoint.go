package asr

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/timeline"
)

// A checkpoint is kept with a window of a transducer, whose rows would take a hundred times as
// much: up to which row the text is decoded once the window is there, the tokens since the
// checkpoint before, and the decoder's state. A recording that is recognized again goes on from
// the last one. The window of that is run again, because its later rows are not kept.
//
//	row      64 bits, little-endian, from the first of the part
//	tokens   their number, 32 bits; of each piece, first and last row (from the first of the
//	         part), log-probability and confidence, 32 bits each
//	decoder  see transducer.Decoder.AppendSnapshot
type checkpoint struct {
	row      timeline.Row
	tokens   []ctc.Token // rows of the recording
	snapshot []byte
}

const (
	checkpointHead  = 12
	checkpointToken = 20
)

func (c *checkpoint) encode(first timeline.Row) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(c.row))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(c.tokens)))
	for _, t := range c.tokens {
		for _, v := range []uint32{uint32(t.Piece), uint32(t.First - first), uint32(t.Last - first), math.Float32bits(t.LogProb), math.Float32bits(t.Confidence)} {
			b = binary.LittleEndian.AppendUint32(b, v)
		}
	}
	return append(b, c.snapshot...)
}

var errCheckpoint = errors.New("asr: the checkpoint of a window is damaged")

// parseCheckpoint reads what encode has written, of a vocabulary and a part of a recording.
func parseCheckpoint(b []byte, first timeline.Row, blank ctc.Piece) (*checkpoint, error) {
	if len(b) < checkpointHead {
		return nil, errCheckpoint
	}
	row, n := binary.LittleEndian.Uint64(b), int(binary.LittleEndian.Uint32(b[8:]))
	if b = b[checkpointHead:]; row > math.MaxInt32 || n > len(b)/checkpointToken {
		return nil, errCheckpoint
	}
	c := &checkpoint{row: timeline.Row(row), tokens: make([]ctc.Token, n)}
	for i := range c.tokens {
		field := func(k int) uint32 { return binary.LittleEndian.Uint32(b[4*k:]) }
		piece, from, to := ctc.Piece(field(0)), timeline.Row(field(1)), timeline.Row(field(2))
		if piece < 0 || piece >= blank || from > to || from >= c.row {
			return nil, errCheckpoint
		}
		c.tokens[i] = ctc.Token{Piece: piece, First: first + from, Last: first + to, LogProb: math.Float32frombits(field(3)), Confidence: math.Float32frombits(field(4))}
		b = b[checkpointToken:]
	}
	c.snapshot = b
	return c, nil
}

// checkpointOf returns the checkpoint that is kept with the window at a row, or nil.
func (t *track) checkpointOf(start timeline.Row) *checkpoint {
	if t.req.Load == nil {
		return nil
	}
	saved := t.req.Load(t.channel, start)
	if len(saved.Checkpoint) == 0 {
		return nil
	}
	c, err := parseCheckpoint(saved.Checkpoint, t.origin, t.r.vocabulary.Blank())
	if err == nil {
		err = t.decoding.decoder.CheckSnapshot(c.snapshot)
	}
	if err != nil {
		return nil // it is recognized again
	}
	return c
}

// resume makes a track go on at a checkpoint. Rows and tokens since the one before, if the track
// has any, are replaced by those of the checkpoint.
func (t *track) resume(c *checkpoint) error {
	d, r := t.decoding, t.result
	if err := d.decoder.Restore(c.snapshot, t.origin+c.row); err != nil {
		return err
	}
	r.Rows, r.Tokens = r.Rows[:d.marked.rows], append(r.Tokens[:d.marked.tokens], c.tokens...)
	for timeline.Row(len(r.Rows)) < c.row {
		r.Rows = append(r.Rows, ctc.SilentRow(d.blank))
	}
	for _, x := range c.tokens {
		d.noteRow(&x)
	}
	t.stitch.at, t.stitch.held = c.row, output{}
	d.mark()
	return nil
}

// checkpoint returns one of what is decoded by now.
func (t *track) checkpoint() []byte {
	d := t.decoding
	c := checkpoint{row: timeline.Row(len(t.result.Rows)), tokens: t.result.Tokens[d.marked.tokens:], snapshot: d.decoder.AppendSnapshot(nil)}
	d.mark()
	return c.encode(t.origin)
}
