package transcribe_test

import (
	"bufio"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/transcribe"
	"github.com/asr-backend/asr-backend/transcript"
)

// Synthetic speech with exact times: words are nearer to them than the rows in which the
// model saw them, in the median, and neither early nor late by half a row. The table of
// doc/accuracy.md says how near.
func TestWordsAreNearerToTheTruthThanTheirRows(t *testing.T) {
	tr := transcriber(t, transcribe.Options{})
	var ours, rows [2][]float64 // starts and ends, in milliseconds from the truth
	for _, voice := range []string{"kal", "ked", "slt"} {
		truth := wordTimes(t, oracle.Data(t, "align", "festival", voice+".tsv"))
		var texts []string
		for _, w := range truth {
			texts = append(texts, w.Text)
		}
		text := &transcript.Transcript{Segments: []transcript.Segment{{Text: strings.Join(texts, " "), Channel: transcript.Mixed}}}
		a, err := tr.Align(t.Context(), transcribe.Source{Path: oracle.Data(t, "align", "festival", voice+".opus")}, text, "en", transcribe.Request{})
		if err != nil {
			t.Fatal(err)
		}
		got := words(a.Transcript)
		if len(got) != len(truth) || a.Found < a.Words*95/100 {
			t.Fatalf("%s: %d words, %d found, want %d", voice, len(got), a.Found, len(truth))
		}
		for i, w := range got {
			for k, d := range [2]time.Duration{w.Start - truth[i].Start, w.End - truth[i].End} {
				ours[k] = append(ours[k], d.Seconds()*1000)
			}
			for k, d := range [2]time.Duration{w.SpikeStart - truth[i].Start, w.SpikeEnd - truth[i].End} {
				rows[k] = append(rows[k], d.Seconds()*1000)
			}
		}
	}
	for k, edge := range []string{"starts", "ends"} {
		off, bias, without := median(sizes(ours[k])), median(ours[k]), median(sizes(rows[k]))
		t.Logf("%s: %.0f ms off, bias %+.0f ms; rows: %.0f ms off", edge, off, bias, without)
		if off >= without || math.Abs(bias) > 40 {
			t.Errorf("%s are %.0f ms off with a bias of %+.0f ms, rows alone %.0f ms", edge, off, bias, without)
		}
	}
}

func sizes(differences []float64) []float64 {
	out := make([]float64, len(differences))
	for i, d := range differences {
		out[i] = math.Abs(d)
	}
	return out
}

func median(values []float64) float64 { return slices.Sorted(slices.Values(values))[len(values)/2] }

// wordTimes reads lines of start, end and word.
func wordTimes(t *testing.T, path string) []transcript.Word {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []transcript.Word
	for lines := bufio.NewScanner(f); lines.Scan(); {
		field := strings.Split(lines.Text(), "\t")
		w := transcript.Word{Text: field[2]}
		for k, to := range []*time.Duration{&w.Start, &w.End} {
			s, err := strconv.ParseFloat(field[k], 64)
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			*to = time.Duration(s * float64(time.Second))
		}
		out = append(out, w)
	}
	return out
}
