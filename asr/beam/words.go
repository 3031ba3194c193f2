package beam

import (
	"math"
	"slices"

	"github.com/asr-backend/asr-backend/asr/ctc"
)

// wordNode is a text that ends in a complete word: that word and the text before it. Texts share
// their nodes in a tree, in which each text has one node.
type wordNode struct {
	hash           uint64 // of the word
	parent         int32
	child, sibling int32 // the first of its children, and the next of its parent's
	refs           int32 // texts that go on from here, and children
	depth          int32 // how many words the text has
	// rival is how probable the best text is in which another word stands here, relative to
	// the best with this one.
	rival float32
}

// wordTree is a store of nodes.
type wordTree struct {
	all  []wordNode
	free []int32
	root int32 // the last node that all texts have in common, or one before it

	winner []int32  // for differ: nodes of the winner that the loser lacks,
	hashes []uint64 // and words of the loser that the winner lacks
}

func (w *wordTree) reset() {
	w.all = append(w.all[:0], wordNode{parent: none, child: none, sibling: none})
	w.free, w.root = w.free[:0], 0
}

// after returns the node of the text of a node and one more word. It may be new; nothing refers
// to it then.
func (w *wordTree) after(node int32, hash uint64) int32 {
	for c := w.all[node].child; c != none; c = w.all[c].sibling {
		if w.all[c].hash == hash {
			return c
		}
	}
	n := wordNode{hash: hash, parent: node, child: none, sibling: w.all[node].child, depth: w.all[node].depth + 1}
	var id int32
	if k := len(w.free); k > 0 {
		id = w.free[k-1]
		w.free = w.free[:k-1]
		w.all[id] = n
	} else {
		id = int32(len(w.all))
		w.all = append(w.all, n)
	}
	w.all[node].child = id
	w.all[node].refs++
	return id
}

func (w *wordTree) retain(node int32) { w.all[node].refs++ }

func (w *wordTree) release(node int32) {
	for node != none {
		n := &w.all[node]
		if n.refs--; n.refs > 0 || node == w.root {
			return
		}
		parent := n.parent
		if parent != none {
			w.unlink(parent, node)
		}
		w.free = append(w.free, node)
		node = parent
	}
}

func (w *wordTree) unlink(parent, node int32) {
	at := &w.all[parent].child
	for *at != node {
		at = &w.all[*at].sibling
	}
	*at = w.all[node].sibling
}

// mostDifferent bounds how far back two texts are compared, in words.
const mostDifferent = 16

// differ notes that the text of a node, the loser, is given up, and how probable it was beside
// that of the winner. The loser ends in the word last, if that is not zero.
func (w *wordTree) differ(winner, loser int32, last uint64, ratio float32) {
	w.winner, w.hashes = w.winner[:0], w.hashes[:0]
	a, b := winner, loser
	if last != 0 {
		w.hashes = append(w.hashes, last)
	}
	for a != b && a != none && b != none && len(w.winner) < mostDifferent && len(w.hashes) < mostDifferent {
		if w.all[a].depth >= w.all[b].depth {
			w.winner = append(w.winner, a)
			a = w.all[a].parent
		} else {
			w.hashes = append(w.hashes, w.all[b].hash)
			b = w.all[b].parent
		}
	}
	for _, id := range w.winner {
		n := &w.all[id]
		if ratio > n.rival && !slices.Contains(w.hashes, n.hash) {
			n.rival = ratio
		}
	}
}

// find returns the node of a depth on the way to a node, or none.
func (w *wordTree) find(node, depth int32) int32 {
	for node != none && w.all[node].depth > depth {
		node = w.all[node].parent
	}
	if node == none || w.all[node].depth < depth {
		return none
	}
	return node
}

// common returns how many words all texts have in common.
func (w *wordTree) common() int32 {
	node := w.root
	for w.all[node].refs == 1 && w.all[node].child != none {
		node = w.all[node].child
	}
	return w.all[node].depth
}

// trim forgets the nodes that all texts have in common, up to a depth.
func (w *wordTree) trim(depth int32) {
	for w.all[w.root].refs == 1 && w.all[w.root].child != none && w.all[w.root].depth < depth {
		child := w.all[w.root].child
		w.free = append(w.free, w.root)
		w.root = child
		w.all[child].parent = none
	}
}

// progress is how far in its words a text is.
type progress struct {
	words int32 // that are complete
	begun bool  // another one has begun
}

// pass adds a piece.
func (p *progress) pass(f *surface) {
	if f.starts && p.begun {
		p.words++
	}
	p.begun = p.begun && !f.starts || len(f.text) > 0
}

// giveUp notes what becomes of a candidate whose future is that of a better text.
func (d *Decoder) giveUp(c *candidate, better *text, sum float64) {
	from, last := &d.texts[c.from], uint64(0)
	if c.ended {
		last = from.word
	}
	d.words.differ(better.words, from.words, last, float32(sum/better.sum()))
}

// rowPower is how much the confidence of its rows says of a word beside its rivals, in which the
// language model has its part. Both this and the root were chosen by how well confidences
// separate right words from wrong ones, see the package comment.
const rowPower = 0.15

// judge gives tokens their confidences, given the node of the text that they belong to. They
// follow what was said before.
func (d *Decoder) judge(tokens []ctc.Token, said *progress, node int32) {
	for i := range tokens {
		t := &tokens[i]
		said.pass(&d.search.surfaces[t.Piece])
		confidence := math.Pow(float64(t.Confidence), rowPower)
		if at := d.words.find(node, said.words+1); at != none {
			confidence /= 1 + math.Sqrt(float64(d.words.all[at].rival))
		}
		t.Confidence = float32(confidence)
	}
}

// final is a text at the end of a recording.
type final struct {
	text int // the number of the text
	sum  float64
	best *path
	last ctc.Piece
}

// node returns the node of all words of a text.
func (d *Decoder) node(t *text) int32 {
	if !t.begun {
		return t.words
	}
	return d.words.after(t.words, t.word)
}

// compare notes which words differ in texts at the end, of which the best is the first.
func (d *Decoder) compare(finals []final) {
	if len(finals) == 0 {
		return
	}
	winner := d.node(&d.texts[finals[0].text])
	for _, f := range finals[1:] {
		t := &d.texts[f.text]
		d.words.differ(winner, t.words, t.lastWord(), float32(f.sum/finals[0].sum))
	}
}
