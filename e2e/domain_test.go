package e2e

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/wer"
)

// taught is how many recordings of a domain, the first ones, are corrected.
const taught = 20

// domain is the recordings of testdata/learning and what is said in them.
type domain struct {
	files, texts []string
	glossary     []string
	own          map[string]bool // words of the glossary that the corrected recordings have
}

func readDomain(t *testing.T) *domain {
	t.Helper()
	folder := oracle.Data(t, "learning")
	f, err := os.Open(filepath.Join(folder, "index.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	table := csv.NewReader(f)
	table.Comma = '\t'
	lines, err := table.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(folder, "glossary.txt"))
	if err != nil {
		t.Fatal(err)
	}
	d := &domain{glossary: strings.Split(strings.TrimSpace(string(raw)), "\n"), own: map[string]bool{}}
	file, text := slices.Index(lines[0], "file"), slices.Index(lines[0], "text")
	for _, line := range lines[1:] {
		d.files, d.texts = append(d.files, filepath.Join(folder, line[file])), append(d.texts, line[text])
	}
	said := map[string]bool{}
	for w := range d.words(0, taught) {
		said[w] = true
	}
	for _, w := range wer.Normalize(string(raw)) {
		if said[w] {
			d.own[w] = true
		}
	}
	return d
}

// words yields the words of recordings from one up to another, and the recording of each.
func (d *domain) words(from, to int) func(yield func(word string, recording int) bool) {
	return func(yield func(string, int) bool) {
		for i := from; i < to; i++ {
			for _, w := range wer.Normalize(d.texts[i]) {
				if !yield(w, i) {
					return
				}
			}
		}
	}
}

// onlyIn returns the domain's own words that of the corrected recordings none but some have.
func (d *domain) onlyIn(recordings ...int) []string {
	only := map[string]bool{}
	for w, i := range d.words(0, taught) {
		if before, known := only[w]; d.own[w] {
			only[w] = slices.Contains(recordings, i) && (before || !known)
		}
	}
	var out []string
	for w, yes := range only {
		if yes {
			out = append(out, w)
		}
	}
	slices.Sort(out)
	return out
}

// mistakes are the errors in the recordings that were not corrected: of all words, and of the domain's
// own, of which those count that were replaced or left out.
type mistakes struct {
	all       wer.Errors
	said, own int
}

func (m mistakes) String() string {
	return fmt.Sprintf("%.1f %% of %d words wrong, %.1f %% of %d own words", 100*m.all.Rate(), m.all.Words, 100*m.ownRate(), m.said)
}

func (m mistakes) ownRate() float64 { return float64(m.own) / float64(m.said) }

// mistakes compares texts of the recordings after the corrected ones with what is said there.
func (d *domain) mistakes(texts []string) (m mistakes) {
	for i, text := range texts {
		said, recognized := wer.Normalize(d.texts[taught+i]), wer.Normalize(text)
		m.all.Add(wer.CompareWords(said, recognized))
		for _, p := range wer.Align(said, recognized) {
			if !d.own[p.Said] {
				continue
			}
			if m.said++; !p.Right() {
				m.own++
			}
		}
	}
	return m
}

// corrected returns the result of an annotator who makes a text of a prediction: each region has what
// is said in it, and those in which nothing is are deleted.
func corrected(t *testing.T, prediction []json.RawMessage, text string) []object {
	t.Helper()
	var region []string // of each recognized word
	var recognized []string
	for _, it := range items(t, prediction) {
		for _, w := range wer.Normalize(strings.Join(it.Value.Text, " ")) {
			recognized, region = append(recognized, w), append(region, it.ID)
		}
	}
	if len(recognized) == 0 {
		t.Fatalf("nothing was recognized where %q is said", text)
	}
	var regions []string // of each word that is said: that of the word recognized in its place, or before it
	at := 0
	for _, p := range wer.Align(wer.Normalize(text), recognized) {
		if p.Said != "" {
			here := at
			if p.Recognised == "" {
				here = max(at-1, 0)
			}
			regions = append(regions, region[here])
		}
		if p.Recognised != "" {
			at++
		}
	}
	written := map[string][]string{}
	at = 0
	for _, field := range strings.Fields(text) {
		id := regions[min(at, len(regions)-1)]
		written[id] = append(written[id], field)
		at += len(wer.Normalize(field))
	}
	var out []object
	var whole []string
	for _, raw := range prediction {
		var it object
		if err := json.Unmarshal(raw, &it); err != nil {
			t.Fatal(err)
		}
		id, _ := it["id"].(string)
		if len(written[id]) == 0 {
			continue
		}
		if it["type"] == "textarea" {
			piece := strings.Join(written[id], " ")
			whole = append(whole, piece)
			it["value"].(object)["text"] = []string{piece}
		}
		out = append(out, it)
	}
	if got := strings.Join(whole, " "); got != text {
		t.Fatalf("the regions have %q, want %q", got, text)
	}
	return out
}
