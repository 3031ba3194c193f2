package transcribe

import (
	"fmt"
	"strings"

	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/internal/plural"
)

// mostNamed bounds the hotwords that a warning names.
const mostNamed = 3

// unwritable warns of hotwords that are never found, because the model does not have their
// letters. It returns nothing if there are none.
func unwritable(s *beam.Search, hotwords []beam.Phrase) string {
	if len(hotwords) == 0 {
		return ""
	}
	list := s.Unspellable(hotwords)
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
