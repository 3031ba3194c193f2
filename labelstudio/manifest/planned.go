package manifest

import (
	"slices"
	"strings"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
	"github.com/asr-backend/asr-backend/labelstudio/results"
)

// planned reads an annotation by its labelling configuration.
func (r *Reader) planned(t *labelstudio.Task, a *labelstudio.Annotation) []Spoken {
	var out []Spoken
	texts := map[string]int{} // by object
	for i := range a.Result {
		it := &a.Result[i]
		if it.Type != "textarea" || textOf(it) == "" {
			continue
		}
		if texts[it.ToName]++; !r.takes(it) {
			r.tally[OtherText]++
		}
	}
	if len(texts) == 0 {
		r.tally[Textless]++
		return nil
	}
	missing := false
	for _, plan := range r.plans {
		value, ok := plan.Recording(t.Data)
		if !ok {
			missing = missing || texts[plan.Audio.Name] > 0
			continue
		}
		read := results.Read(a.Result, plan)
		about := func(it *labelstudio.Item) bool { return it.ToName == plan.Audio.Name }
		s := newSpoken(t, a, value, about)
		r.untimed(a.Result, plan)
		s.Plan = plan.Index
		for i := range read.Regions {
			r.add(&s, &read.Regions[i], plan.Split)
		}
		whole := read.Whole
		if whole == "" {
			whole = r.shown(a.Result, plan)
		}
		r.whole(&s, whole)
		out = append(out, s)
	}
	if missing {
		r.tally[NoRecording]++
	}
	return out
}

// takes reports whether a plan makes something of a text.
func (r *Reader) takes(it *labelstudio.Item) bool {
	for _, p := range r.plans {
		if it.ToName != p.Audio.Name {
			continue
		}
		if p.Whole != nil && it.FromName == p.Whole.Name || r.shows(it, p) ||
			p.Regions != nil && p.Regions.Text != nil && it.FromName == p.Regions.Text.Name {
			return true
		}
	}
	return false
}

// shows reports whether a text comes from a TextArea that began with the content of the
// task's data, where the plan puts the whole text.
func (r *Reader) shows(it *labelstudio.Item, p *labelconfig.Plan) bool {
	control := r.options.Config.Control(it.FromName)
	if control == nil || control.PerRegion || it.ToName != p.Audio.Name {
		return false
	}
	return slices.Contains(p.TextKeys, control.Key())
}

func (r *Reader) shown(items []labelstudio.Item, p *labelconfig.Plan) string {
	text := ""
	for i := range items {
		if s := textOf(&items[i]); s != "" && r.shows(&items[i], p) {
			text = s
		}
	}
	return text
}

// untimed counts texts of regions that lie nowhere.
func (r *Reader) untimed(items []labelstudio.Item, p *labelconfig.Plan) {
	if p.Regions == nil || p.Regions.Text == nil {
		return
	}
	for i := range items {
		it := &items[i]
		if it.ToName == p.Audio.Name && it.FromName == p.Regions.Text.Name && it.Value.Span == nil && textOf(it) != "" {
			r.tally[Untimed]++
		}
	}
}

// textOf returns what was typed into a TextArea.
func textOf(it *labelstudio.Item) string {
	return strings.TrimSpace(strings.Join(it.Value.Text, " "))
}
