package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/finding"
	"github.com/asr-backend/asr-backend/models"
	"github.com/asr-backend/asr-backend/transcribe"
	"github.com/asr-backend/asr-backend/transcript"
	"github.com/asr-backend/asr-backend/wer"
)

// open finds the model and reads its vocabulary and card.
func open(_ context.Context, s *Subject) ([]finding.Finding, error) {
	bundle, err := s.Store.Open(s.Name, "")
	if err != nil {
		return []finding.Finding{{Check: "model", Status: finding.Failure, Detail: err.Error()}}, nil
	}
	s.Bundle = bundle
	detail := bundle.Card.Name + ", inside the program"
	if dir := s.folder(); dir != "" {
		detail = fmt.Sprintf("%s, %s in %s", bundle.Card.Name, bundle.Graph, dir)
	}
	return []finding.Finding{{Check: "model", Status: finding.OK, Detail: detail}}, nil
}

// files compares digests.
func files(ctx context.Context, s *Subject) ([]finding.Finding, error) {
	if s.Bundle == nil || s.folder() == "" {
		return nil, nil // the program's own files are as whole as the program
	}
	digests, err := s.Store.Digests(ctx, s.folder(), s.Bundle.Graph)
	if err != nil {
		return []finding.Finding{{Check: "files", Status: finding.Failure, Detail: err.Error()}}, nil
	}
	var findings []finding.Finding
	for _, d := range digests {
		f := finding.Finding{Check: "file", Status: finding.OK, Detail: fmt.Sprintf("%s is what the %s says (SHA-256 %.12s...)", d.File, d.By, d.Got)}
		switch {
		case d.Err != nil:
			f.Status, f.Detail = finding.Failure, fmt.Sprintf("%s: %v", d.File, d.Err)
		case d.Want == "":
			f.Status, f.Detail = finding.Warning, fmt.Sprintf("%s: nobody has noted a digest to compare with; it is %s", d.File, d.Got)
		case !d.OK():
			f.Status, f.Detail = finding.Failure, fmt.Sprintf("%s has SHA-256 %s, not %s as the %s says", d.File, d.Got, d.Want, d.By)
		}
		if f.Status == finding.Failure && s.inStore() {
			f.Hint = fmt.Sprintf("remove %s and run `asr-backend models pull %s`", s.folder(), s.Name)
		}
		findings = append(findings, f)
	}
	return findings, nil
}

// licence reports under which conditions the model may be used.
func licence(_ context.Context, s *Subject) ([]finding.Finding, error) {
	if s.Bundle == nil {
		return nil, nil
	}
	card := &s.Bundle.Card
	f := finding.Finding{Check: "licence", Status: finding.OK, Detail: card.Licence}
	switch {
	case card.Licence == "":
		f.Status, f.Detail = finding.Warning, "not stated"
		f.Hint = "look where the model comes from"
		if card.Source != "" {
			f.Hint += ": " + card.Source
		}
	case strings.Contains(card.Licence, "-NC"):
		f.Status, f.Detail = finding.Warning, card.Licence+": not for commercial use"
	}
	findings := []finding.Finding{f}
	if strings.Contains(s.Bundle.Graph, "."+string(models.INT8)+".") {
		findings = append(findings, finding.Finding{Check: "precision", Status: finding.Warning, Detail: "int8: " + models.INT8.Warning()})
	}
	return findings, nil
}

// contract loads the model on the CPU, which probes it, and reports what was found.
func contract(ctx context.Context, s *Subject) ([]finding.Finding, error) {
	if s.Bundle == nil {
		return nil, nil
	}
	r, err := asr.New(ctx, s.Runtime, s.Bundle, asr.Options{Provider: ort.CPU, AsExported: true, Decoding: asr.Decoding{LM: asr.LMNone}})
	if refused, ok := errors.AsType[*asr.ModelError](err); ok {
		return []finding.Finding{{Check: "contract", Status: finding.Failure, Detail: refused.Err.Error(), Hint: "see doc/models.md for what a model must be"}}, nil
	}
	if err != nil {
		return nil, err
	}
	s.Recognizer = r
	c := r.Contract()
	ok := func(check, detail string) finding.Finding {
		return finding.Finding{Check: check, Status: finding.OK, Detail: detail}
	}
	features := "normalised per band over each window"
	if c.RawFeatures {
		features = "as they are"
	}
	output := "log-probabilities"
	switch {
	case c.Encoder:
		output = fmt.Sprintf("rows of %d values, decoded: %s", c.Width, r.DecodedBy(0))
	case c.Unnormalised:
		output = "logits, made log-probabilities here"
	}
	padding := "harmless: windows of any length share a run"
	if !c.Padding {
		padding = "changes the text (exported before NeMo 2.5): the last window of a recording is run by itself"
	}
	findings := []finding.Finding{
		ok("contract", fmt.Sprintf("met; at most %d rows (%.0f s) in one run", c.MaxRows, c.MaxRows.Duration().Seconds())),
		ok("features", fmt.Sprintf("%d mel bands, %s", c.Bands, features)),
		ok("vocabulary", fmt.Sprintf("%d pieces and blank", s.Bundle.Vocabulary.Width()-1)),
		ok("output", output),
		ok("padding", padding),
	}
	compared, err := quantized(ctx, s)
	if err != nil {
		return nil, err
	}
	return append(append(findings, compared...), languageModel(s.Bundle)...), nil
}

