package transcript

import (
	"bufio"
	"strconv"
)

// writeNeMoManifest writes the JSON lines from which NVIDIA NeMo trains: one sample per
// segment, with its offset and duration in seconds and its text. Times are exact, so that no
// sample extends beyond its recording. Segments without a length are omitted: there is
// nothing to train on. NeMo ignores the other fields: the zero-based channel and its speaker, if known, and
// with WordTimes the words, if they are those of the text.
func writeNeMoManifest(w *bufio.Writer, t *Transcript, o *WriteOptions) {
	for i := range t.Segments {
		s := &t.Segments[i]
		if s.End == s.Start {
			continue
		}
		b := appendString(append(w.AvailableBuffer(), `{"audio_filepath": `...), o.Audio)
		b = appendExact(append(b, `, "offset": `...), s.Start)
		b = appendExact(append(b, `, "duration": `...), s.End-s.Start)
		b = appendString(append(b, `, "text": `...), s.text())
		if s.Channel != Mixed {
			b = strconv.AppendInt(append(b, `, "channel": `...), int64(s.Channel), 10)
		}
		if speaker := o.speaker(s.Channel); speaker != "" {
			b = appendString(append(b, `, "speaker": `...), speaker)
		}
		if o.WordTimes && locate(s.text(), s.Words) != nil {
			b = append(b, `, "words": [`...)
			for j, word := range s.Words {
				if j > 0 {
					b = append(b, ", "...)
				}
				// Times count from the start of the sample, which is all that a trainer has.
				word.Text, word.Start, word.End = oneLine(word.Text), word.Start-s.Start, word.End-s.Start
				b = appendWord(b, &word)
			}
			b = append(b, ']')
		}
		w.Write(append(b, "}\n"...))
	}
}
