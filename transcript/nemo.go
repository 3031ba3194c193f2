package transcript

import "bufio"

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
		w.WriteString(`{"audio_filepath": `)
		putString(w, o.Audio)
		w.WriteString(`, "offset": `)
		putExact(w, s.Start)
		w.WriteString(`, "duration": `)
		putExact(w, s.End-s.Start)
		w.WriteString(`, "text": `)
		putString(w, s.text())
		if s.Channel != Mixed {
			w.WriteString(`, "channel": `)
			putInt(w, int64(s.Channel))
		}
		w.WriteString("}\n")
	}
}
