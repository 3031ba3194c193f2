package learn

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/lm"
	"github.com/asr-backend/asr-backend/lm/build"
	"github.com/asr-backend/asr-backend/timeline"
)

// project is a project of recordings that are made up: rows in which each letter is fairly certain,
// and every v sounds more like a b.
type project struct {
	t       *testing.T
	v       *ctc.Vocabulary
	search  *beam.Search
	general *beam.Lexicon
	said    []string // in each correction
	all     []Correction
}

// english is what the general language model was made of.
var english = strings.Fields(`the pump of the house was sold to a man in the town and he said that it runs well
	we sold the old valve to the man of the town when the pump was well and the house was old`)

func newProject(t *testing.T) *project {
	t.Helper()
	p := &project{t: t, v: letters(t)}
	b, err := build.New(build.Options{Order: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	r := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		var words []string
		for range 8 {
			words = append(words, english[r.IntN(len(english))])
		}
		if err := b.Add(strings.Join(words, " ")); err != nil {
			t.Fatal(err)
		}
	}
	made, err := b.Table(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	made.Table.Facts = lm.Facts{Units: lm.Words, Folding: lm.FoldWords}
	m, err := made.Table.Model()
	if err != nil {
		t.Fatal(err)
	}
	p.general = beam.NewLexicon(m)
	if p.search, err = beam.New(p.v, beam.Options{Lexicon: p.general, Bonus: beam.DefaultBonus, Width: 32}); err != nil {
		t.Fatal(err)
	}
	return p
}

// rows are what a model makes of a text.
func (p *project) rows(text string) *Rows {
	out := &Rows{}
	row := make([]float32, p.v.Width())
	add := func(best, other ctc.Piece) {
		for i := range row {
			row[i] = float32(math.Log(0.001))
		}
		row[best], row[other] = float32(math.Log(0.6)), float32(math.Log(0.35))
		s := ctc.Row{Best: best, LogProb: row[best], Blank: row[p.v.Blank()], Confidence: 0.6}
		out.Blanks = append(out.Blanks, row[p.v.Blank()])
		out.Candidates.Append(row, s, p.v.Blank(), ctc.NewMeasure(p.v.Width()))
	}
	piece := func(c rune) ctc.Piece {
		for i := range p.v.Pieces() {
			if s := p.v.Piece(ctc.Piece(i)); s == string(c) || c == ' ' && s == ctc.Space {
				return ctc.Piece(i)
			}
		}
		p.t.Fatalf("no piece for %q", c)
		return 0
	}
	for _, c := range " " + text {
		best := piece(c)
		other := p.v.Blank()
		if c == 'v' {
			best, other = piece('b'), piece('v')
		}
		add(best, other)
		add(p.v.Blank(), best)
	}
	return out
}

// add adds a correction of a recording in which something is said.
func (p *project) add(recording int, said, wrote string) {
	p.said = append(p.said, said)
	d := p.search.Decoder(0)
	rows := p.rows(said)
	var tokens []ctc.Token
	for i, blank := range rows.Blanks {
		pieces, sure := rows.Candidates.Row(i)
		d.PushCandidates(blank, pieces, sure)
		tokens = append(tokens, d.Take()...)
	}
	predicted := p.v.TokenText(append(tokens, d.Best()...))
	p.all = append(p.all, Correction{Recording: fmt.Sprint("recording ", recording), Wrote: wrote, Predicted: predicted,
		Length: timeline.Row(len(rows.Blanks)).Duration()})
}

func (p *project) options(before *Version) Options {
	return Options{Vocabulary: p.v, Search: p.search, General: p.general, Before: before,
		Rows: func(_ context.Context, i int) (*Rows, error) { return p.rows(p.said[i]), nil }}
}

func (p *project) learn(m Material, o Options) *Outcome {
	p.t.Helper()
	m.Corrections = append(m.Corrections, p.all...)
	out, err := Learn(p.t.Context(), &m, o)
	if err != nil {
		p.t.Fatal(err)
	}
	return out
}

// works are recordings of a project in which a name is said that nobody else knows.
func (p *project) works(n int) {
	for i := range n {
		said := []string{"the velmora pump runs well", "he sold the velmora valve", "we said that velmora is old", "the house of velmora"}[i%4]
		p.add(i, said, said)
	}
}

func TestANameIsLearnt(t *testing.T) {
	p := newProject(t)
	p.works(20)
	if got := p.all[0].Predicted; strings.Contains(got, "velmora") {
		t.Fatalf("the name is known already: %q", got)
	}
	out := p.learn(Material{}, p.options(nil))
	j := out.Judgement
	if !out.TakeUp || j.Candidate.Rate() >= j.General.Rate() || j.Candidate.Rate() > 0.05 {
		t.Fatalf("%s; %+v", out.Reason, j)
	}
	if phrases := out.Candidate.Used.Phrases; len(phrases) == 0 || phrases[0].Text != "velmora" {
		t.Errorf("phrases: %v", phrases)
	}
	if out.Recordings != 20 || out.Passages != 20 || out.Candidate.Used.Digest() == "" {
		t.Errorf("%+v", out)
	}
	// The same material teaches nothing more, and gives the same.
	again := p.learn(Material{}, p.options(&out.Candidate))
	if again.TakeUp || again.Candidate.Used.Digest() != out.Candidate.Used.Digest() {
		t.Errorf("the same again: %v, %s, %s", again.TakeUp, again.Reason, again.Candidate.Used.Digest())
	}
	if again.Judgement.Before != j.Candidate {
		t.Errorf("the version in use is judged as %v, it was judged as %v", again.Judgement.Before, j.Candidate)
	}
}

// What makes recordings that judge worse is not taken up: here most texts are not what is said.
func TestWhatIsWorseIsNotTakenUp(t *testing.T) {
	p := newProject(t)
	p.works(20)
	good := p.learn(Material{}, p.options(nil))
	var names []string
	for _, c := range p.all {
		names = append(names, c.Recording)
	}
	judges := Judges(names)
	for i := range p.all {
		if !judges[p.all[i].Recording] {
			p.all[i].Wrote = strings.Repeat("belmora pumb ", 3)
		}
	}
	bad := p.learn(Material{Removed: []string{"velmora"}}, p.options(&good.Candidate))
	if bad.TakeUp || bad.Judgement.Candidate.Rate() <= bad.Judgement.Before.Rate() {
		t.Errorf("it is taken up: %v, %s, %+v", bad.TakeUp, bad.Reason, bad.Judgement)
	}
	// If what is used must go, nothing is better than that.
	o := p.options(&good.Candidate)
	o.Gone = true
	gone := p.learn(Material{Removed: []string{"velmora"}}, o)
	if !gone.TakeUp || gone.Judgement.Candidate.Rate() > gone.Judgement.General.Rate() && gone.Candidate.Used.Digest() != "" {
		t.Errorf("what must go stays: %v, %s, %+v", gone.TakeUp, gone.Reason, gone.Judgement)
	}
}

func TestWhatCannotBeJudged(t *testing.T) {
	p := newProject(t)
	documents := []Document{{"glossary.txt", "Velmora\nZendrix gateway\n"}}
	out := p.learn(Material{Documents: documents}, p.options(nil))
	if !out.TakeUp || len(out.Candidate.Used.Phrases) != 2 {
		t.Errorf("a glossary alone: %v, %s, %v", out.TakeUp, out.Reason, out.Candidate.Used.Phrases)
	}
	if again := p.learn(Material{Documents: documents}, p.options(&out.Candidate)); again.TakeUp {
		t.Errorf("the same glossary is taken up again: %s", again.Reason)
	}
	p.works(1)
	if one := p.learn(Material{}, p.options(nil)); one.TakeUp || !strings.Contains(one.Reason, "one recording only") {
		t.Errorf("one recording: %v, %s", one.TakeUp, one.Reason)
	}
	p.works(5)
	o := p.options(nil)
	o.Rows = func(context.Context, int) (*Rows, error) { return nil, nil }
	if none := p.learn(Material{}, o); none.TakeUp || !strings.Contains(none.Reason, "no rows") {
		t.Errorf("without rows: %v, %s", none.TakeUp, none.Reason)
	}
	failure := errors.New("the store is away")
	o.Rows = func(context.Context, int) (*Rows, error) { return nil, failure }
	if _, err := Learn(t.Context(), &Material{Corrections: p.all}, o); !errors.Is(err, failure) {
		t.Errorf("rows that cannot be read: %v", err)
	}
	p.all = nil
	if nothing := p.learn(Material{}, p.options(&out.Candidate)); !nothing.TakeUp || nothing.Candidate.Used.Digest() != "" {
		t.Errorf("when all is gone: %v, %s", nothing.TakeUp, nothing.Reason)
	}
}

// Where there are no rows, passages are transcribed with what is known, and only phrases are learnt.
func TestATransducerLearnsPhrases(t *testing.T) {
	p := newProject(t)
	p.works(20)
	o := Options{Vocabulary: p.v, Transcribe: func(_ context.Context, i int, k *Knowledge) (string, error) {
		for _, phrase := range k.Expected() {
			if phrase.Text == "velmora" {
				return p.said[i], nil
			}
		}
		return p.all[i].Predicted, nil
	}}
	out := p.learn(Material{}, o)
	if k := &out.Candidate.Used; !out.TakeUp || len(k.Model) > 0 || k.Phrases[0].Text != "velmora" || out.Tuned || out.Judgement.Candidate.Rate() != 0 {
		t.Errorf("%s; %+v", out.Reason, k)
	}
	o.Transcribe = func(context.Context, int, *Knowledge) (string, error) { return "", errors.New("the recording is gone") }
	if _, err := Learn(t.Context(), &Material{Corrections: p.all}, o); err == nil {
		t.Error("a recording that cannot be transcribed is no error")
	}
}

func TestAVersionIsNamedAfterWhatChangesTexts(t *testing.T) {
	base := Knowledge{Model: []byte("m"), Part: 0.3, Phrases: []Phrase{{"Velmora", 2, 1}}, PhraseWeight: 1.5}
	same := base
	same.Phrases = []Phrase{{"velmora", 7, 7}}
	if base.Digest() != same.Digest() {
		t.Error("how often a phrase was said, or its case, changes the version")
	}
	seen := map[string]string{base.Digest(): "the base"}
	for name, change := range map[string]func(*Knowledge){
		"another model":  func(k *Knowledge) { k.Model = []byte("n") },
		"another part":   func(k *Knowledge) { k.Part = 0.4 },
		"another phrase": func(k *Knowledge) { k.Phrases = []Phrase{{"Zendrix", 2, 1}} },
		"another weight": func(k *Knowledge) { k.PhraseWeight = 2 },
		"no weight":      func(k *Knowledge) { k.PhraseWeight = 0 },
		"nothing":        func(k *Knowledge) { *k = Knowledge{} },
	} {
		k := base
		change(&k)
		if other, ok := seen[k.Digest()]; ok {
			t.Errorf("%s has the version of %s", name, other)
		}
		seen[k.Digest()] = name
	}
	if (&Knowledge{PhraseWeight: 1}).Digest() != "" {
		t.Error("nothing has a version")
	}
}
