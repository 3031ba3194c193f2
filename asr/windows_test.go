package asr_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/timeline"
)

// small windows make many seams in little sound.
var small = asr.Window{Rows: 40, Context: 8}

func TestStitchedRowsAreThoseOfTheWholeRecording(t *testing.T) {
	whole := recognizer(t, bundle(t, "toys", "local"), asr.Options{Window: asr.Window{Rows: asr.MaxRows, Context: 1}})
	for _, last := range []timeline.Row{0, 1, 25, small.Rows} {
		w := small
		w.Last = last
		t.Run(fmt.Sprintf("last window of %d rows", last), func(t *testing.T) { stitchedAreThoseOfTheWhole(t, w, whole) })
	}
}

func stitchedAreThoseOfTheWhole(t *testing.T, w asr.Window, whole *asr.Recognizer) {
	windows := recognizer(t, whole.Bundle(), asr.Options{Window: w})
	lengths := []timeline.Sample{0, 1, 159, 160, 1279, 1280, 1281}
	for n := range 5 { // windows of 40 rows, 24 rows apart
		end := timeline.Row(40 + 24*n).Sample()
		for _, d := range []timeline.Sample{-1281, -1280, -161, -160, -1, 0, 1, 160, 1279, 1280, 1281, 5000} {
			lengths = append(lengths, end+d)
		}
	}
	for _, n := range lengths {
		got := allLogProbs(t, windows, &recording{n: n, sample: noise})
		want := allLogProbs(t, whole, &recording{n: n, sample: noise})
		if len(got) != len(want) || timeline.Row(len(got)) != timeline.RowsIn(timeline.FramesIn(n)) {
			t.Fatalf("%d samples: got %d rows, whole %d, want %d", n, len(got), len(want), timeline.RowsIn(timeline.FramesIn(n)))
		}
		for r := range got {
			for i := range got[r] {
				if d := math.Abs(float64(got[r][i] - want[r][i])); d > 1e-5 {
					t.Fatalf("%d samples: row %d of %d, column %d: got %v, want %v", n, r, len(got), i, got[r][i], want[r][i])
				}
			}
		}
	}
}

func TestEveryRowIsWrittenOnceByARealEncoder(t *testing.T) {
	r := recognizer(t, bundle(t, "tiny-random"), asr.Options{Window: small})
	for _, n := range []timeline.Sample{0, 159, 160, 51200, 51201, 52480, 100000, 131071, 200000} {
		rows := allLogProbs(t, r, &recording{n: n, sample: noise}) // checks order and count of calls
		got := recognize(t, r, &recording{n: n, sample: noise}, asr.Request{})
		if want := int(timeline.RowsIn(timeline.FramesIn(n))); len(rows) != want || len(got.Rows) != want {
			t.Errorf("%d samples: got %d and %d rows, want %d", n, len(rows), len(got.Rows), want)
		}
		if got.Samples != n || len(got.Levels) != int(timeline.FramesIn(n)) {
			t.Errorf("%d samples: got %d, and %d levels", n, got.Samples, len(got.Levels))
		}
	}
}

// bleeps is a sound of short tones, one every 3.7 s, each of 80 ms around a row's centre
// and in one of the four quarters of the bands.
func bleeps(i timeline.Sample) float32 {
	const every = 46 // rows
	row := timeline.Row((i + timeline.SamplesPerRow/2) / timeline.SamplesPerRow)
	if row%every != every/2 || i < row.Sample()-400 || i > row.Sample()+400 {
		return 0
	}
	hz := [...]float64{250, 900, 2000, 5000}[row/every%4]
	return float32(0.5 * math.Sin(2*math.Pi*hz*float64(i)/timeline.SampleRate))
}

