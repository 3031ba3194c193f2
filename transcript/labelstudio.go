package transcript

import (
	"bufio"
	"fmt"
)

// writeLabelStudio writes one task with one prediction, in a list as Label Studio imports
// it. Each segment is a region: a labels item first, then a textarea item of the same id,
// both with start, end and channel, because the editor takes a region's kind and place
// from its first item. Word times stand in the meta of the textarea item as
// ["word", start, end]: it is the one place where the editor keeps them, and in the first
// item they would be copied into every item on save.
//
// Times are seconds with three decimals. Channels count from zero; mixed is zero.
func writeLabelStudio(w *bufio.Writer, t *Transcript, o *WriteOptions) {
	n := &o.LabelStudio
	w.WriteString("[{\"data\": {")
	putString(w, n.DataKey)
	w.WriteString(": ")
	putString(w, o.Audio)
	w.WriteString("}, \"predictions\": [{\"model_version\": ")
	version := t.ModelVersion
	or(&version, t.Model)
	putString(w, version)
	w.WriteString(", \"score\": ")
	putScore(w, t.Confidence)
	w.WriteString(", \"result\": [")
	sep := "\n"
	for i := range t.Segments {
		s := &t.Segments[i]
		w.WriteString(sep)
		sep = ",\n"
		putItem(w, t, i, n.Labels, n.Audio, "labels")
		w.WriteString(", \"labels\": [")
		putString(w, n.Label)
		w.WriteString("]}}")
		text := s.text()
		if text == "" {
			continue // an empty text would show as something said
		}
		w.WriteString(sep)
		putItem(w, t, i, n.Transcription, n.Audio, "textarea")
		w.WriteString(", \"text\": [")
		putString(w, text)
		w.WriteString("]}")
		putWordMeta(w, s.Words)
		w.WriteByte('}')
	}
	w.WriteString("\n]}]}]\n")
}

// putItem writes a result item up to the end of the place in its value, and leaves value
// and item open.
func putItem(w *bufio.Writer, t *Transcript, i int, from, to, kind string) {
	s := &t.Segments[i]
	fmt.Fprintf(w, `{"id": "s%06d", "from_name": `, i)
	putString(w, from)
	w.WriteString(`, "to_name": `)
	putString(w, to)
	w.WriteString(`, "type": "` + kind + `", "original_length": `)
	putSeconds(w, t.Duration, 3)
	w.WriteString(`, "score": `)
	putScore(w, s.Confidence)
	w.WriteString(`, "value": {"start": `)
	putSeconds(w, s.Start, 3)
	w.WriteString(`, "end": `)
	putSeconds(w, s.End, 3)
	w.WriteString(`, "channel": `)
	putInt(w, int64(max(s.Channel, 0)))
}

func putWordMeta(w *bufio.Writer, words []Word) {
	if len(words) == 0 {
		return
	}
	w.WriteString(`, "meta": {"words": [`)
	for i := range words {
		if i > 0 {
			w.WriteString(", ")
		}
		w.WriteByte('[')
		putString(w, oneLine(words[i].Text))
		w.WriteString(", ")
		putSeconds(w, words[i].Start, 3)
		w.WriteString(", ")
		putSeconds(w, words[i].End, 3)
		w.WriteByte(']')
	}
	w.WriteString("]}")
}
