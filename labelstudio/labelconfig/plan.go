package labelconfig

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Options are what a person may decide about plans. The zero value decides nothing.
type Options struct {
	// Label is the name or value of the label that speech gets.
	Label string
	// Text is the name of the TextArea that text goes into.
	Text string
	// Speakers are the names of who speaks on the channels, from the first.
	Speakers []string
}

// Plan is what can be predicted for one audio object.
type Plan struct {
	// Index counts the plans of a configuration from zero.
	Index int
	// Audio shows the recording. In a configuration that only has Paragraphs with an
	// audioUrl it stands for those.
	Audio *Object
	// Split says that the page shows channels apart, so regions belong to channels.
	Split bool
	// Regions is what to predict for stretches of speech, or nil.
	Regions *Regions
	// Whole takes the text of the whole recording, or is nil.
	Whole *Control
	// Paragraphs takes the text in the task's data, or is nil.
	Paragraphs *Paragraphs
	// TextKeys are data keys that TextAreas show as their first text. A TextArea that gets
	// both its key's content and a prediction doubles its text when submitted, so such
	// TextAreas are never predicted.
	TextKeys []string
	// Notes say what is left to people, and why.
	Notes []string
}

// Regions says how a stretch of speech becomes a region.
type Regions struct {
	Labels *Control // nil: regions carry no label
	Text   *Control // nil: regions carry no text
	// Choice and ChoiceValue are set when Text is only kept together with that choice.
	Choice      *Control
	ChoiceValue string

	label    string   // empty: none can be justified
	channels []string // labels of channels, from the first; empty where it is that of speech
	option   string
}

// Paragraphs says how text becomes the content of a Paragraphs tag: a list of objects
// with start and end in seconds, a text and the name of who speaks.
type Paragraphs struct {
	Object           *Object
	Key              string
	TextKey, NameKey string
}

// String says in a line what the plan serves.
func (p *Plan) String() string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if r := p.Regions; r != nil {
		regions := "regions"
		if r.Labels != nil {
			switch {
			case len(r.channels) > 0:
				regions += " labelled"
				for i, label := range r.channels {
					regions += fmt.Sprintf("%s %q", map[bool]string{true: ","}[i > 0], cmp.Or(label, r.label))
				}
			case r.label != "":
				regions += fmt.Sprintf(" labelled %q", r.label)
			case r.Labels.Dynamic():
				regions += " labelled from the task's data"
			default:
				regions += " without a label"
			}
		}
		if r.Choice != nil {
			regions += fmt.Sprintf(" and chosen %q", r.ChoiceValue)
		}
		if r.Text != nil {
			regions += fmt.Sprintf(" with text in %q", r.Text.Name)
		}
		if p.Split {
			regions += ", by channel"
		}
		add("%s", regions)
	}
	if p.Whole != nil {
		add("the whole text in %q", p.Whole.Name)
	}
	if p.Paragraphs != nil {
		add("paragraphs in the task's %q", p.Paragraphs.Key)
	}
	for _, key := range p.TextKeys {
		add("the whole text in the task's %q", key)
	}
	return fmt.Sprintf("%q: %s", p.Audio.Name, strings.Join(parts, "; "))
}

// undefinedKey is the data key of a file that was uploaded before there was a
// configuration.
const undefinedKey = "$undefined$"

// Recording returns the value that says where a task's recording is, and whether the
// task has one.
func (p *Plan) Recording(data map[string]json.RawMessage) (string, bool) {
	if s, ok := p.Audio.text(data); ok {
		return s, true
	}
	if p.Audio.Key() == "" {
		return "", false
	}
	return stringOf(data[undefinedKey])
}

// Label returns the label that speech gets in a task, or nothing when regions go without.
// Dynamic labels are read from the task's data.
func (r *Regions) Label(data map[string]json.RawMessage) string {
	if r.Labels == nil || r.label != "" || len(r.Labels.Labels) > 0 {
		return r.label
	}
	return speechLabel(labelsFrom(Lookup(data, r.Labels.Key())), r.allowed(), r.option)
}

// ChannelLabel returns the label that speech on a channel gets in a task.
func (r *Regions) ChannelLabel(channel int, data map[string]json.RawMessage) string {
	if channel >= 0 && channel < len(r.channels) && r.channels[channel] != "" {
		return r.channels[channel]
	}
	return r.Label(data)
}

// Channels returns the labels of channels, from the first, empty where speech is labelled as on any other.
func (r *Regions) Channels() []string { return slices.Clone(r.channels) }

