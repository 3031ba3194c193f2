package mpeg

// lines is the number of frequency lines of a granule.
const lines = 576

// Widths of the scale factor bands in lines, by sampling frequency. The last band of
// each has no scale factor of its own.
var (
	bandsLong = [9][22]uint8{
		{4, 4, 4, 4, 4, 4, 6, 6, 8, 8, 10, 12, 16, 20, 24, 28, 34, 42, 50, 54, 76, 158},     // 44100 Hz
		{4, 4, 4, 4, 4, 4, 6, 6, 6, 8, 10, 12, 16, 18, 22, 28, 34, 40, 46, 54, 54, 192},     // 48000 Hz
		{4, 4, 4, 4, 4, 4, 6, 6, 8, 10, 12, 16, 20, 24, 30, 38, 46, 56, 68, 84, 102, 26},    // 32000 Hz
		{6, 6, 6, 6, 6, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 38, 46, 52, 60, 68, 58, 54},   // 22050 Hz
		{6, 6, 6, 6, 6, 6, 8, 10, 12, 14, 16, 18, 22, 26, 32, 38, 46, 54, 62, 70, 76, 36},   // 24000 Hz
		{6, 6, 6, 6, 6, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 38, 46, 52, 60, 68, 58, 54},   // 16000 Hz
		{6, 6, 6, 6, 6, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 38, 46, 52, 60, 68, 58, 54},   // 11025 Hz
		{6, 6, 6, 6, 6, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 38, 46, 52, 60, 68, 58, 54},   // 12000 Hz
		{12, 12, 12, 12, 12, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64, 76, 90, 2, 2, 2, 2, 2}, // 8000 Hz
	}
	bandsShort = [9][13]uint8{
		{4, 4, 4, 4, 6, 8, 10, 12, 14, 18, 22, 30, 56},
		{4, 4, 4, 4, 6, 6, 10, 12, 14, 16, 20, 26, 66},
		{4, 4, 4, 4, 6, 8, 12, 16, 20, 26, 34, 42, 12},
		{4, 4, 4, 6, 6, 8, 10, 14, 18, 26, 32, 42, 18},
		{4, 4, 4, 6, 8, 10, 12, 14, 18, 24, 32, 44, 12},
		{4, 4, 4, 6, 8, 10, 12, 14, 18, 24, 30, 40, 18},
		{4, 4, 4, 6, 8, 10, 12, 14, 18, 24, 30, 40, 18},
		{4, 4, 4, 6, 8, 10, 12, 14, 18, 24, 30, 40, 18},
		{8, 8, 8, 12, 16, 20, 24, 28, 36, 2, 2, 2, 26},
	}
)

// rateIndex is h's row in the tables of bands.
func rateIndex(h Header) int {
	row := 3 * (h.Version - 1)
	switch h.Rate << (h.Version - 1) {
	case 48000:
		row++
	case 32000:
		row += 2
	}
	return row
}

func longBands(h Header) []uint8  { return bandsLong[rateIndex(h)][:] }
func shortBands(h Header) []uint8 { return bandsShort[rateIndex(h)][:] }

// edge returns the line at which band n begins.
func edge(widths []uint8, n int) int {
	at := 0
	for _, w := range widths[:min(n, len(widths))] {
		at += int(w)
	}
	return at
}

// A layout is how the lines of a granule fall into bands: long ones first, then short
// ones, each of them once for each of the three windows.
type layout struct {
	long   int // bands
	short  int // bands, three for each width
	widths [39]uint8
}

// mixedSubbands is how many subbands of 18 lines are long in a mixed block.
func mixedSubbands(h Header) int {
	if h.Rate == 8000 {
		return 4
	}
	return 2
}

func (l *layout) set(h Header, g *granule) {
	long, short := longBands(h), shortBands(h)
	l.long, l.short = 0, 0
	switch {
	case g.blockType != blockShort:
		l.long = len(long)
		copy(l.widths[:], long)
		return
	case g.mixed:
		// The long bands of the lowest subbands, then the short ones above.
		top := slots * mixedSubbands(h)
		for at := 0; at < top; l.long++ {
			l.widths[l.long] = long[l.long]
			at += int(long[l.long])
		}
		short = short[3:]
	}
	for _, w := range short {
		for range 3 {
			l.widths[l.long+l.short] = w
			l.short++
		}
	}
}

func (l *layout) bands() []uint8 { return l.widths[:l.long+l.short] }
