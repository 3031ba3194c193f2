package align

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/timeline"
)

// reading is a long recording made up with its text: what was spoken, row by row, and a
// reference in which a page is missing, one is too many, and words are changed.
type reading struct {
	*Emissions
	ref     Reference
	changed map[int]bool // words of the reference that were spoken otherwise
	page    [2]int       // words of the reference that were not spoken
	skipped int          // word of the reference before which a page is missing
	missing [2]timeline.Row
	at      []viterbiSpan // where each word of the reference was said
}

type viterbiSpan struct{ first, last timeline.Row }

// pageWords is the length of a page in words.
const pageWords = 300

// read makes a recording of so many rows: a word of one to three pieces, each of one row
// and two rows apart on average; now and then one that the model misrecognizes. With pages,
// one page of the text is missing and one is too many.
func read(rows timeline.Row, width int, pages bool) *reading {
	random := rand.New(rand.NewPCG(7, 11))
	var pieces []string
	for i := range width - 1 {
		if i%2 == 0 {
			pieces = append(pieces, fmt.Sprintf("▁%d", i))
			continue
		}
		pieces = append(pieces, fmt.Sprintf("%d", i))
	}
	v, err := ctc.NewVocabulary(pieces)
	if err != nil {
		panic(err)
	}
	r := &reading{changed: map[int]bool{}}
	word := func() RefWord {
		w := Variant{ctc.Piece(2 * random.IntN((width-1)/2))}
		for range random.IntN(3) {
			w = append(w, ctc.Piece(2*random.IntN((width-1)/2)+1))
		}
		return RefWord{"w", []Variant{w}}
	}
	best, second := make([]ctc.Piece, rows), make([]ctc.Piece, rows)
	for t := range best {
		best[t], second[t] = v.Blank(), v.Blank()
	}
	words := 0
	for at := timeline.Row(5); at+20 < rows; words++ {
		w, said := word(), viterbiSpan{first: at}
		for _, p := range w.Variants[0] {
			best[at], second[at] = p, p
			if random.IntN(12) == 0 { // misrecognized: the true piece is second
				best[at] = ctc.Piece(random.IntN(width - 1))
			}
			said.last = at
			at += timeline.Row(2 + random.IntN(3))
		}
		switch total := int(rows / 6); {
		case !pages:
		case words >= total/4 && words < total/4+min(pageWords, total/8): // a page that the reference lacks
			if r.missing[0] == 0 {
				r.missing[0], r.skipped = said.first, len(r.ref)
			}
			r.missing[1] = said.last
			continue
		case words == total/2: // a page that was not read
			r.page[0] = len(r.ref)
			for range min(pageWords, total/8) {
				r.ref, r.at = append(r.ref, word()), append(r.at, said)
			}
			r.page[1] = len(r.ref)
		}
		if random.IntN(20) == 0 {
			r.changed[len(r.ref)] = true
			w = word()
		}
		r.ref, r.at = append(r.ref, w), append(r.at, said)
	}
	row := make([]float32, width)
	for k := range row {
		row[k] = -16
	}
	var last timeline.Row
	summary := make([]ctc.Row, rows)
	logProbs := func(t timeline.Row) []float32 {
		row[best[last]], row[second[last]], row[v.Blank()] = -16, -16, -16
		last = t
		row[v.Blank()] = -10
		switch {
		case best[t] == v.Blank():
			row[v.Blank()] = -0.01
		case best[t] == second[t]:
			row[best[t]] = -0.02
		default:
			row[best[t]], row[second[t]] = -0.4, -1.2
		}
		return row
	}
	for t := range summary {
		summary[t] = ctc.Summarize(logProbs(timeline.Row(t)), v.Blank(), nil)
	}
	r.Emissions = &Emissions{Output: ctc.Output{Vocabulary: v, Rows: summary, Samples: rows.Sample()}, LogProbs: logProbs}
	return r
}

