package transcript

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/internal/jsontoken"
)

// readJSON reads what writeJSON writes, and what Whisper, its descendants and services in
// its shape write: unknown keys are skipped, "probability" is a confidence, texts are
// trimmed, numbers may stand in quotes, words may lack times (they get those of their
// neighbours) and may stand in the flat list alone (they go to the segment around their
// middle). A bare list of segments is read too. Other shapes stand at the keys that begin
// them, in member and readSegment.
//
// A value of the wrong kind costs the value. A file in which nothing is known is an error,
// which names the program if the keys are those of one, see foreign.
func readJSON(r io.Reader) (*Transcript, error) {
	in := &lineCounter{r: decodeValid(r)}
	d := &jsonReader{Decoder: json.NewDecoder(in), in: in, t: &Transcript{}, keys: map[string]bool{}}
	err := d.transcript()
	if err == nil {
		if _, end := d.Token(); end == nil {
			err = errors.New("something follows the transcript")
		} else if !errors.Is(end, io.EOF) {
			err = end
		}
	}
	if err == nil {
		err = d.strange()
	}
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", d.line(), explain(err))
	}
	if err := d.faults.judge(d.t, d.used); err != nil {
		return nil, err
	}
	return d.t, nil
}

// jsonReader walks the tokens, so that what it holds grows with what it keeps and not
// with what the input has. It must stay within the limits of the budget.
type jsonReader struct {
	*json.Decoder
	in     *lineCounter
	t      *Transcript
	text   string // of the outer object
	flat   []Word // of the outer object
	budget budget
	faults faults
	used   int             // segments and words, or the text alone
	known  bool            // a text, segments or words were there, if none in them
	keys   map[string]bool // that were not known, see survey
}

// line returns the line that is being read: what the decoder holds but has not taken
// comes after it.
func (d *jsonReader) line() int {
	rest := &lineCounter{r: d.Buffered()}
	io.Copy(io.Discard, rest)
	return d.in.n - rest.n + 1
}

// pass returns nil for a misfit, which it notes, and any other error.
func (d *jsonReader) pass(err error) error {
	if _, bad := errors.AsType[misfit](err); !bad {
		return err
	}
	if d.faults.n < mostNamed { // the others are only counted
		d.faults.add(d.line(), err)
	} else {
		d.faults.n++
	}
	return nil
}

func (d *jsonReader) transcript() error {
	tok, err := d.Token()
	if err != nil {
		return err
	}
	switch tok {
	case json.Delim('['):
		d.known = !d.More() // an empty list is one of segments
		err = jsontoken.Items(d.Decoder, func() error { return d.segment("[].") })
	case json.Delim('{'):
		err = jsontoken.Members(d.Decoder, func(key string) error {
			err := d.member(key)
			if bad := (misfit{}); errors.As(err, &bad) {
				err = fmt.Errorf("%s: %w", quote(key), err)
			}
			return d.pass(err)
		})
	default:
		return errors.New("not a transcript: no object or list")
	}
	if err != nil {
		return err
	}
	return d.join()
}

// join combines what the outer object has beside its segments.
func (d *jsonReader) join() error {
	t := d.t
	if d.keys["audio_url"] || d.keys["acoustic_model"] {
		inMilliseconds(d.flat) // AssemblyAI
	}
	fillTimes(d.flat, 0)
	slices.SortStableFunc(d.flat, byStart)
	if len(t.Segments) == 0 && (d.text != "" || len(d.flat) > 0) {
		s := Segment{End: t.Duration, Text: d.text, Confidence: t.Confidence, Channel: Mixed, Words: d.flat}
		s.Text = cmp.Or(s.Text, JoinWords(d.flat))
		t.Segments = []Segment{s}
		d.used++
		return d.budget.segment()
	}
	if len(d.flat) == 0 || d.budget.words > len(d.flat) {
		return nil // the segments have words of their own
	}
	placeUntimed(t.Segments)
	slices.SortStableFunc(t.Segments, bySegment)
	t.Segments = attach(t.Segments, d.flat, Mixed)
	return nil
}

func inMilliseconds(words []Word) {
	for i := range words {
		for _, at := range []*time.Duration{&words[i].Start, &words[i].End} {
			if *at != unknown {
				*at /= 1000
			}
		}
	}
}

func (d *jsonReader) member(key string) error {
	t := d.t
	switch key {
	case "text":
		err := d.value(&d.text)
		d.text = strings.TrimSpace(d.text)
		d.known = d.known || err == nil
		return err
	case "duration":
		return d.time(&t.Duration)
	case "language":
		return d.name(&t.Language)
	case "model": // an object in whisper.cpp
		return d.name(&t.Model)
	case "model_version":
		return d.name(&t.ModelVersion)
	case "source":
		return d.name(&t.Source)
	case "confidence":
		return d.value(&t.Confidence)
	case "segments", "transcription", "chunks": // of whisper.cpp, of Hugging Face's pipelines
		return d.within(func() error { return d.segment("") })
	case "words":
		return d.within(d.flatWord)
	case "result":
		return d.result()
	case "diagnostics":
		return d.object(d.diagnostic)
	}
	return d.survey(key)
}

// within is list, for a key that shows what a file is.
func (d *jsonReader) within(item func() error) error {
	ok, err := d.enter('[')
	d.known = d.known || err == nil
	if !ok {
		return err
	}
	return jsontoken.Items(d.Decoder, item)
}

// flatWord reads a word of the outer object.
func (d *jsonReader) flatWord() error {
	if d.budget.words > len(d.flat) {
		return d.skip() // the segments had them already
	}
	return d.pass(d.word(&d.flat))
}

// result reads the words of Vosk, or the language that whisper.cpp found.
func (d *jsonReader) result() error {
	tok, err := d.Token()
	if err != nil {
		return err
	}
	switch tok {
	case json.Delim('['):
		d.known = true
		return jsontoken.Items(d.Decoder, d.flatWord)
	case json.Delim('{'):
		return jsontoken.Members(d.Decoder, func(key string) error {
			if key == "language" {
				return d.name(&d.t.Language)
			}
			return d.skip()
		})
	}
	return nil
}

func (d *jsonReader) diagnostic(key string) error {
	g := &d.t.Diagnostics
	switch key {
	case "warnings":
		return d.list(func() error {
			var s string
			err := d.value(&s)
			g.Warnings = append(g.Warnings, s)
			return errors.Join(err, d.budget.segment())
		})
	case "decoding":
		return d.value(&g.Decoding)
	case "windows":
		return d.value(&g.Windows)
	case "windows_skipped":
		return d.value(&g.WindowsSkipped)
	case "seam_disagreement":
		return d.value(&g.SeamDisagreement)
	case "unrecognized_speech", "unheard_speech": // the name before
		return d.time(&g.UnrecognizedSpeech)
	}
	return d.skip()
}
