package manifest

import (
	"path"
	"slices"
	"strings"
	"time"

	"asr-backend/labelstudio"
	"asr-backend/transcript"
)

// length is the length of the recording that items tell, or zero.
func length(items []labelstudio.Item) time.Duration {
	var d time.Duration
	for i := range items {
		d = max(d, items[i].OriginalLength)
	}
	return d
}

// plain reads an annotation without its labelling configuration: every text with a
// stretch is a region, every other one is about the whole recording.
func plain(t *labelstudio.Task, a *labelstudio.Annotation) []Spoken {
	value := recording(t.Data)
	if value == "" {
		return nil
	}
	s := Spoken{Task: t.ID, Annotation: a.ID, Value: value, Transcript: &transcript.Transcript{Source: value, Duration: length(a.Result)}}
	whole := ""
	for i := range a.Result {
		it := &a.Result[i]
		text := strings.TrimSpace(strings.Join(it.Value.Text, " "))
		switch {
		case it.Type != "textarea":
		case it.Value.Span != nil:
			s.add(*it.Value.Span, text, it.Value.Span.Channel > 0)
		case whole == "":
			whole = text
		}
	}
	slices.SortStableFunc(s.Transcript.Segments, func(a, b transcript.Segment) int { return int(min(max(a.Start-b.Start, -1), 1)) })
	if len(s.Transcript.Segments) == 0 {
		s.whole(whole)
	}
	return []Spoken{s}
}

// sounds are the endings of what Label Studio takes as audio and video.
var sounds = strings.Fields(".wav .mp3 .flac .m4a .ogg .opus .webm .mp4 .aac .amr")

// recording finds the value of a task that names a recording: the one under a usual key,
// else the first, by key, that ends as sound does.
func recording(data labelstudio.Data) string {
	for _, key := range []string{"audio", "url", "audio_url", labelstudio.UndefinedKey} {
		if value, ok := data.Text(key); ok && value != "" {
			return value
		}
	}
	keys := make([]string, 0, len(data))
	for key := range data {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		value, ok := data.Text(key)
		bare, _, _ := strings.Cut(value, "?")
		if ok && slices.Contains(sounds, strings.ToLower(path.Ext(bare))) {
			return value
		}
	}
	return ""
}
