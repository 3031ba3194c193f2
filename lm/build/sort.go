package build

import (
	"bufio"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"

	"github.com/asr-backend/asr-backend/lm"
)

// gram is an n-gram and how often it occurs. What follows the words of a shorter one is zero.
type gram struct {
	words [lm.MaxOrder]lm.Word
	count uint32 // adjusted; with cut set if the n-gram itself is left out
	raw   uint32 // times that it occurs in the text
}

// cut marks the count of an n-gram that is left out.
const cut = 1 << 31

func compare(x, y *gram) int {
	for i := range x.words {
		if x.words[i] != y.words[i] {
			if x.words[i] < y.words[i] {
				return -1
			}
			return 1
		}
	}
	return 0
}

// sorter sorts more n-grams than fit in memory. Equal ones are added up.
type sorter struct {
	length int // words of each
	limit  int // n-grams in memory
	dir    string
	buffer []gram
	runs   []*os.File
}

const gramSize = 4 * (lm.MaxOrder + 2)

func (s *sorter) add(g gram) error {
	if len(s.buffer) == s.limit {
		s.tidy()
		if len(s.buffer) > s.limit/2 { // otherwise equal ones make room
			if err := s.spill(); err != nil {
				return err
			}
		}
	}
	s.buffer = append(s.buffer, g)
	return nil
}

// tidy sorts the buffer and adds equal n-grams up.
func (s *sorter) tidy() {
	slices.SortFunc(s.buffer, func(x, y gram) int { return compare(&x, &y) })
	kept := s.buffer[:0]
	for _, g := range s.buffer {
		if n := len(kept); n > 0 && kept[n-1].words == g.words {
			kept[n-1].join(&g)
		} else {
			kept = append(kept, g)
		}
	}
	s.buffer = kept
}

// join adds up equal n-grams. Only those that have not been adjusted occur twice.
func (g *gram) join(other *gram) {
	g.count = uint32(min(uint64(g.count&^cut)+uint64(other.count&^cut), cut-1)) | (g.count|other.count)&cut
	g.raw = uint32(min(uint64(g.raw)+uint64(other.raw), cut-1))
}

// spill writes the buffer as a run.
func (s *sorter) spill() error {
	f, err := os.CreateTemp(s.dir, "ngrams-*.tmp")
	if err != nil {
		return fmt.Errorf("sort n-grams: %w", err)
	}
	s.runs = append(s.runs, f)
	out := bufio.NewWriterSize(f, 1<<18)
	var b []byte
	for i := range s.buffer {
		g := &s.buffer[i]
		b = b[:0]
		for _, w := range g.words[:s.length] {
			b = binary.LittleEndian.AppendUint32(b, uint32(w))
		}
		b = binary.LittleEndian.AppendUint32(b, g.count)
		b = binary.LittleEndian.AppendUint32(b, g.raw)
		_, _ = out.Write(b) // a bufio.Writer keeps its first error until Flush
	}
	s.buffer = s.buffer[:0]
	if err := out.Flush(); err != nil {
		return fmt.Errorf("sort n-grams: %w", err)
	}
	return nil
}

// sorted yields all n-grams in order, once.
func (s *sorter) sorted() iter.Seq2[*gram, error] {
	return func(yield func(*gram, error) bool) {
		s.tidy()
		if len(s.runs) == 0 {
			for i := range s.buffer {
				if !yield(&s.buffer[i], nil) {
					return
				}
			}
			return
		}
		if err := s.spill(); err != nil {
			yield(nil, err)
			return
		}
		s.buffer = nil
		s.merge(yield)
	}
}

func (s *sorter) merge(yield func(*gram, error) bool) {
	var m merger
	for _, f := range s.runs {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			yield(nil, fmt.Errorf("sort n-grams: %w", err))
			return
		}
		r := &run{in: bufio.NewReaderSize(f, 1<<16), length: s.length}
		if more, err := r.next(); err != nil {
			yield(nil, err)
			return
		} else if more {
			m = append(m, r)
		}
	}
	heap.Init(&m)
	for len(m) > 0 {
		g := gram{words: m[0].gram.words}
		for len(m) > 0 && m[0].gram.words == g.words {
			g.join(&m[0].gram)
			more, err := m[0].next()
			if err != nil {
				yield(nil, err)
				return
			}
			if more {
				heap.Fix(&m, 0)
			} else {
				heap.Pop(&m)
			}
		}
		if !yield(&g, nil) {
			return
		}
	}
}

// close removes the runs.
func (s *sorter) close() error {
	var errs []error
	for _, f := range s.runs {
		errs = append(errs, f.Close(), os.Remove(f.Name()))
	}
	s.runs, s.buffer = nil, nil
	return errors.Join(errs...)
}

// run is a file of sorted n-grams.
type run struct {
	in     *bufio.Reader
	length int
	gram   gram
}

func (r *run) next() (bool, error) {
	var b [gramSize]byte
	used := b[:4*(r.length+2)]
	if _, err := io.ReadFull(r.in, used); err == io.EOF {
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("sort n-grams: %w", err)
	}
	for i := range r.length {
		r.gram.words[i] = lm.Word(binary.LittleEndian.Uint32(used[4*i:]))
	}
	r.gram.count = binary.LittleEndian.Uint32(used[4*r.length:])
	r.gram.raw = binary.LittleEndian.Uint32(used[4*r.length+4:])
	return true, nil
}

// merger is a heap of runs.
type merger []*run

func (m merger) Len() int           { return len(m) }
func (m merger) Less(i, j int) bool { return compare(&m[i].gram, &m[j].gram) < 0 }
func (m merger) Swap(i, j int)      { m[i], m[j] = m[j], m[i] }
func (m *merger) Push(x any)        { *m = append(*m, x.(*run)) }
func (m *merger) Pop() any {
	last := len(*m) - 1
	r := (*m)[last]
	*m = (*m)[:last]
	return r
}
