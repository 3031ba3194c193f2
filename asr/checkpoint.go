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
//	rows     of a hybrid, the number of rows since the checkpoint before, else 0; 32 bits
//	tokens   their number, 32 bits; of each piece, first and last row (from the first of the
//	         part), log-probability and confidence, 32 bits each
//	         then, of a hybrid, the evidence of each token, and the rows as ctc.AppendRows writes them
//	decoder  see transducer.Decoder.AppendSnapshot
type checkpoint struct {
	row      timeline.Row
	rows     []ctc.Row
	tokens   []ctc.Token // rows of the recording
	evidence []ctc.Evidence
	snapshot []byte
}

const (
	checkpointHead  = 16
	checkpointToken = 20
)

func (c *checkpoint) encode(first timeline.Row) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(c.row))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(c.rows)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(c.tokens)))
	for _, t := range c.tokens {
		for _, v := range []uint32{uint32(t.Piece), uint32(t.First - first), uint32(t.Last - first), math.Float32bits(t.LogProb), math.Float32bits(t.Confidence)} {
			b = binary.LittleEndian.AppendUint32(b, v)
		}
	}
	for i := range c.evidence {
		b = c.evidence[i].Append(b)
	}
	return append(ctc.AppendRows(b, c.rows), c.snapshot...)
}

var errCheckpoint = errors.New("asr: the checkpoint of a window is damaged")

// parseCheckpoint reads what encode has written, of a part of a recording.
func (t *track) parseCheckpoint(b []byte) (*checkpoint, error) {
	if len(b) < checkpointHead {
		return nil, errCheckpoint
	}
	row, rows, n := binary.LittleEndian.Uint64(b), int(binary.LittleEndian.Uint32(b[8:])), int(binary.LittleEndian.Uint32(b[12:]))
	if b = b[checkpointHead:]; row > math.MaxInt32 || n > len(b)/checkpointToken {
		return nil, errCheckpoint
	}
	c := &checkpoint{row: timeline.Row(row), tokens: make([]ctc.Token, n)}
	for i := range c.tokens {
		field := func(k int) uint32 { return binary.LittleEndian.Uint32(b[4*k:]) }
		piece, from, to := ctc.Piece(field(0)), timeline.Row(field(1)), timeline.Row(field(2))
		if piece < 0 || piece >= t.r.vocabulary.Blank() || from > to || from >= c.row {
			return nil, errCheckpoint
		}
		c.tokens[i] = ctc.Token{Piece: piece, First: t.origin + from, Last: t.origin + to, LogProb: math.Float32frombits(field(3)), Confidence: math.Float32frombits(field(4))}
		b = b[checkpointToken:]
	}
	if t.r.Aligns() {
		if timeline.Row(rows) > c.row || n*ctc.EvidenceBytes+rows*ctc.RowBytes > len(b) {
			return nil, errCheckpoint
		}
		for range n {
			c.evidence = append(c.evidence, ctc.ParseEvidence(b))
			b = b[ctc.EvidenceBytes:]
		}
		var err error
		if c.rows, err = ctc.ParseRows(b[:rows*ctc.RowBytes], t.r.vocabulary.Width()); err != nil {
			return nil, err
		}
		b = b[rows*ctc.RowBytes:]
	}
	c.snapshot = b
	return c, t.decoding.decoder.CheckSnapshot(b)
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
	c, err := t.parseCheckpoint(saved.Checkpoint)
	if err != nil {
		return nil // it is recognized again
	}
	return c
}

// resume makes a track go on at a checkpoint. What the track has since the one before, if anything,
// is replaced by what the checkpoint has.
func (t *track) resume(c *checkpoint) error {
	d, r := t.decoding, t.result
	if err := d.decoder.Restore(c.snapshot, t.origin+c.row); err != nil {
		return err
	}
	r.Tokens = append(r.Tokens[:d.marked.tokens], c.tokens...)
	// Where a checkpoint before this one was not kept, and its window came out otherwise, rows may be
	// missing or too many. Places of rows must stay right.
	r.Rows = r.Rows[:d.marked.rows]
	pad := func(end timeline.Row) {
		r.Rows = r.Rows[:min(len(r.Rows), int(end))]
		for timeline.Row(len(r.Rows)) < end {
			r.Rows = append(r.Rows, ctc.SilentRow(d.blank))
		}
	}
	pad(c.row - timeline.Row(len(c.rows)))
	r.Rows = append(r.Rows, c.rows...)
	pad(c.row)
	if t.r.Aligns() {
		r.Evidence = append(r.Evidence[:d.marked.tokens], c.evidence...)
	} else {
		for _, x := range c.tokens {
			d.noteRow(&x)
		}
	}
	d.decoder.Know(d.marked.known, c.tokens)
	t.stitch.at, t.stitch.held = c.row, output{}
	d.mark()
	return nil
}

// checkpoint returns one of what is decoded by now.
func (t *track) checkpoint() []byte {
	d := t.decoding
	c := checkpoint{row: timeline.Row(len(t.result.Rows)), tokens: t.result.Tokens[d.marked.tokens:], snapshot: d.decoder.AppendSnapshot(nil)}
	if t.r.Aligns() {
		c.rows, c.evidence = t.result.Rows[d.marked.rows:], t.result.Evidence[d.marked.tokens:]
	}
	return c.encode(t.origin)
}
