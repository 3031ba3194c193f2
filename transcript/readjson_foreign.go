package transcript

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/asr-backend/asr-backend/internal/jsontoken"
)

// Kept are few keys, of which each is short: what a file is shows in its outer ones.
const (
	mostKeys   = 64
	longestKey = 64
)

// survey reads over the value of an unknown key and notes the key, and those of the objects
// directly inside, as in results.channels and results[].alternatives.
func (d *jsonReader) survey(path string) error {
	d.note(path)
	tok, err := d.Token()
	if err != nil {
		return err
	}
	inner := func(key string) error {
		d.note(path + "." + key)
		return d.skip()
	}
	switch tok {
	case json.Delim('{'):
		return jsontoken.Members(d.Decoder, inner)
	case json.Delim('['):
		path += "[]"
		return jsontoken.Items(d.Decoder, func() error {
			tok, err := d.Token()
			if err != nil {
				return err
			}
			if tok == json.Delim('{') {
				return jsontoken.Members(d.Decoder, inner)
			}
			return d.rest(tok)
		})
	}
	return nil
}

func (d *jsonReader) note(path string) {
	if len(d.keys) < mostKeys && len(path) <= longestKey {
		d.keys[path] = true
	}
}

// foreign are programs whose JSON is known and not read, by keys that theirs alone have.
var foreign = []struct{ key, name string }{
	{"[].annotations", labelStudioExport}, {"[].predictions", labelStudioExport}, {"[].annotation_id", labelStudioExport},
	{"annotations", labelStudioExport}, {"predictions", labelStudioExport},
	{"results.transcripts", "AWS Transcribe"},
	{"results.channels", "Deepgram"},
	{"results[].type", "Speechmatics"},
	{"results[].alternatives", "Google Speech-to-Text"},
	{"recognizedPhrases", "Azure Speech"}, {"combinedPhrases", "Azure Speech"},
	{"monologues", "Rev AI"},
	{"events[].tStartMs", "YouTube"},
	{"audio_filepath", "a NeMo manifest"},
}

const labelStudioExport = "a Label Studio export"

// strange returns the error of a file whose shape is not known.
func (d *jsonReader) strange() error {
	for _, f := range foreign {
		alone := len(d.t.Segments) == 0 || strings.HasPrefix(f.key, "[]") || f.key == "audio_filepath"
		if alone && d.keys[f.key] {
			return fmt.Errorf("JSON of %s, which is not read: convert it to SRT, WebVTT or the JSON of Whisper", f.name)
		}
	}
	if !d.known && len(d.t.Segments) == 0 {
		return errors.New(`JSON of an unknown shape: expected "segments" with "start", "end" and "text", or "words", or "text"`)
	}
	return nil
}
