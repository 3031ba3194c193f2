package labelconfig

import "strings"

// index finds what goes with an audio object without a walk over the whole configuration for
// each of them: configurations made by programs have tens of thousands of tags.
type index struct {
	controls map[string][]*Control // by the name of the object that they speak about
	// fillable are the Paragraphs whose rows stand in the task's data. The maps give the first
	// of them by what may bind it to an audio object.
	fillable                     []*Object
	byAudioURL, bySync, byObject map[string]int
}

func (c *Config) index() *index {
	x := &index{controls: map[string][]*Control{}, byAudioURL: map[string]int{}, bySync: map[string]int{}, byObject: map[string]int{}}
	for _, t := range c.Controls {
		for _, name := range t.ToName {
			on := x.controls[name]
			if len(on) == 0 || on[len(on)-1] != t { // toName may repeat a name
				x.controls[name] = append(on, t)
			}
		}
	}
	first := func(places map[string]int, key string) {
		if _, ok := places[key]; !ok {
			places[key] = len(x.fillable)
		}
	}
	for _, o := range c.Objects {
		if !o.Is("Paragraphs") || o.Key() == "" || strings.EqualFold(o.Attrs["valuetype"], "url") {
			continue
		}
		first(x.byAudioURL, o.Attrs["audiourl"])
		first(x.bySync, o.Attrs["sync"])
		first(x.byObject, o.Name)
		x.fillable = append(x.fillable, o)
	}
	return x
}

// paragraphs returns the first Paragraphs that go with an audio object: they name its data key
// or are synchronised with it.
func (x *index) paragraphs(audio *Object) *Paragraphs {
	place := len(x.fillable)
	for _, bound := range []struct {
		places map[string]int
		key    string
	}{{x.byAudioURL, audio.Value}, {x.bySync, audio.Name}, {x.byObject, audio.Attrs["sync"]}} {
		if i, ok := bound.places[bound.key]; ok {
			place = min(place, i)
		}
	}
	if place == len(x.fillable) {
		return nil
	}
	o := x.fillable[place]
	p := &Paragraphs{Object: o, Key: o.Key(), TextKey: o.Attrs["textkey"], NameKey: o.Attrs["namekey"]}
	if p.TextKey == "" {
		p.TextKey = "text"
	}
	if p.NameKey == "" {
		p.NameKey = "author"
	}
	return p
}
