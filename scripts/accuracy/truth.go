package main

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/asr-backend/asr-backend/align"
	"github.com/asr-backend/asr-backend/timeline"
)

// truth is a recording whose word times are known.
type truth struct {
	audio string
	words []string
	spans []align.Span
	other []align.Span // where PocketSphinx finds them
}

// sets are the recordings with word times, by what made the times.
var sets = []struct {
	name  string
	files []string
}{
	{"people", []string{"handmade/acoustic.opus", "handmade/cold.opus", "handmade/bobby.flac", "handmade/mary.flac"}},
	{"Festival", []string{"festival/kal.opus", "festival/ked.opus", "festival/slt.opus"}},
}

func readTruth(data, file string) (*truth, error) {
	path := filepath.Join(data, "align", file)
	stem := strings.TrimSuffix(path, filepath.Ext(path))
	t := &truth{audio: path}
	var err error
	if t.words, t.spans, err = readWords(stem + ".tsv"); err != nil {
		return nil, err
	}
	if _, t.other, err = readWords(stem + ".pocketsphinx.tsv"); err != nil {
		return nil, err
	}
	if len(t.other) != len(t.words) {
		return nil, fmt.Errorf("%s: PocketSphinx found %d of %d words", file, len(t.other), len(t.words))
	}
	return t, nil
}

// readWords reads lines of start, end and word.
func readWords(path string) (words []string, spans []align.Span, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close() // only read
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		field := strings.Split(lines.Text(), "\t")
		if len(field) != 3 {
			return nil, nil, fmt.Errorf("%s: line %d has %d fields, want 3", path, len(words)+1, len(field))
		}
		start, err := sample(field[0])
		if err != nil {
			return nil, nil, fmt.Errorf("%s: line %d: %w", path, len(words)+1, err)
		}
		end, err := sample(field[1])
		if err != nil {
			return nil, nil, fmt.Errorf("%s: line %d: %w", path, len(words)+1, err)
		}
		words, spans = append(words, field[2]), append(spans, align.Span{Start: start, End: end})
	}
	return words, spans, lines.Err()
}

func sample(seconds string) (timeline.Sample, error) {
	s, err := strconv.ParseFloat(seconds, 64)
	return timeline.Sample(math.Round(s * timeline.SampleRate)), err
}
