// Package transducer finds the text of encoder rows with a transducer: RNN-T or TDT, greedily,
// as NVIDIA NeMo does.
//
// # The networks
//
// A CTC model says for each row by itself which piece it is. A transducer also knows what it has
// written so far (Graves, arXiv:1211.3711). Beside the encoder it has two small networks: the
// prediction network, an LSTM over the pieces written, and the joint, which takes a row and the
// output of the prediction network and gives logits of all pieces and of blank, which is the
// last piece. At the beginning nothing is written; that is the same as having written blank, with a
// state of zeros.
//
// # Greedy search
//
// At a row the joint is asked again and again. A piece is written and becomes the input of the
// prediction network; blank moves on to the next row. [Options.MaxSymbols] pieces in one row
// also move on. A TDT model (Xu et al., arXiv:2304.06795) gives further logits, of durations:
// after a piece, or blank, the search moves on by the most probable of them, which for a piece
// may be 0 and for blank is at least 1. Which is more probable is asked of pieces and of durations
// apart.
//
// # Rows ahead
//
// Up to the next piece all rows are asked with the same output of the prediction network. So one
// call asks several rows at once, of which those up to the next piece count. It costs hardly
// more than a call for one, as what takes time is reading the weights. Results are the same.
//
// # Long recordings
//
// The state goes on through a recording: rows may come in parts of any size, and give what they
// give at once. It is the LSTM's state, the last piece, how many rows are still to be passed over
// and how many pieces the current row has; memory does not grow.
//
// # Oracles
//
// NeMo 3.0.0 made the fixtures in testdata/transducer: scripted joints with everything that real
// models seldom do, and two trained models in both published layouts.
package transducer
