package transcribe

import (
	"fmt"
	"strings"

	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/internal/plural"
)

// mostNamed bounds the hotwords that a warning names.
const mostNamed = 3

// unused warns of what is asked for that a transducer does not do. It returns nothing if there is
// nothing.
func (t *Transcriber) unused() string {
	if t.options.alternatives() == 0 || !t.recognizer.Transducer() {
		return ""
	}
	return "The model is a transducer: there are no alternatives with it."
}

// unwritable warns of hotwords that are never found, because the model does not have their
// letters. It returns nothing if there are none.
func unwritable(v *ctc.Vocabulary, hotwords []beam.Phrase) string {
	list := beam.Unspellable(v, hotwords)
	if len(list) == 0 {
		return ""
	}
	var names []string
	for _, p := range list[:min(len(list), mostNamed)] {
		names = append(names, excerpt(p.Text))
	}
	text := fmt.Sprintf("%d of %s cannot be written with the letters of the model: %s", len(list), plural.Count(len(hotwords), "hotword"), strings.Join(names, ", "))
	if more := len(list) - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text + "."
}
