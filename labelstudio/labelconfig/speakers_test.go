package labelconfig_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
)

func TestChannelsGetTheLabelsOfSpeakers(t *testing.T) {
	const speech, people = `<Label value="Speech"/><Label value="Noise"/>`, `<Label value="Agent"/><Label value="Customer"/><Label value="Noise"/>`
	for _, c := range []struct {
		split    bool
		labels   string
		speakers []string
		want     []string // of channels 0 to 2
	}{
		{true, people, nil, []string{"Agent", "Customer", ""}},
		{false, people, nil, []string{"", "", ""}},
		{true, people, []string{"customer", "AGENT"}, []string{"Customer", "Agent", ""}},
		{true, people, []string{"", "Customer"}, []string{"", "Customer", ""}},
		{true, people, []string{"Ann", "Bob"}, []string{"", "", ""}},
		{true, speech, nil, []string{"Speech", "Speech", "Speech"}},
		{true, speech, []string{"Agent", "Noise"}, []string{"Speech", "Noise", "Speech"}},
		{true, `<Label value="a" alias="Agent"/><Label value="s" alias="Speech"/>`, []string{"a"}, []string{"Agent", "Speech", "Speech"}},
		{true, `<Label value="Agent"/><Label value="Customer" predicted_values="speech"/>`, nil, []string{"Customer", "Customer", "Customer"}},
	} {
		config, err := labelconfig.Parse(fmt.Sprintf(`<View><Labels name="l" toName="a">%s</Labels><Audio name="a" value="$audio" splitchannels="%v"/>
			<TextArea name="t" toName="a" perRegion="true"/></View>`, c.labels, c.split))
		if err != nil {
			t.Fatal(err)
		}
		plans, why := config.Plans(labelconfig.Options{Speakers: c.speakers})
		if len(plans) != 1 {
			t.Fatal(why)
		}
		var got []string
		for channel := range 3 {
			got = append(got, plans[0].Regions.ChannelLabel(channel, nil))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s with %q, split %v: %q, want %q", c.labels, c.speakers, c.split, got, c.want)
		}
		if mixed := plans[0].Regions.ChannelLabel(-1, nil); mixed != plans[0].Regions.Label(nil) {
			t.Errorf("what is mixed is labelled %q", mixed)
		}
	}
}

func TestOptionsThatNameNothingAreFound(t *testing.T) {
	const static = `<Labels name="l" toName="a"><Label value="Speech" alias="sp"/></Labels>`
	for _, c := range []struct {
		labels  string
		options labelconfig.Options
		want    string
	}{
		{static, labelconfig.Options{}, ""},
		{static, labelconfig.Options{Label: "Speech", Text: "t"}, ""},
		{static, labelconfig.Options{Label: "sp"}, ""},
		{static, labelconfig.Options{Label: "speech"}, `there is no label "speech"; there is "l" (Speech)`},
		{static, labelconfig.Options{Text: "text"}, `there is no TextArea "text"; there is "t"`},
		{`<Labels name="l" toName="a" value="$labels"/>`, labelconfig.Options{Label: "of the task"}, ""},
		{``, labelconfig.Options{Label: "Speech"}, ""},
	} {
		config, err := labelconfig.Parse(`<View>` + c.labels + `<Audio name="a" value="$audio"/><TextArea name="t" toName="a" perRegion="true"/></View>`)
		if err != nil {
			t.Fatal(err)
		}
		if err := config.Check(c.options); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s with %+v: %v, want %q", c.labels, c.options, err, c.want)
		}
	}
}