func TestTimesAreExactToTheSampleAfterTenHours(t *testing.T) {
	if testing.Short() {
		t.Skip("ten hours take half a minute")
	}
	b := bundle(t, "toys", "tones")
	r := recognizer(t, b, asr.Options{})
	const hours = 10
	before := residentHeap()
	rec := &recording{n: hours * 3600 * timeline.SampleRate, sample: bleeps}
	var most uint64
	rec.stop = func() {
		if rec.at%(600*timeline.SampleRate) == 0 {
			most = max(most, residentHeap())
		}
	}
	got := recognize(t, r, rec, asr.Request{})
	tokens := ctc.Greedy(got.Rows, b.Vocabulary.Blank(), 0)
	for i, token := range tokens {
		want := ctc.Token{Piece: ctc.Piece(1 + i%4), First: timeline.Row(23 + 46*i)}
		if token.Piece != want.Piece || token.First != want.First || token.Last != want.First {
			t.Fatalf("bleep %d: got piece %d in rows %d to %d, want piece %d in row %d", i, token.Piece, token.First, token.Last, want.Piece, want.First)
		}
	}
	if want := (hours*45000-23)/46 + 1; len(tokens) != want {
		t.Errorf("got %d bleeps, want %d", len(tokens), want)
	}
	// 16 bytes a row and one a frame, twice over for slices that grow, and windows in flight.
	if grown := int64(most) - int64(before); grown > 64<<20 {
		t.Errorf("heap grew by %d MB", grown>>20)
	}
}

func residentHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestRowsDoNotDependOnBatchesThreadsOrCompany(t *testing.T) {
	const n = 30 * timeline.SampleRate
	b := bundle(t, "tiny-random")
	want := recognize(t, recognizer(t, b, asr.Options{Window: small, Threads: 1}), &recording{n: n, sample: noise}, asr.Request{})
	for _, o := range []asr.Options{{Threads: 2}, {Batch: 3, Threads: 1}, {Batch: 5, Threads: 2}} {
		o.Window = small
		r := recognizer(t, b, o)
		var wg sync.WaitGroup
		for k := range 3 { // recordings side by side, of different lengths and priorities
			wg.Go(func() {
				rec := &recording{n: n, sample: noise}
				if k > 0 {
					rec = &recording{n: n/timeline.Sample(k+1) + 777, sample: bleeps}
				}
				results, err := r.Recognize(t.Context(), rec, asr.Request{Priority: priority.Class(k)})
				if err != nil {
					t.Error(err)
					return
				}
				if k == 0 && !slices.Equal(results[0].Rows, want.Rows) {
					t.Errorf("%+v: rows differ", o)
				}
			})
		}
		wg.Wait()
	}
}

