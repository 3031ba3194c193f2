package asr

import (
	"hash/maphash"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/mel"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/timeline"
)

// Simulated is a Recognizer on a CPU whose workers run no model: each has a window until one is let go.
type Simulated struct {
	*Recognizer
	Busy atomic.Int64 // workers that have a window

	finish chan struct{}
}

// NewSimulated returns a Recognizer with so many workers. The caller calls End.
func NewSimulated(t testing.TB, workers int, w Window) *Simulated {
	bank, err := mel.NewBank(80)
	if err != nil {
		t.Fatal(err)
	}
	vocabulary, err := ctc.ReadVocabulary(strings.NewReader("▁a 0\n<blk> 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	r := &Recognizer{contract: Contract{Bands: 80, Width: 2, MaxRows: MaxRows}, vocabulary: vocabulary, bank: bank, window: w,
		device: Device{Provider: ort.CPU, Batch: 1}, melWorkers: 1, prepare: mel.Normalize, seed: maphash.MakeSeed()}
	r.employ(workers, false)
	s := &Simulated{Recognizer: r, finish: make(chan struct{})}
	for range workers {
		r.running.Go(s.work)
	}
	return s
}

func (s *Simulated) work() {
	sizes := []int{s.device.Batch}
	for batch := s.queue.take(sizes, sizes); batch != nil; batch = s.queue.take(sizes, sizes) {
		s.Busy.Add(1)
		<-s.finish
		s.Busy.Add(-1)
		for _, w := range batch {
			w.output = output{Saved: ctc.Saved{Rows: silentRows(timeline.RowsIn(w.frames), s.vocabulary.Blank())}}
			(&worker{room: s.room}).finish(w)
		}
	}
}

// FinishAll lets workers finish their windows until stop is closed.
func (s *Simulated) FinishAll(stop <-chan struct{}) {
	for {
		select {
		case s.finish <- struct{}{}:
		case <-stop:
			return
		}
	}
}

// Finish lets a worker finish its window.
func (s *Simulated) Finish() { s.finish <- struct{}{} }

// End ends the workers, which are idle.
func (s *Simulated) End() {
	s.queue.close()
	s.running.Wait()
}
