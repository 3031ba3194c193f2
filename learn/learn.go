package learn

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/wer"
)

// Rows are what is kept of the rows of a passage for a search: the log-probability of blank of
// each, and its candidates.
type Rows struct {
	Blanks     []float32
	Candidates ctc.Candidates
}

// Options say with what is learnt. Vocabulary is required, and either Search and Rows or Transcribe.
type Options struct {
	Vocabulary *ctc.Vocabulary
	// Search is how texts are searched for without what is learnt.
	Search *beam.Search
	// General is the language model of the search, or nil: then only phrases are learnt.
	General *beam.Lexicon
	// Hotwords are phrases that the project expects anyway.
	Hotwords []beam.Phrase
	// Rows returns the rows of the passage of a correction, given its index, or nil if they are not
	// to be had. They are asked for one by one, and not of all.
	Rows func(ctx context.Context, correction int) (*Rows, error)
	// Transcribe finds the text of the passage of a correction, given its index, where there is no
	// search in rows, as with a transducer. It runs the model: only some minutes are judged with
	// it, and nothing is tuned.
	Transcribe func(ctx context.Context, correction int, k *Knowledge) (string, error)
	// Before is what was learnt before and is used now, or nil.
	Before *Version
	// Gone says that texts are gone which Before was made of, so that it must not be used any
	// longer, whatever the candidate is worth.
	Gone bool
	// Earlier are versions that are compared as well, in their Judged form.
	Earlier []*Knowledge
}

// Version is what was learnt in one go.
type Version struct {
	// Used is made of all corrections, and Judged of those that do not judge.
	Used   Knowledge `json:"used"`
	Judged Knowledge `json:"judged"`
}

// Judgement is what the versions do to recordings that none of them was made of.
type Judgement struct {
	Passages int `json:"passages"`
	// General is without anything learnt, Before with what is used now, and Candidate with the new
	// version.
	General   wer.Errors `json:"general"`
	Before    wer.Errors `json:"before"`
	Candidate wer.Errors `json:"candidate"`
	// Earlier are those of Options.Earlier.
	Earlier []wer.Errors `json:"-"`
}

// Outcome is a candidate and how it came about.
type Outcome struct {
	Candidate Version
	// TakeUp says that the candidate is to be used from now on, and Reason why, or why not.
	TakeUp    bool
	Reason    string
	Judgement Judgement
	// Passages, Words and Recordings are what corrections were learnt from, LeftOut how many
	// passages were not, by reason.
	Passages, Words, Recordings int
	LeftOut                     map[Reason]int
	Documents                   int // that were learnt from
	Substitutions               []Substitution
	// Tuned says that the numbers were chosen on corrections; else they are the usual ones.
	Tuned bool
}

// Bounds of what is decoded. A row is 80 ms.
const (
	rowsToTune   = 4_500           // 6 minutes, some ten times
	rowsToJudge  = 11_250          // 15 minutes, three times
	rowsOfOne    = 7_500           // of a passage: longer ones are not decoded
	timeToJudge  = 5 * time.Minute // with Options.Transcribe
	wordsToTune  = 60              // fewer say nothing
	usualPart    = 0.3
	usualWeight  = beam.DefaultPhraseWeight
	greedyWeight = 0.75 // with Options.Transcribe: a greedy search takes back nothing
	rareInLog10  = -4.7 // one in 50,000 words; about rank 5,000
	rareLettersN = 5    // of a word that counts as rare where no language model says so
)

// Learn makes a candidate of corrections and documents, and judges it. The result depends on the
// material alone, not on the machine. An error is one of Rows, of Transcribe, or of ctx.
func Learn(ctx context.Context, m *Material, o Options) (*Outcome, error) {
	if o.Vocabulary == nil || o.Transcribe == nil && (o.Search == nil || o.Rows == nil) {
		return nil, errors.New("learn: Options are incomplete")
	}
	l := &learner{Options: &o, material: m, out: &Outcome{}}
	if err := l.learn(ctx); err != nil {
		return nil, fmt.Errorf("learn: %w", err)
	}
	return l.out, nil
}

type learner struct {
	*Options
	material *Material
	out      *Outcome
	all      []passage
	parts    map[string]part
	written  map[string]bool // words of predictions, but for those of phrases that were learnt
}

// note notes which words predictions have.
func (l *learner) note() {
	l.written = map[string]bool{}
	for i := range l.all {
		for _, w := range l.all[i].predicted {
			l.written[w] = true
		}
	}
	if l.Before == nil {
		return
	}
	for _, p := range l.Before.Used.Phrases {
		for _, w := range wer.Normalize(p.Text) {
			delete(l.written, w)
		}
	}
}

func (l *learner) learn(ctx context.Context) (err error) {
	out := l.out
	l.all, out.LeftOut = l.passages(l.material.Corrections)
	names := make([]string, len(l.all))
	for i := range l.all {
		names[i] = l.all[i].recording
	}
	l.parts = divide(names)
	l.note()
	out.Passages, out.Recordings, out.Documents = len(l.all), len(l.parts), len(l.material.Documents)
	for i := range l.all {
		out.Words += len(l.all[i].wrote)
	}
	out.Substitutions = substitutions(l.all)
	if out.Passages == 0 && out.Documents == 0 {
		out.TakeUp, out.Reason = l.Before != nil, "there is nothing to learn from"
		return nil
	}
	numbers := Knowledge{Part: usualPart, PhraseWeight: usualWeight}
	if l.Transcribe != nil {
		numbers.PhraseWeight = greedyWeight
	}
	if err := l.tune(ctx, &numbers); err != nil {
		return err
	}
	before := l.Before
	if before == nil {
		before = &Version{}
	}
	if out.Candidate.Judged, err = l.make(ctx, numbers, &before.Judged, func(p part) bool { return p != toJudge }); err != nil {
		return err
	}
	if out.Candidate.Used, err = l.make(ctx, numbers, &before.Used, func(part) bool { return true }); err != nil {
		return err
	}
	return l.judge(ctx)
}

// make makes a version of the passages of some parts, with numbers. Before is what was known of them.
func (l *learner) make(ctx context.Context, numbers Knowledge, before *Knowledge, of func(part) bool) (_ Knowledge, err error) {
	k := Knowledge{Part: numbers.Part, PhraseWeight: numbers.PhraseWeight}
	f := newFinder(l.rare)
	var texts []string
	for i := range l.all {
		if p := &l.all[i]; of(l.parts[p.recording]) {
			f.passage(p)
			texts = append(texts, p.text)
		}
	}
	for _, d := range l.material.Documents {
		f.document(d.Text)
		texts = append(texts, Clean(d.Text))
	}
	k.Phrases = f.list(before.Phrases, l.material.Removed)
	k.Model, err = l.model(ctx, texts)
	return k, err
}

// rare reports whether a word is one that recordings of other projects seldom have. Where no language
// model says so, it is one that no prediction has.
func (l *learner) rare(word string) bool {
	if l.General == nil {
		return len([]rune(word)) >= rareLettersN && !l.written[word]
	}
	log10, known := l.General.Unigram(word)
	return !known || log10 < rareInLog10
}
