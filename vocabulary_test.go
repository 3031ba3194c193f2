package asrbackend_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// retired are words that this project once used for ideas that the field has names for.
// CONTRIBUTING.md gives the names; doc/ and the code keep to them.
var retired = map[string]string{
	"hear": "transcribe, recognize", "hears": "transcribes", "heard": "transcribed, recognized", "hearing": "transcribing",
	"unheard": "unrecognized", "overheard": "inserted", "mishear": "misrecognize", "mishears": "misrecognizes", "misheard": "misrecognized",
	"errand": "job", "errands": "jobs", "lesson": "correction", "lessons": "corrections",
	"trouble": "problem", "troubles": "problems", "heed": "follow", "heeds": "follows",
	"tell": "report, return, show", "tells": "reports, returns, shows", "told": "reported", "telling": "reporting",
	"untold": "insertion", "unspoken": "deletion",
}

// kept are files that need a retired word, and why.
var kept = map[string]struct {
	words []string
	why   string
}{
	"vocabulary_test.go":                      {nil, "the list itself"},
	"audio/fftrack.go":                        {[]string{"hear", "hearing"}, "people who cannot hear; ffmpeg's name of such a track"},
	"labelstudio/results/meta.go":             {[]string{"heard"}, "the key in predictions of earlier versions"},
	"labelstudio/results/interactive_test.go": {[]string{"heard"}, "the same"},
	"models/card.go":                          {[]string{"heard"}, "the key in model cards of earlier exporters"},
	"models/verify/verify_test.go":            {[]string{"heard"}, "the same"},
	"service/predictions/job.go":              {[]string{"hear"}, "the key in stored jobs"},
	"service/predictions/predictions_test.go": {[]string{"hear"}, "the same"},
	"transcript/readjson.go":                  {[]string{"unheard"}, "the key in transcripts of earlier versions"},
	"transcript/read_test.go":                 {[]string{"unheard"}, "the same"},
}

func TestRetiredWordsStayAway(t *testing.T) {
	used := map[string]bool{}
	err := filepath.WalkDir(".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && name != "." && (strings.HasPrefix(e.Name(), ".") || slices.Contains([]string{"bin", "node_modules"}, e.Name())):
			return fs.SkipDir
		case e.IsDir() && e.Name() == "testdata" && name != "cmd/asr-backend/testdata": // much of it comes from others
			return fs.SkipDir
		case e.Type().IsRegular() && (e.Name() == "Makefile" || slices.Contains([]string{".go", ".md", ".py", ".sh", ".mjs", ".yml", ".json", ".html", ".txt", ".env"}, path.Ext(name))):
			return check(t, name, used)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range kept {
		if !used[name] {
			t.Errorf("%s has no retired word: take it from the list", name)
		}
	}
}

func check(t *testing.T, name string, used map[string]bool) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	for i, line := range strings.Split(string(text), "\n") {
		for word := range words(line) {
			better, found := retired[word]
			if !found {
				continue
			}
			if k, ok := kept[name]; ok && (k.words == nil || slices.Contains(k.words, word)) {
				used[name] = true
				continue
			}
			t.Errorf("%s:%d: %q; rather: %s", name, i+1, word, better)
		}
	}
	return nil
}

// words yields the words of a line in lower case, also those that identifiers are made of:
// UnheardSpeech and unheard_speech have two.
func words(line string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		start := 0
		runes := []rune(line)
		for i := 0; i <= len(runes); i++ {
			end := i == len(runes) || !unicode.IsLetter(runes[i])
			hump := !end && i > start && unicode.IsUpper(runes[i]) && unicode.IsLower(runes[i-1])
			if !end && !hump {
				continue
			}
			if i > start && !yield(strings.ToLower(string(runes[start:i]))) {
				return
			}
			start = i
			if end {
				start = i + 1
			}
		}
	}
}
