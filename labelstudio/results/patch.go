package results

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
	"github.com/asr-backend/asr-backend/transcript"
)

// versionKey marks, in the first row of Paragraphs, content that this package made. Only
// such content is replaced later; see Options.Ours.
const versionKey = "model_version"

// patch returns the keys of the task's data that the plan fills: Paragraphs rows and the
// text of TextAreas that show a key. Content that is already there stays, unless it is
// ours or the options say otherwise. Where a tag shows a path into the data, the patch has
// a key of that name, which the editor reads before it follows the path.
func patch(t *transcript.Transcript, p *labelconfig.Plan, data labelstudio.Data, o Options) (labelstudio.Data, []string, error) {
	out, notes := labelstudio.Data{}, []string(nil)
	set := func(key string, ours bool, v any) error {
		raw, err := json.Marshal(v)
		switch {
		case err != nil:
			return fmt.Errorf("write task data %q: %w", key, err)
		case sameJSON(raw, labelconfig.Lookup(data, key)):
		case !data.Empty(key) && !ours && !o.Overwrite:
			notes = append(notes, fmt.Sprintf("The task's %q already has content, which is left as it is.", key))
		default:
			out[key] = raw
		}
		return nil
	}
	ours := false
	if q := p.Paragraphs; q != nil {
		ours = isOurs(labelconfig.Lookup(data, q.Key), o.Ours)
		if err := set(q.Key, ours, rows(t, p, o)); err != nil {
			return nil, nil, err
		}
	}
	for _, key := range p.TextKeys {
		if p.Paragraphs != nil && key == p.Paragraphs.Key {
			continue
		}
		if err := set(key, ours, clean(t.Text())); err != nil {
			return nil, nil, err
		}
	}
	if len(out) == 0 {
		out = nil
	}
	return out, notes, nil
}

// rows are the content of a Paragraphs tag. Every row has the keys that the tag reads: a
// missing one in the first row shows an error instead of the text.
func rows(t *transcript.Transcript, p *labelconfig.Plan, o Options) []map[string]any {
	q := p.Paragraphs
	out := []map[string]any{}
	b := builder{plan: p, length: t.Duration}
	for i := range t.Segments {
		s := &t.Segments[i]
		text := clean(s.Text)
		if text == "" {
			continue
		}
		span := b.span(s)
		row := map[string]any{
			"start": exact(span.Start), "end": exact(span.End), q.TextKey: text, q.NameKey: author(s.Channel, p, o),
		}
		if len(out) == 0 && t.ModelVersion != "" {
			row[versionKey] = t.ModelVersion
		}
		out = append(out, row)
	}
	return out
}

// author returns who speaks on a channel, for Paragraphs.
func author(channel int, p *labelconfig.Plan, o Options) string {
	if channel >= 0 && channel < len(o.Speakers) && o.Speakers[channel] != "" {
		return o.Speakers[channel]
	}
	name := cmp.Or(o.Author, DefaultAuthor)
	switch {
	case !p.Split || channel < 0:
		return name
	case p.Regions.Speaker(channel) != "":
		return p.Regions.Speaker(channel)
	}
	return fmt.Sprintf("%s, channel %d", name, channel+1)
}

// isOurs reports whether Paragraphs content carries the mark of rows, with a version that is
// the caller's.
func isOurs(raw json.RawMessage, ours func(string) bool) bool {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil || len(list) == 0 {
		return false
	}
	var first map[string]json.RawMessage
	if json.Unmarshal(list[0], &first) != nil {
		return false
	}
	mark, ok := first[versionKey]
	var version string
	if !ok || ours == nil {
		return ok
	}
	return json.Unmarshal(mark, &version) == nil && ours(version)
}

// sameJSON compares two values without regard to white space and the order of keys.
func sameJSON(a, b json.RawMessage) bool {
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	ca, errA := canonical(a)
	cb, errB := canonical(b)
	return errA == nil && errB == nil && bytes.Equal(ca, cb)
}

func canonical(raw json.RawMessage) ([]byte, error) {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}