func TestAnInterruptedJobGoesOnWithTheWorkDone(t *testing.T) {
	const n = 40 * timeline.SampleRate
	r := recognizer(t, bundle(t, "tiny-random"), asr.Options{Window: small})
	want := recognize(t, r, &recording{n: n, sample: noise}, asr.Request{})
	saved := map[timeline.Row][]byte{}
	loaded := 0
	job := asr.Request{
		Load: func(_ int, start timeline.Row) ctc.Saved {
			if saved[start] == nil {
				return ctc.Saved{}
			}
			loaded++
			rows, err := ctc.ParseSaved(saved[start], r.Contract().Width)
			if err != nil {
				t.Error(err)
			}
			return rows
		},
		Save: func(_ int, start timeline.Row, rows *ctc.Saved) { saved[start] = rows.Encode() },
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	errStop := errors.New("pulled the plug")
	first := &recording{n: n, sample: noise}
	first.stop = func() {
		if first.at > n/2 {
			cancel(errStop)
		}
	}
	if _, err := r.Recognize(ctx, first, job); !errors.Is(err, errStop) {
		t.Fatalf("got %v, want the cause of the cancellation", err)
	}
	if len(saved) == 0 {
		t.Fatal("nothing was saved before the interruption")
	}
	before := len(saved)
	got := recognize(t, r, &recording{n: n, sample: noise}, job)
	if loaded != before {
		t.Errorf("%d windows were saved and %d loaded", before, loaded)
	}
	if !slices.Equal(got.Rows, want.Rows) || got.Disagree != want.Disagree {
		t.Error("rows differ from those of an uninterrupted job")
	}
}

// A search gets the same from saved windows, and windows that were saved for none are run again.
func TestASearchGetsTheSameFromSavedWindows(t *testing.T) {
	const n = 40 * timeline.SampleRate
	r := recognizer(t, bundle(t, "tiny-random"), asr.Options{Window: small})
	saved := map[timeline.Row][]byte{}
	runs := 0
	look := func(search, load bool) (seen []string) {
		runs = 0
		q := asr.Request{Save: func(_ int, start timeline.Row, rows *ctc.Saved) {
			saved[start] = rows.Encode()
			runs++
		}}
		if search {
			q.Search = func(_ int, row timeline.Row, r *ctc.Row, pieces []ctc.Candidate, sure float32) error {
				seen = append(seen, fmt.Sprint(row, *r, pieces, sure))
				return nil
			}
		}
		if load {
			q.Load = func(_ int, start timeline.Row) ctc.Saved {
				rows, err := ctc.ParseSaved(saved[start], r.Contract().Width)
				if err != nil {
					t.Error(err)
				}
				return rows
			}
		}
		result := recognize(t, r, &recording{n: n, sample: noise}, q)
		if search && len(seen) != len(result.Rows) {
			t.Errorf("the search got %d of %d rows", len(seen), len(result.Rows))
		}
		return seen
	}
	look(false, false)
	all := runs
	want := look(true, true)
	if runs != all {
		t.Errorf("%d of %d windows without candidates were run again", runs, all)
	}
	if got := look(true, true); runs != 0 || !slices.Equal(got, want) {
		t.Errorf("%d windows with candidates were run again, or their rows differ", runs)
	}
	if look(false, true); runs != 0 {
		t.Errorf("without a search, %d windows with candidates were run again", runs)
	}
}

func TestSavedRowsThatDoNotFitAreIgnored(t *testing.T) {
	const n = 10 * timeline.SampleRate
	r := recognizer(t, bundle(t, "tiny-random"), asr.Options{Window: small})
	want := recognize(t, r, &recording{n: n, sample: noise}, asr.Request{})
	got := recognize(t, r, &recording{n: n, sample: noise}, asr.Request{Load: func(int, timeline.Row) ctc.Saved { return ctc.Saved{Rows: make([]ctc.Row, 3)} }})
	if !slices.Equal(got.Rows, want.Rows) {
		t.Error("rows differ")
	}
}

func TestWindowsWithoutSoundAreNotRun(t *testing.T) {
	b := bundle(t, "tiny-random")
	r := recognizer(t, b, asr.Options{Window: small})
	dither := func(i timeline.Sample) float32 { return float32(int(uint64(i)*0x9e3779b97f4a7c15>>60)%3-1) / 32768 }
	for name, sample := range map[string]func(timeline.Sample) float32{
		"digital silence": func(timeline.Sample) float32 { return 0 }, "dither of one bit": dither,
	} {
		got := recognize(t, r, &recording{n: 20 * timeline.SampleRate, sample: sample}, asr.Request{})
		if got.Windows == 0 || got.Skipped != got.Windows {
			t.Errorf("%s: %d of %d windows were not run, want all", name, got.Skipped, got.Windows)
		}
		if words := texts(b, got); len(words) > 0 || len(got.Rows) != 250 {
			t.Errorf("%s: got %d rows, words %q", name, len(got.Rows), words)
		}
	}
	quiet := func(i timeline.Sample) float32 { return noise(i) / 50 }
	if got := recognize(t, r, &recording{n: 20 * timeline.SampleRate, sample: quiet}, asr.Request{}); got.Skipped != 0 {
		t.Errorf("sound at -60 dB: %d windows were not run", got.Skipped)
	}
}

func TestAStretchHasItsPlaceInTheRecording(t *testing.T) {
	b := bundle(t, "toys", "tones")
	r := recognizer(t, b, asr.Options{})
	const origin = timeline.Row(46 * 10)
	got := recognize(t, r, &recording{start: origin.Sample(), n: 10 * timeline.SampleRate, sample: bleeps}, asr.Request{})
	tokens := ctc.Greedy(got.Rows, b.Vocabulary.Blank(), got.First)
	if len(tokens) != 3 || tokens[0].First != origin+23 || tokens[2].First != origin+23+92 {
		t.Errorf("got %+v, want bleeps at rows %d, %d, %d", tokens, origin+23, origin+69, origin+115)
	}
	if _, err := r.Recognize(t.Context(), &recording{start: 100, n: 1000, sample: noise}, asr.Request{}); err == nil {
		t.Error("a start off the grid was accepted")
	}
}

func TestChannelsAreTranscribedByThemselves(t *testing.T) {
	b := bundle(t, "toys", "tones")
	r := recognizer(t, b, asr.Options{Window: small})
	left, right := &recording{n: 20 * timeline.SampleRate, sample: bleeps},
		&recording{n: 20 * timeline.SampleRate, sample: func(i timeline.Sample) float32 { return bleeps(i + 46*1280) }}
	results, err := r.Recognize(t.Context(), pair{left, right}, asr.Request{})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(texts(b, results[0]), texts(b, results[1])); got != "[one two three four one] [two three four one two]" {
		t.Errorf("got %s", got)
	}
}

// While two channels are the same, the model sees them once, and both have all rows; from
// where they differ on, each has its own.
func TestEqualWindowsOfTwoChannelsAreRunOnce(t *testing.T) {
	var run atomic.Int64
	r := recognizer(t, bundle(t, "tiny-random"), asr.Options{Window: small, Observe: func(b asr.Run) { run.Add(int64(b.Windows)) }})
	const n = 40 * timeline.SampleRate
	other := func(from timeline.Sample) func(timeline.Sample) float32 {
		return func(i timeline.Sample) float32 {
			if i >= from {
				return noise(i + 12345)
			}
			return noise(i)
		}
	}
	for name, from := range map[string]timeline.Sample{"throughout": n, "at first": n / 2, "nowhere": 0} {
		want := recognize(t, r, &recording{n: n, sample: other(from)}, asr.Request{})
		run.Store(0)
		var rows [2]int
		saved := [2]map[timeline.Row]int{{}, {}}
		results, err := r.Recognize(t.Context(), pair{{n: n, sample: noise}, {n: n, sample: other(from)}}, asr.Request{
			LogProbs: func(c int, _ timeline.Row, _ []float32) error { rows[c]++; return nil },
			Save:     func(c int, start timeline.Row, _ *ctc.Saved) { saved[c][start]++ },
		})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(results[1].Rows, want.Rows) || rows[0] != rows[1] || rows[1] != len(want.Rows) {
			t.Errorf("equal %s: the rows of the second channel differ, %d of %d", name, rows[1], len(want.Rows))
		}
		if len(saved[1]) != results[1].Windows || !maps.Equal(saved[0], saved[1]) {
			t.Errorf("equal %s: saved %v", name, saved)
		}
		windows := int64(results[0].Windows)
		got := run.Load()
		if from == n && got != windows || from == 0 && got != 2*windows || from == n/2 && (got <= windows || got >= 2*windows) {
			t.Errorf("equal %s: %d windows were run, a channel has %d", name, got, windows)
		}
	}
}

// pair is a recording of two channels.
type pair [2]*recording

func (p pair) Next() (audio.Block, error) {
	a, err := p[0].Next()
	if err != nil {
		return a, err
	}
	b, err := p[1].Next()
	return audio.Block{Start: a.Start, Channels: [][]float32{a.Channels[0], b.Channels[0]}}, err
}

func TestErrorsEndAJobAndNothingElse(t *testing.T) {
	r := recognizer(t, bundle(t, "tiny-random"), asr.Options{Window: small})
	errSink := errors.New("sink is full")
	_, err := r.Recognize(t.Context(), &recording{n: 20 * timeline.SampleRate, sample: noise},
		asr.Request{LogProbs: func(int, timeline.Row, []float32) error { return errSink }})
	if !errors.Is(err, errSink) {
		t.Errorf("got %v, want the sink's error", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Recognize(ctx, &recording{n: 20 * timeline.SampleRate, sample: noise}, asr.Request{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	recognize(t, r, &recording{n: 20 * timeline.SampleRate, sample: noise}, asr.Request{})
}

func TestProgressReachesTheEnd(t *testing.T) {
	r := recognizer(t, bundle(t, "toys", "tones"), asr.Options{Window: small})
	var last asr.Progress
	const n = 20*timeline.SampleRate + 55
	recognize(t, r, &recording{n: n, sample: bleeps}, asr.Request{Progress: func(p asr.Progress) {
		if p.Recognized < last.Recognized || p.Read < last.Read || p.Recognized > p.Read {
			t.Errorf("after %+v came %+v", last, p)
		}
		last = p
	}})
	if last.Read != n || last.Recognized < n-timeline.SamplesPerRow {
		t.Errorf("got %+v at the end of %d samples", last, n)
	}
}
