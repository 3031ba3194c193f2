package asr_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/lm"
	"github.com/asr-backend/asr-backend/timeline"

	"github.com/google/go-cmp/cmp"
)

// A recording that is recognized again goes on after the last window that was kept, and gives the
// same, wherever the recognition before ended. Windows without sound are among them.
func TestATransducerGoesOnWhereItWas(t *testing.T) {
	for name, model := range map[string][2]string{
		"rnnt": {"hybrid", "onnx-asr"}, "tdt": {"tdt", "onnx-asr"}, "hybrid": {"hybrid", "both"}, "tdt with a language model": {"tdt", "sherpa"},
	} {
		t.Run(name, func(t *testing.T) {
			var runs atomic.Int64
			kind := model[0]
			r := recognizer(t, bundle(t, "..", "transducer", kind, model[1]), asr.Options{Observe: func(asr.Run) { runs.Add(1) }})
			var bias *beam.Bias
			if strings.Contains(name, "language model") {
				bias = pieceModel(t, r)
			}
			_, long := nemoDecoded(t, kind)
			part := joinClips(t, long)
			quiet := make([]float32, 3*asr.DefaultWindow.Rows.Sample())
			samples := slices.Concat(part, part, quiet, part)
			kept := map[timeline.Row][]byte{}
			recognize := func(q asr.Request) *asr.Result {
				t.Helper()
				runs.Store(0)
				q.Bias = bias
				results, err := r.Recognize(t.Context(), &recording{n: timeline.Sample(len(samples)), sample: func(i timeline.Sample) float32 { return samples[i] }}, q)
				if err != nil {
					t.Fatal(err)
				}
				return results[0]
			}
			save := func(into map[timeline.Row][]byte) func(int, timeline.Row, *ctc.Saved) {
				return func(_ int, start timeline.Row, s *ctc.Saved) { into[start] = s.Encode() }
			}
			want := recognize(asr.Request{Save: save(kept)})
			all := int(runs.Load())
			starts := slices.Sorted(maps.Keys(kept))
			if len(starts) != all || all < 6 || want.Skipped == 0 || len(want.Tokens) < 100 {
				t.Fatalf("%d windows are kept of %d; %d are silent, %d tokens", len(starts), all, want.Skipped, len(want.Tokens))
			}
			for n := range len(starts) + 1 {
				load := func(_ int, start timeline.Row) ctc.Saved {
					if !slices.Contains(starts[:n], start) {
						return ctc.Saved{}
					}
					s, err := ctc.ParseSaved(kept[start], r.Contract().Width)
					if err != nil {
						t.Fatal(err)
					}
					return s
				}
				again := map[timeline.Row][]byte{}
				got := recognize(asr.Request{Load: load, Save: save(again)})
				if diff := cmp.Diff(want.Tokens, got.Tokens); diff != "" {
					t.Fatalf("after %d windows (-want +got):\n%s", n, diff)
				}
				if diff := cmp.Diff(want.Evidence, got.Evidence); diff != "" {
					t.Fatalf("after %d windows (-want +got):\n%s", n, diff)
				}
				if diff := cmp.Diff(want.Rows, got.Rows); diff != "" {
					t.Fatalf("after %d windows (-want +got):\n%s", n, diff)
				}
				// A window is run again if the next one was not kept: the last of them, that before
				// silence, and that before the last of the recording, which slides back.
				if most := all - n + 3; int(runs.Load()) > most {
					t.Errorf("after %d of %d windows %d are run", n, all, runs.Load())
				}
				for start, b := range again {
					if slices.Contains(starts[:n], start) || !slices.Equal(b, kept[start]) {
						t.Errorf("after %d windows that at %d is kept again, or another one", n, start)
					}
				}
			}
		})
	}
}

// pieceModel is the language model of testdata/transducer/tdt, at a weight that changes much.
func pieceModel(t *testing.T, r *asr.Recognizer) *beam.Bias {
	t.Helper()
	m, err := lm.Open(oracle.Data(t, "transducer", "tdt", "pieces.arpa"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	bias, err := beam.NewBias(r.Bundle().Vocabulary, beam.BiasOptions{Model: m, Weight: 2})
	if err != nil {
		t.Fatal(err)
	}
	return bias
}

// What was damaged is recognized again.
func TestDamagedCheckpointsAreNotUsed(t *testing.T) {
	r := recognizer(t, bundle(t, "..", "transducer", "tdt", "sherpa"), asr.Options{})
	_, long := nemoDecoded(t, "tdt")
	samples := joinClips(t, long)
	kept := map[timeline.Row]ctc.Saved{}
	recognize := func(q asr.Request) ([]*asr.Result, error) {
		return r.Recognize(t.Context(), &recording{n: timeline.Sample(len(samples)), sample: func(i timeline.Sample) float32 { return samples[i] }}, q)
	}
	want, err := recognize(asr.Request{Save: func(_ int, start timeline.Row, s *ctc.Saved) { kept[start] = *s }})
	if err != nil {
		t.Fatal(err)
	}
	for _, length := range []int{1, 11, 13, 40} {
		got, err := recognize(asr.Request{Load: func(_ int, start timeline.Row) ctc.Saved {
			s := kept[start]
			s.Checkpoint = s.Checkpoint[:min(length, len(s.Checkpoint))]
			return s
		}})
		if err != nil {
			t.Errorf("%d bytes: %v", length, err)
			continue
		}
		if diff := cmp.Diff(want[0].Tokens, got[0].Tokens); diff != "" {
			t.Errorf("%d bytes (-want +got):\n%s", length, diff)
		}
	}
}

// Where a checkpoint is missing and its window comes out otherwise, as on another device, the rows of
// a hybrid keep their places all the same.
func TestRowsKeepTheirPlacesWithoutACheckpoint(t *testing.T) {
	r := recognizer(t, bundle(t, "..", "transducer", "hybrid", "both"), asr.Options{})
	_, long := nemoDecoded(t, "hybrid")
	part := joinClips(t, long)
	samples := slices.Concat(part, part)
	recognize := func(q asr.Request, noise float32) *asr.Result {
		t.Helper()
		random := rand.New(rand.NewPCG(1, 1))
		results, err := r.Recognize(t.Context(), &recording{n: timeline.Sample(len(samples)), sample: func(i timeline.Sample) float32 { return samples[i] + noise*float32(random.NormFloat64()) }}, q)
		if err != nil {
			t.Fatal(err)
		}
		return results[0]
	}
	kept := map[timeline.Row]ctc.Saved{}
	want := recognize(asr.Request{Save: func(_ int, start timeline.Row, s *ctc.Saved) { kept[start] = *s }}, 0)
	for lost := range kept {
		for _, noise := range []float32{0.01, 0.03, 0.1} {
			got := recognize(asr.Request{Load: func(_ int, start timeline.Row) ctc.Saved {
				if start == lost {
					return ctc.Saved{}
				}
				return kept[start]
			}}, noise)
			if len(got.Rows) != len(want.Rows) || len(got.Evidence) != len(got.Tokens) {
				t.Errorf("without the checkpoint at %d, noise %v: %d rows, want %d; %d tokens with evidence of %d", lost, noise, len(got.Rows), len(want.Rows), len(got.Tokens), len(got.Evidence))
			}
		}
	}
}
