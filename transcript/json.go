package transcript

import (
	"bufio"
	"net/url"
	"strings"
)

// writeJSON writes everything we know, in the shape that Whisper made common (its
// verbose_json) with more in it: confidence, channels and diagnostics. The schema is
// doc/transcript.schema.json. Times are seconds with three decimals; keys come in a
// fixed order; each segment and each word of the flat list has a line of its own.
//
// The spikes of words are not written: they serve those who work on the model.
func writeJSON(w *bufio.Writer, t *Transcript, _ *WriteOptions) {
	w.WriteString("{\n  \"text\": \"")
	sep := ""
	for i := range t.Segments {
		if text := t.Segments[i].Text; text != "" {
			w.WriteString(sep)
			putChars(w, text)
			sep = " "
		}
	}
	w.WriteString("\",\n  \"duration\": ")
	putSeconds(w, t.Duration, 3)
	putMember(w, "language", t.Language)
	w.WriteString(",\n  \"model\": ")
	putString(w, t.Model)
	putMember(w, "model_version", t.ModelVersion)
	putMember(w, "source", withoutSecrets(t.Source))
	w.WriteString(",\n  \"confidence\": ")
	putScore(w, t.Confidence)

	w.WriteString(",\n  \"segments\": [")
	sep = "\n    "
	for i := range t.Segments {
		w.WriteString(sep)
		putSegment(w, i, &t.Segments[i])
		sep = ",\n    "
	}
	closeList(w, sep)
	w.WriteString(",\n  \"words\": [")
	sep = "\n    "
	for i := range t.Segments {
		for j := range t.Segments[i].Words {
			w.WriteString(sep)
			putWord(w, &t.Segments[i].Words[j])
			sep = ",\n    "
		}
	}
	closeList(w, sep)
	putDiagnostics(w, &t.Diagnostics)
	w.WriteString("\n}\n")
}

// closeList ends a list whose items stand on lines of their own; sep is still that of
// the first item if there was none.
func closeList(w *bufio.Writer, sep string) {
	if sep[0] == ',' {
		w.WriteString("\n  ")
	}
	w.WriteByte(']')
}

// putMember writes a member of the outer object, or nothing if value is empty.
func putMember(w *bufio.Writer, key, value string) {
	if value == "" {
		return
	}
	w.WriteString(",\n  \"" + key + "\": ")
	putString(w, value)
}

func putSegment(w *bufio.Writer, id int, s *Segment) {
	w.WriteString(`{"id": `)
	putInt(w, int64(id))
	w.WriteString(`, "start": `)
	putSeconds(w, s.Start, 3)
	w.WriteString(`, "end": `)
	putSeconds(w, s.End, 3)
	w.WriteString(`, "text": `)
	putString(w, s.Text)
	w.WriteString(`, "confidence": `)
	putScore(w, s.Confidence)
	if s.Channel != Mixed {
		w.WriteString(`, "channel": `)
		putInt(w, int64(s.Channel))
	}
	w.WriteString(`, "words": [`)
	for i := range s.Words {
		if i > 0 {
			w.WriteString(", ")
		}
		putWord(w, &s.Words[i])
	}
	w.WriteString("]}")
}

func putWord(w *bufio.Writer, word *Word) {
	w.WriteString(`{"word": `)
	putString(w, word.Text)
	w.WriteString(`, "start": `)
	putSeconds(w, word.Start, 3)
	w.WriteString(`, "end": `)
	putSeconds(w, word.End, 3)
	w.WriteString(`, "confidence": `)
	putScore(w, word.Confidence)
	w.WriteByte('}')
}

func putDiagnostics(w *bufio.Writer, d *Diagnostics) {
	w.WriteString(",\n  \"diagnostics\": {\n    \"warnings\": [")
	for i, s := range d.Warnings {
		if i > 0 {
			w.WriteString(", ")
		}
		putString(w, s)
	}
	w.WriteString("],\n    \"windows\": ")
	putInt(w, int64(d.Windows))
	w.WriteString(",\n    \"windows_skipped\": ")
	putInt(w, int64(d.WindowsSkipped))
	w.WriteString(",\n    \"seam_disagreement\": ")
	putScore(w, unit(d.SeamDisagreement))
	w.WriteString(",\n    \"unheard_speech\": ")
	putSeconds(w, max(d.UnheardSpeech, 0), 3)
	w.WriteString("\n  }")
}

// withoutSecrets returns source without the parts of a URL in which credentials travel:
// user and password, query and fragment. A signed URL must not end up in a transcript.
func withoutSecrets(source string) string {
	if !strings.Contains(source, "://") {
		return source
	}
	u, err := url.Parse(source)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery, u.Fragment, u.RawFragment = nil, "", "", ""
	return u.String()
}
