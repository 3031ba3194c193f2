package transcript

// A liner fills lines greedily and counts.
type liner struct {
	max    int // the width of a line
	lines  int // how many there are so far
	width  int // of the last line
	glued  int // of the atoms at its end that hang together
	widest int // of all lines
	total  int // of all lines
}

// add puts a at the end of the last line or on a new one, and returns how many lines more
// there are. The first atom always goes on the line that is there.
func (l *liner) add(a *atom, first bool) int {
	w := a.width
	if !a.glued {
		l.glued = 0
	}
	gap := 0
	if a.space && !first {
		gap = 1
	}
	l.total += gap + w
	before := l.lines
	switch {
	case first || l.width+gap+w <= l.max || a.glued && l.glued == l.width:
		l.width += gap + w
	case a.glued:
		l.lines++
		l.width = l.glued + w // what hangs together moves to the new line
	default:
		l.lines++
		l.width = w
	}
	l.glued += w
	if first {
		l.glued = l.width // never break right after the prefix
	}
	l.widest = max(l.widest, l.width)
	return l.lines - before
}

// wrap breaks atoms into the fewest lines of at most width columns, and among those into
// the most even. The first line begins prefix columns in. What hangs together and is
// wider than a line gets a line to itself.
func wrap(atoms []atom, width, prefix int) [][]atom {
	fill := func(max int) (liner, []int) {
		l := liner{max: max, width: prefix, lines: 1}
		starts := []int{0}
		group := 0
		for i := range atoms {
			if !atoms[i].glued {
				group = i
			}
			if l.add(&atoms[i], i == 0) > 0 {
				starts = append(starts, group)
			}
		}
		return l, starts
	}
	l, starts := fill(width)
	for w := min(l.widest, width) - 1; l.lines > 1 && w > 0; w-- {
		narrow, s := fill(w)
		if narrow.lines > l.lines || narrow.widest > w {
			break
		}
		starts = s
	}
	lines := make([][]atom, len(starts))
	for i, from := range starts {
		to := len(atoms)
		if i+1 < len(starts) {
			to = starts[i+1]
		}
		lines[i] = atoms[from:to]
	}
	return lines
}