// quantized compares a model whose weights have 8 bits with the full one, if that is at hand: in the same
// folder, or in the one beside it that a build NAME-int8 belongs to.
func quantized(ctx context.Context, s *Subject) (findings []finding.Finding, err error) {
	r := s.Recognizer
	if r.Contract().Precision != asr.INT8 || r.Contract().Encoder || s.Bundle.Dir == "" {
		return nil, nil
	}
	full, err := asr.OpenBundle(filepath.Join(s.Bundle.Dir, "model.onnx"), "")
	if err != nil {
		if full, err = asr.OpenBundle(strings.TrimSuffix(s.Bundle.Dir, "-"+string(models.INT8)), ""); err != nil {
			return nil, nil // there is none
		}
	}
	whole, err := asr.New(ctx, s.Runtime, full, asr.Options{Provider: ort.CPU, AsExported: true, Decoding: asr.Decoding{LM: asr.LMNone}})
	if err != nil || whole.Contract().Precision != asr.FP32 || whole.Contract().Width != r.Contract().Width {
		if whole != nil {
			err = whole.Close()
		}
		return nil, err
	}
	defer func() { err = errors.Join(err, whole.Close()) }()
	d, err := whole.CompareQuantized(ctx, s.Runtime, r)
	if d.Rows == 0 {
		return nil, err
	}
	f := finding.Finding{Check: "int8", Status: finding.OK, Detail: fmt.Sprintf("of %d rows of speech that the full model is sure of, %d have the same best piece", d.Rows, d.Best)}
	if err != nil {
		f.Status, f.Hint = finding.Failure, "use the full model with --precision int8, which loses less, or int8-careful"
	}
	return []finding.Finding{f}, nil
}

// languageModel opens that of the model, if it has one.
func languageModel(b *asr.Bundle) []finding.Finding {
	d := asr.Decoding{}
	l := d.LanguageModel(b)
	if l == nil {
		return nil
	}
	const check = "lm"
	m, err := l.Open()
	if err == nil {
		err = d.CheckFor(b)
	}
	if err != nil {
		return []finding.Finding{{Check: check, Status: finding.Failure, Detail: err.Error(), Hint: "see doc/decoding.md"}}
	}
	words := m.Len(1)
	if err := m.Close(); err != nil {
		return []finding.Finding{{Check: check, Status: finding.Failure, Detail: err.Error()}}
	}
	return []finding.Finding{{Check: check, Status: finding.OK, Detail: fmt.Sprintf("a language model of %d words", words)}}
}

// The sample is read English; see SOURCE.md.
//
//go:embed sample.opus
var recording []byte

const (
	spoken = "produced the block books, which were the immediate predecessors of the true printed book,"
	// useless is the word error rate from which on a model has understood nothing.
	useless = 0.8
	// other is the rate of letters from which on a text is not the one that the exported
	// checkpoint recognized.
	other = 0.5
)

// sample transcribes the recording, if the model knows English or if its card holds the
// checkpoint's text.
func sample(ctx context.Context, s *Subject) ([]finding.Finding, error) {
	if s.Recognizer == nil {
		return nil, nil
	}
	english := slices.Contains(models.Languages(s.Bundle), "en")
	noted, err := models.ReadSelfTest(s.Bundle)
	if err != nil {
		return nil, err
	}
	if noted != nil && (noted.Text == "" || noted.Sample != fmt.Sprintf("%x", sha256.Sum256(recording))) {
		noted = nil // of a recording that this program does not have
	}
	if !english && noted == nil {
		return nil, nil
	}
	transcriber, err := transcribe.New(s.Recognizer, transcribe.Options{})
	if err != nil {
		return nil, err
	}
	t, err := transcriber.Transcribe(ctx, transcribe.Source{Reader: bytes.NewReader(recording), Name: "sample.opus"}, transcribe.Request{})
	if err != nil {
		return nil, err
	}
	var findings []finding.Finding
	if noted != nil {
		findings = append(findings, asExported(t.Text(), noted.Text))
	}
	if english {
		findings = append(findings, asSpoken(t))
	}
	return findings, nil
}

// asSpoken compares the transcript with what is said in the recording.
func asSpoken(t *transcript.Transcript) finding.Finding {
	text := t.Text()
	rate := wer.Compare(spoken, text).Rate()
	f := finding.Finding{Check: "sample", Status: finding.OK, Detail: fmt.Sprintf("recognized %q: word error rate %.0f %%, confidence %.2f", text, 100*rate, t.Confidence)}
	if rate >= useless {
		f.Status = finding.Failure
		f.Detail = fmt.Sprintf("recognized %q where %q is said", text, spoken)
		f.Hint = "the model may want other features, or its vocabulary belongs to another; or its card names the wrong language"
	}
	return f
}

// asExported compares the transcript with that of the checkpoint in NeMo. Decoders of
// Opus and resamplers differ in the last digits, and so may a piece. Letters are
// compared, since some languages and models write no words.
func asExported(text, noted string) finding.Finding {
	rate := wer.CompareWords(letters(noted), letters(text)).Rate()
	f := finding.Finding{Check: "selftest", Status: finding.OK, Detail: fmt.Sprintf("same text as the exported checkpoint: %q", text)}
	switch {
	case rate >= other:
		f.Status = finding.Failure
		f.Detail = fmt.Sprintf("recognized %q where the exported checkpoint recognized %q", text, noted)
		f.Hint = "the graph or the vocabulary is not the one that was exported; export the model again"
	case rate > 0:
		f.Detail = fmt.Sprintf("nearly the text of the exported checkpoint: %q, not %q", text, noted)
	}
	return f
}

func letters(text string) []string { return strings.Split(strings.Join(strings.Fields(text), ""), "") }