// A page that the text lacks, one that was not read, and words that were changed are each
// reported as such, and all other words stay where they were said.
func TestALongTextIsFoundAroundItsFaults(t *testing.T) {
	for name, l := range map[string]limits{
		"whole":      {cut: 1 << 40, cells: 1 << 40},
		"in blocks":  {cut: 0, block: 250, cells: 1 << 40},
		"in a band":  {cut: 1 << 40, cells: 1 << 21, band: 1 << 27},
		"as it does": defaultLimits(),
	} {
		t.Run(name, func(t *testing.T) {
			r := read(12000, 257, true)
			a, err := r.align(t.Context(), r.ref, l)
			if err != nil {
				t.Fatal(err)
			}
			r.check(t, a)
		})
	}
}

func (r *reading) check(t testing.TB, a *Alignment) {
	t.Helper()
	moved, doubted, flagged := 0, 0, 0
	for i, w := range a.Words {
		deleted := i >= r.page[0] && i < r.page[1]
		switch {
		case deleted:
			if w.Verdict == Match {
				t.Errorf("word %d of the page that was not read was found at %d", i, w.First)
			}
		case r.changed[i]:
			if w.Verdict != Match {
				flagged++
			}
		case w.Verdict != Match && !r.enclosed(i):
			doubted++
		case w.First != r.at[i].first || w.Last != r.at[i].last:
			moved++
		}
	}
	if moved > 0 || doubted > 0 || flagged*10 < 9*len(r.changed) {
		t.Errorf("of %d words %d moved, %d were doubted; of %d changed words %d were reported", len(a.Words), moved, doubted, len(r.changed), flagged)
	}
	page := rowSpan(r.missing[0], r.missing[1])
	const slack = 3 * timeline.SampleRate / 2 // a changed word may stand next to the page
	if !slices.ContainsFunc(a.Mismatches, func(s Mismatch) bool {
		return s.To-s.From <= 2 && s.From <= r.skipped && s.To >= r.skipped && s.Span.Start <= page.Start && s.Span.End >= page.End && s.Span.End-s.Span.Start <= page.End-page.Start+slack
	}) {
		t.Error("the missing page was not reported")
	}
	if !slices.ContainsFunc(a.Mismatches, func(s Mismatch) bool {
		return s.From <= r.page[0] && s.To >= r.page[1] && s.To-s.From < r.page[1]-r.page[0]+10
	}) {
		t.Error("the page that was not read was not reported")
	}
}

// enclosed reports whether word i stands with so few pieces between two changed words that
// coming back for it and leaving again costs more than skipping it: it is reported with them.
func (r *reading) enclosed(i int) bool {
	pieces := 0
	first, last := i, i
	for ; first >= 0 && !r.changed[first]; first-- {
		pieces += len(r.ref[first].Variants[0])
	}
	for ; last < len(r.ref) && !r.changed[last]; last++ {
		pieces += len(r.ref[last].Variants[0])
	}
	pieces -= len(r.ref[i].Variants[0])
	return first >= 0 && last < len(r.ref) && float64(pieces)*(deletionPenalty+insertionPenalty) <= skipPenalty
}

// BenchmarkTenHours aligns ten hours with 150,000 pieces and reports the memory it takes
// beyond the rows.
func BenchmarkTenHours(b *testing.B) {
	for _, hours := range []float64{1. / 6, 1, 10} {
		b.Run(fmt.Sprintf("%.2gh", hours), func(b *testing.B) {
			r := read(timeline.Row(hours*45000), 1025, true)
			pieces := 0
			for _, w := range r.ref {
				pieces += len(w.Variants[0])
			}
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			before := m.Sys - m.HeapReleased
			for b.Loop() {
				a, err := r.Align(b.Context(), r.ref)
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				r.check(b, a)
				b.StartTimer()
			}
			runtime.ReadMemStats(&m)
			b.ReportMetric(float64(m.Sys-m.HeapReleased-before)/(1<<20), "MB")
			b.ReportMetric(float64(pieces), "pieces")
			b.ReportMetric(hours*float64(time.Hour)*float64(b.N)/float64(b.Elapsed()), "xRT")
		})
	}
}
