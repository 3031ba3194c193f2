package asr

import (
	"context"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/mel"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/timeline"
)

// Window is the geometry of model runs over a long recording: every run sees Rows rows,
// of which the outer Context on each side are also seen by a neighbour. Windows start
// every Rows-2·Context rows, always on the row grid, so their rows are the recording's.
// The last window ends with the recording and has Last rows at least; 0 means Rows.
type Window struct {
	Rows, Context timeline.Row
	Last          timeline.Row `json:",omitempty"`
}

// DefaultWindow is 25.6 s, since models are trained on clips of up to 20 s, and 22.4 s of it are new.
// Rows that are a second from the edge are as good as those in the middle, and a short last window
// costs no errors; doc/performance.md has the figures.
var DefaultWindow = Window{Rows: 320, Context: 20, Last: 80}

// step is the distance between the starts of neighbouring windows.
func (w Window) step() timeline.Row { return w.Rows - 2*w.Context }

// frames is the length of a window.
func (w Window) frames() timeline.Frame { return timeline.Frame(w.Rows) * timeline.FramesPerRow }

// last returns where the last window of a recording of n frames starts, given where the next one
// would: there, or so far before that it has Last rows. At most seven frames of it are
// padding. A recording no longer than a window has its only window at zero.
func (w Window) last(n timeline.Frame, next timeline.Row) timeline.Row {
	return max(min(next, timeline.RowsIn(n)-w.shortest()), 0)
}

// shortest is how many rows a window has that is not the only one.
func (w Window) shortest() timeline.Row {
	if w.Last == 0 {
		return w.Rows
	}
	return min(w.Last, w.Rows)
}

// window is one part of one recording on its way through the model.
type window struct {
	ctx      context.Context
	owner    *track
	priority priority.Class
	start    timeline.Row
	frames   timeline.Frame
	features []float32   // as the model takes them, bands × frames; the worker's until it is done
	placed   bool        // it has a place in the room
	logProbs bool        // keep whole rows of log-probabilities, not only their summary
	decode   bool        // keep the rows of the encoder, for a transducer, and what its CTC head says
	search   bool        // keep candidates
	sum      uint64      // of its frames, if the recording has several channels
	run      bool        // the model runs over it
	same     *window     // of another channel, whose result is this one's too
	kept     *checkpoint // of a transducer, from an earlier recognition; nil if there is none
	skipped  bool        // everything that the window brings is in kept

	// Set by the worker before done is closed.
	output
	err  error
	done chan struct{}
}

func (w *window) fail(err error) { w.err, w.output = err, output{} }

// whole reports whether the model's rows are needed as they are.
func (w *window) whole() bool { return w.logProbs || w.search }

// copyTo writes the features to dst, which holds bands of stride values each. The rest of each
// is zero, as NeMo pads.
func (w *window) copyTo(dst []float32, bands, stride int) {
	n := int(w.frames)
	if n == stride {
		copy(dst, w.features)
		return
	}
	for m := range bands {
		row := dst[m*stride : (m+1)*stride]
		clear(row[copy(row, w.features[m*n:(m+1)*n]):])
	}
}

// audible reports whether any frame stands out from digital silence and the dither of
// 16-bit converters. Normalising a window without sound would blow its noise up to the
// level of speech, so such a window is not run.
func audible(levels []mel.Level) bool {
	const dither = 2 // a quarter of a nat; noise of one least significant bit reaches 0.1
	for _, l := range levels {
		if l > dither {
			return true
		}
	}
	return false
}

func silentRows(n timeline.Row, blank ctc.Piece) []ctc.Row {
	rows := make([]ctc.Row, n)
	for i := range rows {
		rows[i] = ctc.SilentRow(blank)
	}
	return rows
}

// silentLogProbs are rows that give blank certainty and every piece next to nothing.
func silentLogProbs(n timeline.Row, width int, blank ctc.Piece) []float32 {
	const never = -100
	full := make([]float32, int(n)*width)
	for i := range full {
		if ctc.Piece(i%width) != blank {
			full[i] = never
		}
	}
	return full
}
