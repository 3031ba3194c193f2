package asr

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/internal/plural"
	"github.com/asr-backend/asr-backend/lm"
)

// Decoding says how texts are found in rows: by a search with a language model, or, without
// one, as the best piece of each row.
type Decoding struct {
	// LM is the language model: LMDefault or empty is the model's own, if it has one, and
	// LMNone is none. Anything else is the path of a file that lm.Open reads.
	LM string
	// LMWeight, WordBonus and BlankPenalty are those of beam.Options; nil takes those of the
	// model's card or else the defaults. They count only with a language model. With a transducer
	// only LMWeight has a meaning, see beam.BiasOptions.
	LMWeight, WordBonus, BlankPenalty *float32
	// Beam is how many texts a search follows; 0 means beam.DefaultWidth.
	Beam int
}

// Values of Decoding.LM that are no path.
const (
	LMDefault = "default"
	LMNone    = "none"
)

// Check returns what is wrong with the settings, or nil. The file of a language model is not
// looked at.
func (d *Decoding) Check() error {
	if d.LMWeight != nil && !(*d.LMWeight > 0) {
		return fmt.Errorf("weight %v of the language model; want more than 0", *d.LMWeight)
	}
	return d.SearchOptions(&LanguageModel{}, &Bundle{}).Check()
}

// CheckFor is Check, for the numbers that a bundle's card has too.
func (d *Decoding) CheckFor(b *Bundle) error {
	if err := d.Check(); err != nil {
		return err
	}
	if w := b.Card.LMWeight; w != nil && !(*w > 0) {
		return fmt.Errorf("model.json: lm_weight %v; want more than 0", *w)
	}
	if err := d.SearchOptions(&LanguageModel{}, b).Check(); err != nil {
		return fmt.Errorf("model.json: %w", err)
	}
	return nil
}

// lmNames are the names that a language model has which lies beside the graph of a model.
var lmNames = []string{"lm.bin", "lm.bin.zst"}

// LanguageModel is the file of a language model.
type LanguageModel struct {
	// Path is where it lies; empty for one inside the program.
	Path string
	// Own says that it belongs to the model of speech.
	Own   bool
	name  string
	files fs.FS // of one inside the program
}

// LanguageModel returns the language model with which a bundle's texts are found, or nil.
func (d *Decoding) LanguageModel(b *Bundle) *LanguageModel {
	if b.Transducer != nil && (d.LM == "" || d.LM == LMDefault) {
		return nil // that of a hybrid is for its CTC head
	}
	switch d.LM {
	case LMNone:
		return nil
	case "", LMDefault:
		for _, name := range lmNames {
			if _, err := fs.Stat(b.files, name); err != nil {
				continue
			}
			if b.Dir != "" {
				return &LanguageModel{Path: filepath.Join(b.Dir, name), Own: true}
			}
			return &LanguageModel{Own: true, name: name, files: b.files}
		}
		return nil
	}
	return &LanguageModel{Path: d.LM}
}

// String names the file.
func (l *LanguageModel) String() string {
	if l.Path != "" {
		return l.Path
	}
	return l.name
}

