package labelconfig_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
)

// large are configurations with n of something each.
var large = []struct {
	name string
	make func(n int) string
}{
	{"labels", func(n int) string {
		return `<View><Labels name="l" toName="a">` + repeat(n, `<Label value="Kind %d"/>`) +
			`</Labels><Audio name="a" value="$a"/><TextArea name="t" toName="a" perRegion="true"/></View>`
	}},
	{"labels that are allowed", func(n int) string {
		return `<View><Labels name="l" toName="a">` + repeat(n, `<Label value="K%d"/>`) +
			`</Labels><Audio name="a" value="$a"/><TextArea name="t" toName="a" perRegion="true" whenTagName="l" whenLabelValue="` + repeat(n, "K%d,") + `"/></View>`
	}},
	{"choices that are allowed", func(n int) string {
		return `<View><Choices name="c" toName="a" perRegion="true">` + repeat(n, `<Choice value="K%d"/>`) +
			`</Choices><Audio name="a" value="$a"/><TextArea name="t" toName="a" perRegion="true" whenTagName="c" whenChoiceValue="` + repeat(n, "N%d,") + `"/></View>`
	}},
	{"controls", func(n int) string {
		return `<View><Audio name="a" value="$a"/>` + repeat(n, `<TextArea name="t%d" toName="a" value="$t%[1]d"/>`) + `</View>`
	}},
	{"recordings", func(n int) string {
		return `<View>` + repeat(n, `<Audio name="a%d" value="$a%[1]d"/><TextArea name="t%[1]d" toName="a%[1]d"/><Paragraphs name="p%[1]d" value="$p%[1]d" audioUrl="$a%[1]d"/>`) + `</View>`
	}},
	{"levels", func(n int) string {
		return `<View><Audio name="a" value="$a"/><Labels name="l" toName="a">` + strings.Repeat(`<View><Label value="x"/>`, n) + strings.Repeat(`</View>`, n) + `</Labels></View>`
	}},
}

func repeat(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// BenchmarkLargeConfigurations measures how much longer a configuration takes that is ten
// times as large, from the text to plans. In linear time it takes ten times as long.
func BenchmarkLargeConfigurations(b *testing.B) {
	for _, kind := range large {
		b.Run(kind.name, func(b *testing.B) {
			small, big := kind.make(2000), kind.make(20000)
			var took [2]time.Duration
			for b.Loop() {
				for range 10 { // as much text as in the other
					took[0] += plans(b, small)
				}
				took[1] += plans(b, big)
			}
			b.ReportMetric(took[1].Seconds()/float64(b.N), "s/20000")
			b.ReportMetric(10*float64(took[1])/float64(took[0]), "times-as-long")
		})
	}
}

func plans(b *testing.B, text string) time.Duration {
	start := time.Now()
	c, err := labelconfig.Parse(text)
	if err != nil {
		b.Fatal(err)
	}
	if got, why := c.Plans(labelconfig.Options{}); len(got) == 0 && !strings.Contains(why, "None of the labels") {
		b.Fatal(why)
	}
	return time.Since(start)
}
