package transcript

import (
	"bufio"
	"strconv"
)

// writeNeMoManifest writes the JSON lines from which NVIDIA NeMo trains: one sample a
// segment, a stretch of the recording by offset and duration in seconds, with its text.
// Times are exact, so that no sample reaches beyond its recording. Segments without a
// length are left out: there is nothing to train on. The zero-based channel, if known, is a
// field of its own, which NeMo passes over.
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
		w.Write(append(b, "}\n"...))
	}
}
