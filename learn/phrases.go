package learn

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/asr-backend/asr-backend/wer"
)

// Phrase is a word or a term that is expected.
type Phrase struct {
	Text string `json:"text"` // as people wrote it
	// Said is how often corrections have it, and Missed in how many of these places the prediction
	// had something else. Both are 0 for a phrase of a document.
	Said   int `json:"said"`
	Missed int `json:"missed"`
}

// Limits of phrases.
const (
	// MostPhrases is how many are kept, those that were missed most often.
	MostPhrases = 2000
	longest     = 4 // words of a phrase
	leastRunes  = 3 // of a phrase: shorter ones are found where they were not said
	// glossary is how many words a line of a document may have to be an entry of a glossary.
	glossary = 4
)

// found is what is known of a phrase while texts are read.
type found struct {
	said, missed int
	spellings    map[string]int
}

// finder finds phrases. Keys are normalized words, separated by spaces.
type finder struct {
	rare func(word string) bool
	all  map[string]*found
}

func newFinder(rare func(string) bool) *finder { return &finder{rare, map[string]*found{}} }

func (f *finder) add(key, spelling string, missed bool) {
	p := f.all[key]
	if p == nil {
		p = &found{spellings: map[string]int{}}
		f.all[key] = p
	}
	p.said++
	if missed {
		p.missed++
	}
	p.spellings[spelling]++
}

// passage reads a passage.
func (f *finder) passage(p *passage) {
	missed := make([]bool, len(p.wrote))
	if p.compared {
		at := 0
		for _, pair := range wer.Align(p.wrote, p.predicted) {
			if pair.Said != "" {
				missed[at] = !pair.Right()
				at++
			}
		}
	}
	spelled, stops := spellings(p.text, p.wrote)
	for i := 0; i < len(p.wrote); i++ {
		if !f.rare(p.wrote[i]) {
			continue
		}
		end, any := i, false
		for more := true; more && end < len(p.wrote) && f.rare(p.wrote[end]); end++ {
			f.add(p.wrote[end], spelled[end], missed[end])
			any = any || missed[end]
			more = !stops[end]
		}
		if n := end - i; n > 1 && n <= longest {
			f.add(strings.Join(p.wrote[i:end], " "), strings.Join(spelled[i:end], " "), any)
		}
		i = end - 1
	}
}

// spellings returns the words of a text as they are written, without the punctuation around them,
// beside the normalized ones, and which of them a stop follows, so that no term goes on after it. A
// word that normalizing divides has its parts.
func spellings(text string, normalized []string) (spelled []string, stops []bool) {
	spelled, stops = slices.Clone(normalized), make([]bool, len(normalized))
	at := 0
	for _, field := range strings.Fields(text) {
		parts := wer.Normalize(field)
		if len(parts) == 1 && at < len(spelled) && spelled[at] == parts[0] {
			spelled[at] = strings.TrimFunc(field, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })
		}
		if at += len(parts); at > len(normalized) {
			break
		}
		if r, _ := utf8.DecodeLastRuneInString(field); at > 0 && strings.ContainsRune(".,;:?!…—–-\"”", r) {
			stops[at-1] = true
		}
	}
	if at != len(normalized) { // normalizing fields apart gave other words
		return normalized, make([]bool, len(normalized))
	}
	return spelled, stops
}

// document reads entries of a glossary: lines of a few words, one of them rare.
func (f *finder) document(text string) {
	for line := range strings.Lines(text) {
		entry := strings.Trim(strings.TrimSpace(line), "-*•·,;:")
		words := wer.Normalize(entry)
		if len(words) == 0 || len(words) > glossary || strings.ContainsAny(entry, ".?!") || !slices.ContainsFunc(words, f.rare) {
			continue
		}
		key := strings.Join(words, " ")
		if f.all[key] == nil {
			f.all[key] = &found{spellings: map[string]int{}}
		}
		f.all[key].spellings[strings.TrimSpace(entry)]++
		f.all[key].missed += always
	}
}

// always is added to what was missed of the entries of a glossary, so that they are kept.
const always = 1 << 30

// list returns the phrases that predictions missed, or that the list before has, without those
// that were removed.
func (f *finder) list(before []Phrase, removed []string) []Phrase {
	kept := map[string]int{} // missed so far
	for _, p := range before {
		kept[strings.Join(wer.Normalize(p.Text), " ")] = max(p.Missed, 1)
	}
	unwanted := map[string]bool{}
	for _, text := range removed {
		unwanted[strings.Join(wer.Normalize(text), " ")] = true
	}
	var out []Phrase
	for key, p := range f.all {
		glossary := p.missed >= always
		missed := p.missed % always
		if missed = max(missed, min(kept[key], p.said)); missed == 0 && !glossary || unwanted[key] || utf8.RuneCountInString(key) < leastRunes {
			continue
		}
		out = append(out, Phrase{Text: mostFrequent(p.spellings), Said: p.said, Missed: missed})
	}
	slices.SortFunc(out, func(a, b Phrase) int {
		return cmp.Or(cmp.Compare(b.Missed, a.Missed), cmp.Compare(b.Said, a.Said), strings.Compare(a.Text, b.Text))
	})
	return out[:min(len(out), MostPhrases)]
}

func mostFrequent(counts map[string]int) string {
	best := ""
	for text, n := range counts {
		if m := counts[best]; best == "" || n > m || n == m && text < best {
			best = text
		}
	}
	return best
}