// Speaker returns the name of a label of a channel, or nothing if its speech is labelled as any other.
func (r *Regions) Speaker(channel int) string {
	if r == nil || channel < 0 || channel >= len(r.channels) {
		return ""
	}
	return r.channels[channel]
}

// allowed are the labels with which the region's text is kept; nil for all.
func (r *Regions) allowed() []string {
	if r.Text == nil {
		return nil
	}
	if by := r.Text.When.TagName; by != "" && r.Labels != nil && by != r.Labels.Name {
		return nil
	}
	return r.Text.When.LabelValues
}

// Plans returns a plan for each audio object that can be served, and a sentence for a
// person when there is none.
func (c *Config) Plans(o Options) ([]*Plan, string) {
	var plans []*Plan
	var why []string
	x := c.index()
	for _, audio := range c.audio() {
		p, reason := c.plan(audio, x, o)
		if p == nil {
			why = append(why, reason)
			continue
		}
		p.Index = len(plans)
		plans = append(plans, p)
	}
	switch {
	case len(plans) > 0:
		return plans, ""
	case len(why) > 0:
		return nil, strings.Join(why, " ")
	case len(c.Objects)+len(c.Controls) == 0:
		return nil, "The project has no labelling configuration yet."
	}
	return nil, `The labelling configuration shows no audio. Add <Audio name="audio" value="$audio" decoder="none"/>.`
}

// audio returns the audio objects; without any, the Paragraphs that play audio.
func (c *Config) audio() []*Object {
	var audio, spoken []*Object
	for _, o := range c.Objects {
		switch {
		case strings.Contains(o.Name+o.Value, "{{"):
			// Names made by a Repeater are not known before a task is on the page.
		case o.Is("Audio", "AudioPlus"):
			audio = append(audio, o)
		case o.Is("Paragraphs") && o.Attrs["audiourl"] != "":
			spoken = append(spoken, &Object{Tag: o.Tag, Value: o.Attrs["audiourl"]})
		}
	}
	if len(audio) > 0 {
		return audio
	}
	return spoken
}

// plan finds out what the controls on one audio object take; nil and a sentence if
// nothing that speech gives.
func (c *Config) plan(audio *Object, x *index, o Options) (*Plan, string) {
	p := &Plan{Audio: audio, Split: audio.true("splitchannels")}
	var labels, regionText, wholeText []*Control
	keys := map[string]bool{} // of TextKeys
	for _, t := range x.controls[audio.Name] {
		switch {
		case t.Is("Labels"):
			labels = append(labels, t)
		case t.Is("TextArea") && t.PerRegion:
			regionText = append(regionText, t)
		case t.Is("TextArea") && t.Key() != "" && t.Key() != audio.Key():
			if !keys[t.Key()] {
				keys[t.Key()] = true
				p.TextKeys = append(p.TextKeys, t.Key())
			}
		case t.Is("TextArea") && t.Attrs["value"] != "":
			p.note("TextArea %q has a text of its own and is left alone.", t.Name)
		case t.Is("TextArea"):
			wholeText = append(wholeText, t)
		}
	}
	p.Whole = p.pickText(wholeText, o)
	p.Paragraphs = x.paragraphs(audio)
	var reason string
	p.Regions, reason = p.regions(c, labels, p.pickText(regionText, o), o)
	switch {
	case p.Regions != nil || p.Whole != nil || p.Paragraphs != nil || len(p.TextKeys) > 0:
		if reason != "" {
			p.Notes = append(p.Notes, reason)
		}
		return p, ""
	case reason == "":
		reason = fmt.Sprintf(`Nothing on %s %q takes a transcript. Add `+
			`<TextArea name="transcription" toName=%[2]q/> for the whole text, `+
			`or the same with perRegion="true" and a Labels tag for regions.`, audio.Tag.Tag, audio.Name)
	}
	return nil, reason
}

// pickText chooses the TextArea for the transcript: the one named by the option, else the
// first whose name speaks of text, else the first.
func (p *Plan) pickText(areas []*Control, o Options) *Control {
	if len(areas) == 0 {
		return nil
	}
	pick := slices.IndexFunc(areas, func(t *Control) bool { return o.Text != "" && t.Name == o.Text })
	if pick < 0 {
		pick = slices.IndexFunc(areas, func(t *Control) bool {
			name := words(t.Name)
			return mention(name, speech) || mention(name, []string{"text", "asr"})
		})
	}
	pick = max(pick, 0)
	for i, t := range areas {
		if i != pick {
			p.note("TextArea %q gets no text; %q does.", t.Name, areas[pick].Name)
		}
	}
	return areas[pick]
}

func (p *Plan) note(format string, args ...any) {
	p.Notes = append(p.Notes, fmt.Sprintf(format, args...))
}