// Digest returns the SHA-256 of the file, in hex.
func (l *LanguageModel) Digest() (string, error) {
	var f fs.File
	var err error
	if l.Path != "" {
		f, err = os.Open(l.Path)
	} else {
		f, err = l.files.Open(l.name)
	}
	if err != nil {
		return "", fmt.Errorf("read the language model: %w", err)
	}
	defer f.Close() // only read
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read the language model: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Open opens the file. The caller closes the model.
func (l *LanguageModel) Open() (*lm.Model, error) {
	if l.Path != "" {
		return lm.Open(l.Path)
	}
	data, err := readShared(l.files, l.name)
	if err != nil {
		return nil, fmt.Errorf("read the language model: %w", err)
	}
	m, err := lm.OpenBytes(data)
	if err != nil {
		return nil, fmt.Errorf("open the language model: %w", err)
	}
	return m, nil
}

// SearchOptions returns how texts of a bundle are searched for, but for the language model
// itself, which may be nil, and phrases.
func (d *Decoding) SearchOptions(l *LanguageModel, b *Bundle) beam.Options {
	o := beam.Options{Width: d.Beam}
	if l == nil {
		return o
	}
	o.Weight, o.Bonus = beam.DefaultWeight, beam.DefaultBonus
	choose := func(to *float32, values ...*float32) {
		for _, v := range values {
			if v != nil {
				*to = *v
				return
			}
		}
	}
	if b.Transducer != nil {
		o.Weight, o.Bonus = beam.DefaultPieceWeight, 0
		choose(&o.Weight, d.LMWeight)
		return o
	}
	choose(&o.Weight, d.LMWeight, b.Card.LMWeight)
	choose(&o.Bonus, d.WordBonus, b.Card.WordBonus)
	choose(&o.BlankPenalty, d.BlankPenalty, b.Card.BlankPenalty)
	return o
}

// decoder is what a Recognizer finds texts with. Both searches may be used by many goroutines.
type decoder struct {
	search *beam.Search // with the language model; nil if there is none
	plain  *beam.Search // without one
	model  *lm.Model    // or nil
	file   *LanguageModel
	width  int
}

// newDecoder opens the language model. The caller closes the decoder.
func newDecoder(b *Bundle, d *Decoding) (_ decoder, err error) {
	var out decoder
	if err := d.CheckFor(b); err != nil {
		return out, err
	}
	l := d.LanguageModel(b)
	if b.Transducer != nil {
		if d.WordBonus != nil || d.BlankPenalty != nil || d.Beam != 0 && d.Beam != beam.DefaultWidth {
			return out, fmt.Errorf("%s is a transducer, in whose search a beam, a word bonus and a penalty of blank mean nothing; leave them out, or take --decoder ctc if it has a CTC head", b.Card.Name)
		}
		return newPieceDecoder(b, l)
	}
	o := d.SearchOptions(l, b)
	if out.width = o.Width; out.width == 0 {
		out.width = beam.DefaultWidth
	}
	if l == nil {
		out.plain, err = beam.New(b.Vocabulary, o)
		return out, err
	}
	if out.model, err = l.Open(); err != nil {
		return out, err
	}
	if out.model.Facts().Units == lm.Pieces {
		return out, errors.Join(fmt.Errorf("language model %s: it is one of pieces; decoding needs one of words", l), out.model.Close())
	}
	out.file = l
	if out.plain, err = beam.New(b.Vocabulary, beam.Options{Width: o.Width}); err != nil {
		return out, errors.Join(err, out.model.Close())
	}
	o.Lexicon = beam.NewLexicon(out.model)
	if out.search, err = beam.New(b.Vocabulary, o); err != nil {
		return out, errors.Join(err, out.model.Close())
	}
	return out, nil
}

// newPieceDecoder opens the language model of a transducer, if there is one.
func newPieceDecoder(b *Bundle, l *LanguageModel) (out decoder, err error) {
	if l == nil {
		return out, nil
	}
	if out.model, err = l.Open(); err != nil {
		return out, err
	}
	if out.model.Facts().Units != lm.Pieces {
		return out, errors.Join(fmt.Errorf("language model %s: it is one of words; %s is a transducer and needs one of its pieces, see lm build --pieces", l, b.Card.Name), out.model.Close())
	}
	out.file = l
	return out, nil
}

func (d *decoder) close() error {
	if d.model == nil {
		return nil
	}
	return d.model.Close()
}

// Search returns the search that finds texts, with phrases that are expected, or nil for none.
// It is nil if texts are the best pieces of rows. It may be used until the Recognizer is closed.
func (r *Recognizer) Search(phrases *beam.Phrases) *beam.Search {
	switch {
	case r.transducer != nil:
		return nil
	case phrases == nil:
		return r.decoder.search
	case r.decoder.search == nil:
		return r.decoder.plain.WithPhrases(phrases)
	}
	return r.decoder.search.WithPhrases(phrases)
}

// Searching is Search, and is there also where texts are the best pieces of rows. It is nil for a
// transducer.
func (r *Recognizer) Searching(phrases *beam.Phrases) *beam.Search {
	if s := r.Search(phrases); s != nil || r.transducer != nil {
		return s
	}
	return r.decoder.plain
}

// Bias returns what is known of the text of a transducer: the language model, if there is one, and
// phrases, or nil for none. It is nil if nothing is known. It may be used until the Recognizer is closed.
func (r *Recognizer) Bias(phrases *beam.Phrases) (*beam.Bias, error) {
	return beam.NewBias(r.vocabulary, beam.BiasOptions{Phrases: phrases, Model: r.decoder.model, Weight: r.pieceWeight})
}

// Transducer reports whether texts are those of a transducer, for which there is no search.
func (r *Recognizer) Transducer() bool { return r.transducer != nil }

// WholeRows reports whether the model writes whole rows anyway, so that candidates cost next to nothing. A
// GPU that only writes what greedy texts need does not: it has other, smaller batches for whole rows.
func (r *Recognizer) WholeRows() bool {
	return r.transducer == nil && len(r.workers) > 0 && r.workers[0].usual == r.workers[0].wide
}

// Aligns reports whether given texts can be found in recordings: the model has a CTC head.
func (r *Recognizer) Aligns() bool { return r.transducer == nil || r.contract.Names.Head != "" }

// SearchAlternatives returns the search that finds several texts of a stretch of speech, with
// phrases or nil. It is there also where texts are the best pieces of rows.
func (r *Recognizer) SearchAlternatives(phrases *beam.Phrases) *beam.Search {
	s := r.Search(phrases)
	if s == nil {
		s = r.decoder.plain
	}
	return s.WithHistories()
}

// Lexicon returns the language model, or nil if there is none, and how it is searched with.
func (r *Recognizer) Lexicon() (*beam.Lexicon, beam.Options) {
	if r.decoder.search == nil {
		return nil, beam.Options{Width: r.decoder.width}
	}
	o := r.decoder.search.Options()
	return o.Lexicon, o
}

// DecodedBy says in a few words how texts are found with a number of phrases.
func (r *Recognizer) DecodedBy(phrases int) string {
	d := &r.decoder
	var text string
	switch {
	case r.transducer != nil && len(r.durations) > 0:
		text = "greedy TDT"
	case r.transducer != nil:
		text = "greedy RNN-T"
	case d.search == nil && phrases == 0:
		return "greedy"
	default:
		text = fmt.Sprintf("beam search of width %d", d.width)
	}
	switch {
	case d.model == nil:
	case d.file.Own:
		text += fmt.Sprintf(" with the language model of %s", r.bundle.Card.Name)
	default:
		text += fmt.Sprintf(" with the language model %s", filepath.Base(d.file.Path))
	}
	if phrases > 0 {
		text += ", " + plural.Count(phrases, "hotword")
	}
	if r.transducer != nil && r.Aligns() {
		text += ", word times from CTC"
	}
	return text
}
