package manifest

import (
	"cmp"
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/results"
)

// plain reads an annotation without its labelling configuration: every text with a
// stretch is a region, every other one is about the whole recording. Which of several
// recordings a text is about, only the configuration says.
func (r *Reader) plain(t *labelstudio.Task, a *labelstudio.Annotation) []Spoken {
	timed, objects := map[string]bool{}, map[string]bool{}
	for i := range a.Result {
		it := &a.Result[i]
		if it.Type != "textarea" || textOf(it) == "" {
			continue
		}
		objects[it.ToName] = true
		if it.Value.Span != nil {
			timed[it.ToName] = true
		}
	}
	if len(timed) > 0 {
		objects = timed // the others show no sound
	}
	value := recording(t.Data)
	switch {
	case len(objects) == 0:
		r.tally[Textless]++
		return nil
	case value == "":
		r.tally[NoRecording]++
		return nil
	case len(objects) > 1:
		r.tally[Ambiguous]++
		return nil
	}
	about := func(it *labelstudio.Item) bool { return objects[it.ToName] }
	s := newSpoken(t, a, value, about)
	whole := ""
	var regions []results.Region
	written := map[string]bool{} // regions that have a text, by id
	for i := range a.Result {
		it := &a.Result[i]
		text := textOf(it)
		switch {
		case it.Type != "textarea" || text == "":
		case !about(it):
			r.tally[OtherText]++
		case it.Value.Span != nil:
			written[it.ID] = true
			regions = append(regions, results.Region{Span: *it.Value.Span, Text: text, Words: results.ParseMeta(it.Meta).Words})
		case it.Value.Extra["start"] != nil || it.Value.Extra["end"] != nil:
			r.tally[Untimed]++
		case whole == "":
			whole = text
		default:
			r.tally[OtherText]++
		}
	}
	r.tally[NoText] += unwritten(a.Result, about, written)
	slices.SortStableFunc(regions, func(a, b results.Region) int { return cmp.Compare(a.Span.Start, b.Span.Start) })
	for i := range regions {
		r.add(&s, &regions[i], regions[i].Span.Channel > 0)
	}
	r.whole(&s, whole)
	return []Spoken{s}
}

// unwritten counts the regions without a text.
func unwritten(items []labelstudio.Item, about func(*labelstudio.Item) bool, written map[string]bool) int {
	without := map[string]bool{}
	for i := range items {
		if it := &items[i]; it.Value.Span != nil && about(it) && !written[it.ID] {
			without[it.ID] = true
		}
	}
	return len(without)
}

// elements returns how many elements a JSON list has.
func elements(raw json.RawMessage) int {
	var list []json.RawMessage
	_ = json.Unmarshal(raw, &list) // something else has none
	return len(list)
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
	return firstSound(data)
}

// firstSound looks at the values of an object and those inside them.
func firstSound(object map[string]json.RawMessage) string {
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if value := sound(object[key]); value != "" {
			return value
		}
	}
	return ""
}

func sound(raw json.RawMessage) string {
	var text string
	var object map[string]json.RawMessage
	var list []json.RawMessage
	switch {
	case json.Unmarshal(raw, &text) == nil:
		bare, _, _ := strings.Cut(text, "?")
		for _, s := range []string{bare, text} { // local files are named behind the "?"
			if slices.Contains(sounds, strings.ToLower(path.Ext(s))) {
				return text
			}
		}
	case json.Unmarshal(raw, &object) == nil:
		return firstSound(object)
	case json.Unmarshal(raw, &list) == nil:
		for _, raw := range list {
			if value := sound(raw); value != "" {
				return value
			}
		}
	}
	return ""
}
