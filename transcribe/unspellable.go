package transcribe

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/transcript"
)

// A model can only find what it could have written. Words without a single letter of its
// vocabulary fit any sound, or none, and count neither as found nor as missing.

// checkText returns the error of a text that cannot be aligned with any recording: it costs
// nothing to know before hours of audio are decoded.
func (t *Transcriber) checkText(text *transcript.Transcript, language string) error {
	verbalizer, err := t.verbalizer(language)
	if err != nil {
		return err
	}
	words, unspellable := 0, 0
	for _, channel := range channelsOf(text) {
		ref := newReference(text, channel, verbalizer)
		words += len(ref.words)
		n, _ := ref.unspellable(t.recognizer.Bundle().Vocabulary)
		unspellable += n
	}
	switch {
	case words == 0:
		return ErrNoWords
	case unspellable == words:
		return t.unspellable(text)
	}
	return nil
}

// unspellable returns how many words of the reference the model cannot write, and the first of
// them.
func (r *reference) unspellable(v *ctc.Vocabulary) (n int, first string) {
	for i := range r.words {
		if !r.words[i].Spelled(v) {
			if n++; n == 1 {
				first = r.words[i].Text
			}
		}
	}
	return n, first
}

// unspellable returns ErrUnspellable in the words of this text and model.
func (t *Transcriber) unspellable(text *transcript.Transcript) error {
	bundle := t.recognizer.Bundle()
	model := "the model"
	if bundle.Card.Name != "" {
		model += " " + bundle.Card.Name
	}
	if bundle.Card.Language != "" {
		model += " (" + bundle.Card.Language + ")"
	}
	written, has := scripts(text.Text()), scripts(strings.Join(bundle.Vocabulary.Pieces(), " "))
	switch {
	case written == "": // numbers and signs
		return fmt.Errorf("%w: it has numbers or signs only, which %s does not write and which are read in English only; write them out in words", ErrUnspellable, model)
	case written == has:
		return fmt.Errorf("%w: %s does not have its %s letters; choose a model that was trained on the language of the text", ErrUnspellable, model, written)
	}
	return fmt.Errorf("%w: it is in %s letters, and %s writes %s ones; choose a model that was trained on the language of the text", ErrUnspellable, written, model, has)
}

// scripts names the scripts of a text's letters, as in "Greek and Latin", most of them
// first; Japanese is written in three.
func scripts(text string) string {
	counts := map[string]int{}
	for _, r := range text {
		if name := script(r); name != "" {
			counts[name]++
		}
	}
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return strings.Compare(a, b)
	})
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return strings.Join(names, "")
}

// script returns the Unicode script of a letter.
func script(r rune) string {
	if !unicode.IsLetter(r) {
		return ""
	}
	for name, table := range unicode.Scripts {
		if name != "Common" && name != "Inherited" && unicode.Is(table, r) {
			return strings.ReplaceAll(name, "_", " ")
		}
	}
	return ""
}
