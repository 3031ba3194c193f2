package results

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
)

// maxProblems bounds how many problems an error lists: one mistake in the building of
// results repeats in each of thousands of items.
const maxProblems = 5

// Validate reports what Label Studio would refuse, drop or stumble over in a result list
// under a configuration. Whatever it passes, label-studio-sdk's LabelInterface passes for
// Labels, TextArea and Choices; of other controls it checks names, types and times.
func Validate(items []labelstudio.Item, c *labelconfig.Config) error {
	v := validator{config: c, regions: map[string]*region{}}
	for i := range items {
		if err := v.item(&items[i]); err != nil {
			v.problems = append(v.problems, fmt.Errorf("item %d of %q: %w", i, items[i].ID, err))
		}
		if len(v.problems) == maxProblems {
			break
		}
	}
	return errors.Join(v.problems...)
}

// ValidateScore reports a prediction's score outside 0..1.
func ValidateScore(score float64) error {
	if math.IsNaN(score) || score < 0 || score > 1 {
		return fmt.Errorf("score %v is not in 0..1", score)
	}
	return nil
}

type validator struct {
	config   *labelconfig.Config
	regions  map[string]*region
	problems []error
}

// region is what the first item of an id fixed for the others.
type region struct {
	span     *labelstudio.Span
	controls []string
}

func (v *validator) item(it *labelstudio.Item) error {
	if it.Type == "relation" {
		return nil
	}
	control := v.config.Control(it.FromName)
	switch {
	case it.ID == "" || strings.Contains(it.ID, "#"):
		return errors.New("the id is empty or has a '#'")
	case control == nil:
		return fmt.Errorf("from_name %q is no control of the configuration", it.FromName)
	case v.config.Object(it.ToName) == nil:
		return fmt.Errorf("to_name %q is no object of the configuration", it.ToName)
	case !control.On(it.ToName):
		return fmt.Errorf("control %q does not speak about %q", it.FromName, it.ToName)
	case it.Type != strings.ToLower(control.Tag.Tag):
		return fmt.Errorf("type %q is not that of control %q", it.Type, it.FromName)
	case it.Score != nil && ValidateScore(*it.Score) != nil:
		return ValidateScore(*it.Score)
	case len(it.Meta) > 0 && strings.Contains(string(it.Meta), `\u0000`):
		return errors.New("the meta has a U+0000")
	case !slices.Contains([]string{"", "manual", "prediction", "prediction-changed"}, it.Origin):
		return fmt.Errorf("origin %q is unknown", it.Origin)
	}
	if err := v.region(it); err != nil {
		return err
	}
	return value(it, control)
}

// region checks that the items of an id agree on where they are.
func (v *validator) region(it *labelstudio.Item) error {
	span := it.Value.Span
	if span != nil && (span.Start < 0 || span.End < span.Start || span.Channel < 0) {
		return fmt.Errorf("times %v..%v on channel %d are none", span.Start, span.End, span.Channel)
	}
	r := v.regions[it.ID]
	if r == nil {
		v.regions[it.ID] = &region{span: span, controls: []string{it.FromName}}
		return nil
	}
	if (span == nil) != (r.span == nil) || span != nil && *span != *r.span {
		return errors.New("the times differ from those of the region's first item")
	}
	if slices.Contains(r.controls, it.FromName) {
		return fmt.Errorf("control %q speaks twice about one region", it.FromName)
	}
	r.controls = append(r.controls, it.FromName)
	return nil
}

func value(it *labelstudio.Item, c *labelconfig.Control) error {
	v := &it.Value
	switch {
	case c.Is("Labels"):
		if v.Labels == nil || v.Span == nil {
			return errors.New("a labels value needs start, end and labels")
		}
		return among(v.Labels, c)
	case c.Is("Choices"):
		if v.Choices == nil {
			return errors.New("a choices value needs choices")
		}
		if err := perRegion(v, c); err != nil {
			return err
		}
		return among(v.Choices, c)
	case c.Is("TextArea"):
		if v.Text == nil {
			return errors.New("a textarea value needs a list of texts")
		}
		if len(v.Text) > 1 && c.Attrs["maxsubmissions"] == "1" {
			return fmt.Errorf("%d texts where the control takes one", len(v.Text))
		}
		if strings.Contains(strings.Join(v.Text, ""), "\x00") {
			return errors.New("the text has a U+0000")
		}
		return perRegion(v, c)
	}
	return nil
}

// perRegion checks that a control that speaks about regions does, and only that.
func perRegion(v *labelstudio.Value, c *labelconfig.Control) error {
	if c.PerRegion && v.Span == nil {
		return errors.New("a control with perRegion needs start and end")
	}
	if !c.PerRegion && v.Span != nil {
		return errors.New("start and end need a control with perRegion")
	}
	return nil
}

func among(values []string, c *labelconfig.Control) error {
	for _, value := range values {
		if !c.Has(value) {
			return fmt.Errorf("%q is none of %s", value, listed(c))
		}
	}
	return nil
}

// listed names the control's values, not all of a long list.
func listed(c *labelconfig.Control) string {
	const most = 8
	var b strings.Builder
	for i, l := range c.Labels {
		if i == most {
			fmt.Fprintf(&b, " and %d more", len(c.Labels)-most)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", l.Value)
	}
	return b.String()
}
