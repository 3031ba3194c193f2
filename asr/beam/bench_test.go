package beam_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/internal/oracle/onnx"
	"github.com/asr-backend/asr-backend/lm"
	"github.com/asr-backend/asr-backend/models"
	"github.com/asr-backend/asr-backend/timeline"
)

// processorTime is that of the process, which other programs disturb less than the clock.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkSearch gives the processor time a row takes, of the embedded model on one core and of what
// follows it, over two minutes of radio speech. ASR_BACKEND_LM names another language model
// than the small one of the tests.
func BenchmarkSearch(b *testing.B) {
	library, exit := onnx.Open()
	if library == nil {
		b.Skip("no ONNX Runtime")
	}
	_ = exit // ends the process; the library stays open until then
	bundle, err := models.Open(models.DefaultName, "")
	if err != nil {
		b.Fatal(err)
	}
	r, err := asr.New(b.Context(), library, bundle, asr.Options{Provider: ort.CPU, Threads: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	var rows [][]float32
	var result *asr.Result
	recognize := func(b *testing.B) {
		stream, err := audio.Open(b.Context(), oracle.Data(b, "speech", "radio", "gb0.flac"), audio.Options{})
		if err != nil {
			b.Fatal(err)
		}
		defer stream.Close()
		rows = rows[:0]
		results, err := r.Recognize(b.Context(), stream, asr.Request{LogProbs: func(_ int, _ timeline.Row, row []float32) error {
			rows = append(rows, append([]float32(nil), row...))
			return nil
		}})
		if err != nil {
			b.Fatal(err)
		}
		result = results[0]
	}
	measure := func(name string, f func(*testing.B)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			began := processorTime(b)
			for b.Loop() {
				f(b)
			}
			took := processorTime(b) - began
			b.ReportMetric(float64(took)/float64(b.N*len(rows))/float64(time.Microsecond), "µs/row")
			b.ReportMetric(0, "ns/op")
		})
	}
	measure("model", recognize)
	recognize(b)
	measure("greedy", func(*testing.B) { ctc.Greedy(result.Rows, bundle.Vocabulary.Blank(), 0) })
	path := os.Getenv("ASR_BACKEND_LM")
	if path == "" {
		path = oracle.Data(b, "beam", "words.arpa")
	}
	m, err := lm.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	lexicon := beam.NewLexicon(m)
	for _, c := range []struct {
		name    string
		lexicon *beam.Lexicon
		phrases int
	}{{"none", nil, 0}, {"lm", lexicon, 0}, {"lm+100", lexicon, 100}, {"lm+10000", lexicon, 10000}, {"none+10000", nil, 10000}} {
		s, err := beam.New(bundle.Vocabulary, beam.Options{Lexicon: c.lexicon, Bonus: beam.DefaultBonus, Phrases: phrases(b, m, c.phrases)})
		if err != nil {
			b.Fatal(err)
		}
		d := s.Decoder(0)
		measure(c.name, func(*testing.B) {
			d.Reset(0)
			for _, row := range rows {
				d.Push(row)
				d.Take()
			}
			d.Finish(1)
		})
	}
}

// phrases returns a graph of words of a model and of pairs of them.
func phrases(b *testing.B, m *lm.Model, n int) *beam.Phrases {
	var words []string
	for _, w := range m.Vocabulary() {
		if len(w) > 3 {
			words = append(words, w)
		}
	}
	r := rand.New(rand.NewPCG(1, 1))
	list := make([]beam.Phrase, n)
	for i := range list {
		list[i].Text = words[r.IntN(len(words))]
		if i%3 == 0 {
			list[i].Text = fmt.Sprint(list[i].Text, " ", words[r.IntN(len(words))])
		}
	}
	g, err := beam.NewPhrases(list)
	if err != nil {
		b.Fatal(err)
	}
	return g
}
