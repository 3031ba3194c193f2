// Package labelconfig reads a Label Studio labelling configuration and finds out what a
// speech recogniser can do for the people who work with it.
//
// # The language
//
// A configuration is XML. Two kinds of tags matter:
//
//	<Audio name="audio" value="$url"/>             an object: what is shown; its data key is "url"
//	<Labels name="kind" toName="audio">            a control: what people say about objects
//	  <Label value="Speech" alias="s"/>
//	</Labels>
//	<TextArea name="text" toName="audio" perRegion="true"/>
//
// An element with name and toName is a control, one with name and value (or valueList)
// is an object; toName is a list separated by commas. Label and Choice elements belong
// to the nearest control around them, at any depth. The value that appears in results is
// the alias if there is one. A control whose value starts with "$" takes its labels, or
// its first text, from the task's data. Tag and attribute names match in any case, as in
// Label Studio's editor.
//
// # The plan
//
// Plans says for each audio object what to predict: regions (Labels, TextArea with
// perRegion), the text of the whole recording (TextArea without), and what to put into
// the task's own data (Paragraphs, and TextAreas that show a data key). What is left to
// people is said in Notes, and a configuration that cannot be served in a sentence.
//
// Reference: https://labelstud.io/tags and label-studio-sdk's LabelInterface, against
// which the parser is tested.
package labelconfig

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/asr-backend/asr-backend/internal/visible"
)

// MaxSize bounds a configuration, in bytes. Real ones have a few thousand.
const MaxSize = 4 << 20

// Config is a parsed labelling configuration.
type Config struct {
	Objects  []*Object  // in the order of the document
	Controls []*Control // in the order of the document

	objects  map[string]*Object  // by name
	controls map[string]*Control // by name
}

// Tag is what objects and controls have in common.
type Tag struct {
	Tag  string // as written, such as "TextArea"
	Name string // unique, may contain spaces
	// Attrs are all attributes by lower case name.
	Attrs map[string]string
}

// Is reports whether the tag is one of those named, in any case.
func (t *Tag) Is(names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, t.Tag) })
}

func (t *Tag) true(attr string) bool { return strings.EqualFold(t.Attrs[attr], "true") }

// Object is something shown to people: audio, paragraphs.
type Object struct {
	Tag
	Value string // as written, such as "$audio"
	// Source is the start tag as it is written in the configuration.
	Source string
}

// Key returns the data key or path that the object shows, or nothing if Value is a literal or
// has text around its keys.
func (o *Object) Key() string { return key(o.Value) }

// Control is something people set.
type Control struct {
	Tag
	ToName []string // the objects it speaks about
	Labels []Label  // of Labels and Choices, in the order of the document
	// PerRegion controls speak about one region each.
	PerRegion bool
	// When limits where the control is shown; its parts are empty when not given.
	When When

	values map[string]bool // of Labels
}

// When is the condition under which a control is shown.
type When struct {
	TagName      string   // of the control that decides
	LabelValues  []string // any of these labels
	ChoiceValues []string // any of these choices
}

// Label is one Label or Choice of a control.
type Label struct {
	Value string // what appears in results: the alias if given
	Name  string // what people see
	Attrs map[string]string
}

// Key returns the data key or path from which the control takes its labels or its first text,
// or nothing.
func (c *Control) Key() string { return key(c.Attrs["value"]) }

// Dynamic reports whether the control's labels come from elsewhere than the
// configuration.
func (c *Control) Dynamic() bool { return c.Key() != "" || c.Attrs["apiurl"] != "" }

// On reports whether the control speaks about the object of this name.
func (c *Control) On(object string) bool { return slices.Contains(c.ToName, object) }

// Has reports whether value may appear in results of the control. Dynamic controls are
// not known to the end, so anything may.
func (c *Control) Has(value string) bool {
	return len(c.Labels) == 0 || c.values[value]
}

// Object returns the object of that name, or nil.
func (c *Config) Object(name string) *Object { return c.objects[name] }

