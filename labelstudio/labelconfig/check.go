package labelconfig

import (
	"fmt"
	"slices"
)

// Check returns an error, a sentence for whoever chose, if an option names what the configuration does
// not have. Labels that come from the data of tasks may be called anything.
func (c *Config) Check(o Options) error {
	var labels, areas []*Control
	dynamic := false
	for _, control := range c.Controls {
		switch {
		case control.Is("Labels"):
			labels = append(labels, control)
			dynamic = dynamic || control.Dynamic()
		case control.Is("TextArea"):
			areas = append(areas, control)
		}
	}
	if o.Label != "" && len(labels) > 0 && !dynamic && !slices.ContainsFunc(labels, func(control *Control) bool {
		return slices.ContainsFunc(control.Labels, func(l Label) bool { return l.Value == o.Label || l.Name == o.Label })
	}) {
		return fmt.Errorf("label: there is no label %q; there is %s", o.Label, quoted(labels[0]))
	}
	if o.Text != "" && len(areas) > 0 && !slices.ContainsFunc(areas, func(control *Control) bool { return control.Name == o.Text }) {
		return fmt.Errorf("text: there is no TextArea %q; there is %q", o.Text, areas[0].Name)
	}
	return nil
}
