package labelconfig

import (
	"fmt"
	"slices"
	"strings"

	"github.com/asr-backend/asr-backend/internal/visible"
)

// regions finds out how a stretch of speech becomes a region: nil if the controls take
// nothing that speech gives, with a sentence if that is for want of a label.
func (p *Plan) regions(c *Config, labels []*Control, text *Control, o Options) (*Regions, string) {
	if text == nil && len(labels) == 0 {
		return nil, ""
	}
	r := &Regions{Text: text, option: o.Label}
	if len(labels) > 0 {
		r.Labels = chooseLabels(labels, text, o)
		r.label = speechLabel(r.Labels.Labels, r.allowed(), o.Label)
		if p.Split {
			r.channels = r.channelLabels(o.Speakers)
		}
		unlabelled := r.label == "" && len(r.channels) == 0 && !r.Labels.Dynamic()
		if text == nil && unlabelled && !r.speakers() {
			return nil, "None of the labels of " + quoted(r.Labels) + " says speech: name one Speech, " +
				`add predicted_values="speech" to it, or set "label" in the extra params.`
		}
		if unlabelled {
			p.note("Regions get no label: none of %s says speech.", quoted(r.Labels))
		}
	}
	if text != nil {
		p.condition(c, r)
	}
	return r, ""
}

// chooseLabels picks the Labels control for speech: the one on which the text depends,
// else the first that has a label for it, else the first.
func chooseLabels(labels []*Control, text *Control, o Options) *Control {
	if text != nil {
		for _, t := range labels {
			if t.Name == text.When.TagName {
				return t
			}
		}
	}
	for _, t := range labels {
		if speechLabel(t.Labels, nil, o.Label) != "" {
			return t
		}
	}
	return labels[0]
}

// condition follows the region text's condition: what else has to be predicted so that
// the editor shows and keeps the text.
func (p *Plan) condition(c *Config, r *Regions) {
	when := r.Text.When
	if len(when.ChoiceValues) == 0 {
		if len(when.LabelValues) > 0 && r.Labels == nil {
			p.note("TextArea %q waits for a label, but no Labels speak about %q.", r.Text.Name, p.Audio.Name)
		}
		return
	}
	choices := c.Control(when.TagName)
	if choices == nil || !choices.Is("Choices") || !choices.PerRegion || !choices.On(p.Audio.Name) {
		p.note("TextArea %q shows its text only after the choice %s is made.",
			r.Text.Name, visible.Text(strings.Join(when.ChoiceValues, " or ")))
		return
	}
	wanted := set(when.ChoiceValues)
	i := slices.IndexFunc(choices.Labels, func(l Label) bool { return wanted[l.Value] || wanted[l.Name] })
	if i >= 0 {
		r.Choice, r.ChoiceValue = choices, choices.Labels[i].Value
	}
}

// channelLabels returns the labels of channels, from the first: those that are called like the speakers
// or, where nobody is named, those that ask for a channel or, where the labels only say who speaks, these
// in their order.
func (r *Regions) channelLabels(speakers []string) (channels []string) {
	all := candidates(r.Labels.Labels, r.allowed())
	if len(speakers) == 0 {
		if hinted := hintedChannels(r.Labels.Labels, r.allowed()); len(hinted) > 0 && r.option == "" {
			return hinted
		}
		if r.option == "" && r.speakers() && !slices.ContainsFunc(all, func(c candidate) bool { return c.hinted() }) {
			for _, c := range all {
				if !c.mentions(other) {
					channels = append(channels, c.Value)
				}
			}
		}
		return channels
	}
	found := false
	for _, name := range speakers {
		i := slices.IndexFunc(all, func(c candidate) bool {
			return strings.EqualFold(c.Value, name) || strings.EqualFold(c.Name, name)
		})
		if i < 0 || name == "" {
			channels = append(channels, "")
			continue
		}
		channels, found = append(channels, all[i].Value), true
	}
	if !found {
		return nil
	}
	return channels
}

// speakers reports whether the labels only say who speaks.
func (r *Regions) speakers() bool {
	return len(r.Labels.Labels) > 0 && !slices.ContainsFunc(candidates(r.Labels.Labels, nil), func(c candidate) bool {
		return !c.mentions(speakers) && !c.mentions(other)
	})
}

// mostQuoted bounds how many labels a sentence names.
const mostQuoted = 20

func quoted(c *Control) string {
	var names []string
	for i, l := range c.Labels {
		if i == mostQuoted {
			names = append(names, fmt.Sprintf("and %d more", len(c.Labels)-i))
			break
		}
		names = append(names, l.Name)
	}
	return visible.Text(`"` + c.Name + `" (` + strings.Join(names, ", ") + ")")
}
