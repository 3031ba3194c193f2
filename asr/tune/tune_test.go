package tune_test

import (
	"os"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/asr/tune"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/internal/oracle/onnx"
	"github.com/asr-backend/asr-backend/models"

	"go.uber.org/goleak"
)

// library is the ONNX Runtime all tests share: a process can open one.
var library *ort.Runtime

func TestMain(m *testing.M) {
	var exit func(code int)
	library, exit = onnx.Open()
	goleak.VerifyTestMain(m, goleak.Cleanup(exit))
}

// From numbers that are far off, tuning finds better ones, and the same each time.
func TestTuningFindsBetterNumbers(t *testing.T) {
	oracle.NeedLibrary(t)
	b, err := models.Open(models.DefaultName, "")
	if err != nil {
		t.Fatal(err)
	}
	weight, bonus, penalty := float32(2), float32(-3), float32(0)
	r, err := asr.New(t.Context(), library, b, asr.Options{Provider: ort.CPU, Decoding: asr.Decoding{LMWeight: &weight, WordBonus: &bonus, BlankPenalty: &penalty}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	index, err := os.ReadFile(oracle.Data(t, "speech", "index.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	var clips []*tune.Clip
	rows, words := 0, 0
	for line := range strings.Lines(string(index)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if f[0] != "librispeech" || len(clips) == 6 {
			continue
		}
		s, err := audio.Open(t.Context(), oracle.Data(t, "speech", f[0], f[1]), audio.Options{})
		if err != nil {
			t.Fatal(err)
		}
		clip, err := tune.Recognize(t.Context(), r, s, f[2])
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		clips = append(clips, clip)
		rows, words = rows+clip.Rows(), words+len(clip.Words)
	}
	_, search := r.Lexicon()
	var first tune.Point
	for range 2 {
		tried := map[tune.Setting]bool{}
		o := tune.Options{Vocabulary: b.Vocabulary, Search: search, Finest: 0.1, Tried: func(p tune.Point) {
			if tried[p.Setting] || p.Weight <= 0 || p.BlankPenalty < 0 {
				t.Errorf("%+v is tried, again or though it makes no sense", p.Setting)
			}
			tried[p.Setting] = true
		}}
		best, began, err := tune.Tune(t.Context(), clips, o)
		if err != nil {
			t.Fatal(err)
		}
		if began.Setting != (tune.Setting{Weight: 2, Bonus: -3}) || began.Errors.Words != words || best.Errors.Rate() > 0.8*began.Errors.Rate() {
			t.Errorf("began with %+v and found %+v, for %d words in %d rows", began, best, words, rows)
		}
		if first == (tune.Point{}) {
			first = best
		}
		if best != first {
			t.Errorf("found %+v, and before %+v", best, first)
		}
	}
	if _, _, err := tune.Tune(t.Context(), clips, tune.Options{Vocabulary: b.Vocabulary}); err == nil {
		t.Error("there is nothing to tune without a language model")
	}
}
