package transcript

import (
	"bufio"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// writeJSON writes everything we know, in the shape that Whisper made common (its
// verbose_json) with more in it: confidence, channels and diagnostics. The schema is
// doc/transcript.schema.json. Times are seconds with three decimals; keys come in a
// fixed order; each segment and each word of the flat list has a line of its own.
//
// The spikes of words are not written: they serve those who work on the model.
func writeJSON(w *bufio.Writer, t *Transcript, o *WriteOptions) {
	w.WriteString("{\n  \"text\": \"")
	sep := ""
	for i := range t.Segments {
		if text := t.Segments[i].Text; text != "" {
			w.WriteString(sep)
			w.Write(appendChars(w.AvailableBuffer(), text))
			sep = " "
		}
	}
	fmt.Fprintf(w, "\",\n  \"duration\": %s", fixed(t.Duration, 3))
	putMember(w, "language", t.Language)
	fmt.Fprintf(w, ",\n  \"model\": %s", appendString(nil, t.Model))
	putMember(w, "model_version", t.ModelVersion)
	putMember(w, "source", withoutSecrets(t.Source))
	fmt.Fprintf(w, ",\n  \"confidence\": %.4f,\n  \"segments\": [", t.Confidence)
	sep = "\n    "
	for i := range t.Segments {
		w.WriteString(sep)
		putSegment(w, i, &t.Segments[i], o.speaker(t.Segments[i].Channel))
		sep = ",\n    "
	}
	closeList(w, sep)
	w.WriteString(",\n  \"words\": [")
	sep = "\n    "
	for i := range t.Segments {
		for j := range t.Segments[i].Words {
			w.WriteString(sep)
			w.Write(appendWord(w.AvailableBuffer(), &t.Segments[i].Words[j]))
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
	if value != "" {
		fmt.Fprintf(w, ",\n  %q: %s", key, appendString(nil, value))
	}
}

// Segments and words are appended to the writer's buffer, because a recording of ten hours
// has some hundred thousand words, for which fmt would allocate.

func putSegment(w *bufio.Writer, id int, s *Segment, speaker string) {
	b := strconv.AppendInt(append(w.AvailableBuffer(), `{"id": `...), int64(id), 10)
	b = appendFixed(append(b, `, "start": `...), s.Start, 3)
	b = appendFixed(append(b, `, "end": `...), s.End, 3)
	b = appendString(append(b, `, "text": `...), s.Text)
	b = appendScore(append(b, `, "confidence": `...), s.Confidence)
	if s.Channel != Mixed {
		b = strconv.AppendInt(append(b, `, "channel": `...), int64(s.Channel), 10)
	}
	if speaker != "" {
		b = appendString(append(b, `, "speaker": `...), speaker)
	}
	w.Write(append(b, `, "words": [`...))
	for i := range s.Words {
		if i > 0 {
			w.WriteString(", ")
		}
		w.Write(appendWord(w.AvailableBuffer(), &s.Words[i]))
	}
	w.WriteByte(']')
	for i := range s.Alternatives {
		b := w.AvailableBuffer()
		if i == 0 {
			b = append(b, `, "alternatives": [`...)
		} else {
			b = append(b, ", "...)
		}
		b = appendString(append(b, `{"text": `...), s.Alternatives[i].Text)
		b = appendScore(append(b, `, "probability": `...), s.Alternatives[i].Probability)
		w.Write(append(b, '}'))
	}
	if len(s.Alternatives) > 0 {
		w.WriteByte(']')
	}
	w.WriteByte('}')
}

func appendWord(b []byte, word *Word) []byte {
	b = appendString(append(b, `{"word": `...), word.Text)
	b = appendFixed(append(b, `, "start": `...), word.Start, 3)
	b = appendFixed(append(b, `, "end": `...), word.End, 3)
	b = appendScore(append(b, `, "confidence": `...), word.Confidence)
	return append(b, '}')
}

func putDiagnostics(w *bufio.Writer, d *Diagnostics) {
	warnings := make([]string, len(d.Warnings))
	for i, s := range d.Warnings {
		warnings[i] = string(appendString(nil, s))
	}
	decoding := ""
	if d.Decoding != "" {
		decoding = fmt.Sprintf("\n    \"decoding\": %s,", appendString(nil, d.Decoding))
	}
	fmt.Fprintf(w, ",\n  \"diagnostics\": {%s\n    \"warnings\": [%s],\n    \"windows\": %d,\n    \"windows_skipped\": %d,\n    \"seam_disagreement\": %.4f,\n    \"unrecognized_speech\": %s\n  }", decoding,
		strings.Join(warnings, ", "), d.Windows, d.WindowsSkipped, unit(d.SeamDisagreement), fixed(max(d.UnrecognizedSpeech, 0), 3))
}

// appendString appends s as a JSON string.
func appendString(b []byte, s string) []byte {
	return append(appendChars(append(b, '"'), s), '"')
}

// appendChars appends what stands between the quotes of a JSON string. Bytes that are not
// UTF-8 become U+FFFD. U+2028 and U+2029 are escaped, as line readers take them for the
// end of a line.
func appendChars(b []byte, s string) []byte {
	for _, r := range s {
		switch {
		case r == '"', r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r < ' ', r == 0x7f, r == 0x2028, r == 0x2029:
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return b
}

// appendScore appends a confidence with four decimals, as in 0.9312.
func appendScore(b []byte, c float64) []byte { return strconv.AppendFloat(b, c, 'f', 4, 64) }

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