// Control returns the control of that name, or nil.
func (c *Config) Control(name string) *Control { return c.controls[name] }

// Key returns the first data key of the configuration: the one under which files lie
// that were uploaded before there was a configuration.
func (c *Config) Key() string {
	for _, o := range c.Objects {
		if k := o.Key(); k != "" {
			return k
		}
	}
	return ""
}

// Parse reads a configuration. Text, comments and unknown tags are of no matter, before,
// inside and after the root element. Of elements with the same name the last one counts.
func Parse(text string) (*Config, error) {
	if len(text) > MaxSize {
		return nil, fmt.Errorf("labelling configuration has %d bytes, more than %d", len(text), MaxSize)
	}
	c := &Config{objects: map[string]*Object{}, controls: map[string]*Control{}}
	var open []*Control // the nearest control around each open element, itself included, or nil
	dec := xml.NewDecoder(strings.NewReader(text))
	roots := 0
	for {
		start := dec.InputOffset()
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("labelling configuration is not XML: %w", visible.Error(err))
		}
		switch t := token.(type) {
		case xml.StartElement:
			if len(open) == 0 {
				roots++
			}
			var around *Control
			if len(open) > 0 {
				around = open[len(open)-1]
			}
			open = append(open, c.element(t, around, text[start:dec.InputOffset()]))
		case xml.EndElement:
			open = open[:len(open)-1]
		}
	}
	if roots != 1 {
		return nil, fmt.Errorf("labelling configuration has %d root elements instead of one", roots)
	}
	c.Objects = slices.DeleteFunc(c.Objects, func(o *Object) bool { return c.objects[o.Name] != o })
	c.Controls = slices.DeleteFunc(c.Controls, func(t *Control) bool { return c.controls[t.Name] != t })
	return c, nil
}

// element takes in one element with its start tag as written, and returns the control that its
// labels belong to: itself if it is one, else the one around it.
func (c *Config) element(e xml.StartElement, around *Control, source string) *Control {
	tag := Tag{Tag: e.Name.Local, Attrs: make(map[string]string, len(e.Attr))}
	for _, a := range e.Attr {
		tag.Attrs[strings.ToLower(a.Name.Local)] = spaces.Replace(a.Value)
	}
	tag.Name = tag.Attrs["name"]
	value := tag.Attrs["valuelist"]
	if value == "" {
		value = tag.Attrs["value"]
	}
	switch {
	case tag.Name != "" && tag.Attrs["toname"] != "" && !tag.Is("Filter"):
		control := newControl(tag)
		c.Controls = append(c.Controls, control)
		c.controls[control.Name] = control
		return control
	case tag.Name != "" && value != "":
		object := &Object{Tag: tag, Value: value, Source: source}
		c.Objects = append(c.Objects, object)
		c.objects[object.Name] = object
	case tag.Is("Label", "Choice") && around != nil:
		around.addLabel(tag.Attrs)
	}
	return around
}

// spaces is XML's normalisation of white space in attribute values.
var spaces = strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ", "\t", " ")

func newControl(tag Tag) *Control {
	return &Control{
		Tag:       tag,
		ToName:    split(tag.Attrs["toname"]),
		PerRegion: tag.true("perregion"),
		When: When{
			TagName:      tag.Attrs["whentagname"],
			LabelValues:  split(tag.Attrs["whenlabelvalue"]),
			ChoiceValues: split(tag.Attrs["whenchoicevalue"]),
		},
	}
}

func (c *Control) addLabel(attrs map[string]string) {
	l := Label{Value: attrs["alias"], Name: attrs["value"], Attrs: attrs}
	if l.Value == "" {
		l.Value = l.Name
	}
	if l.Value == "" || c.values[l.Value] {
		return
	}
	if c.values == nil {
		c.values = map[string]bool{}
	}
	c.values[l.Value] = true
	c.Labels = append(c.Labels, l)
}

// split takes a list separated by commas apart.
func split(s string) []string {
	var out []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}
