package statuspage

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/service/learning"
)

// The picture of the word error rates: its size and edges, in the units of its viewBox.
const (
	chartWidth, chartHeight = 640, 170
	chartLeft, chartRight   = 46, 14
	chartTop, chartBottom   = 14, 24
)

// chart is the word error rate of versions over time.
type chart struct {
	Width, Height int
	Points        []point
	Line          string // through those that were taken up, as the points of a polyline
	Lines         []gridLine
	General       *gridLine // without anything learnt
	From, To      string    // days
	Left, Right   int
	Bottom        int
	Text          string // what it shows, in words
}

type point struct {
	X, Y  float64
	Class string
	R     int
	Text  string
}

type gridLine struct {
	Y    float64
	Text string
}

// Chart is the picture, nil if nothing was judged.
func (l *Learning) Chart() *chart {
	var judged []learning.Version
	present := -1
	for i, v := range l.Detail.Versions {
		if v.JudgedOn == 0 {
			continue
		}
		if i == l.present() {
			present = len(judged)
		}
		judged = append(judged, v)
	}
	if len(judged) == 0 {
		return nil
	}
	latest := judged[len(judged)-1]
	c := &chart{Width: chartWidth, Height: chartHeight, Left: chartLeft, Right: chartWidth - chartRight, Bottom: chartHeight - chartBottom,
		From: day(judged[0].At), To: day(latest.At)}
	general, most := latest.Judgement.General.Rate(), 0.0
	for _, v := range judged {
		most = max(most, v.Judged)
	}
	if latest.Judgement.Passages > 0 {
		most = max(most, general)
	}
	step := stepOf(most)
	top := max(math.Ceil(most/step-1e-9), 1) * step
	y := func(rate float64) float64 {
		return tenth(chartTop + (1-rate/top)*float64(c.Bottom-chartTop))
	}
	for i := 0; float64(i)*step < top+step/2; i++ {
		c.Lines = append(c.Lines, gridLine{y(float64(i) * step), fmt.Sprintf("%g %%", math.Round(1e4*float64(i)*step)/100)})
	}
	if latest.Judgement.Passages > 0 {
		c.General = &gridLine{y(general), "without anything learnt: " + percent(general)}
	}
	var line, texts []string
	for i, v := range judged {
		p := point{X: tenth(place(judged, i)), Y: y(v.Judged), R: 4, Class: "off"}
		said := "not taken up"
		if v.TakenUp {
			p.Class, said = "on", "taken up"
			line = append(line, fmt.Sprintf("%g,%g", p.X, p.Y))
		}
		if i == present {
			p.Class, p.R, said = "now", 6, "in use"
		}
		p.Text = fmt.Sprintf("%s: %s, %d corrections, %s", v.At.UTC().Format("2006-01-02 15:04"), percent(v.Judged), v.Corrections, said)
		c.Points, texts = append(c.Points, p), append(texts, p.Text)
	}
	c.Line = strings.Join(line, " ")
	if c.General != nil {
		texts = append(texts, c.General.Text)
	}
	c.Text = strings.Join(texts, "; ")
	return c
}

// place is where a version stands: by its time, or in the middle if there is one time only.
func place(all []learning.Version, i int) float64 {
	const left, width = chartLeft + 12, chartWidth - chartRight - chartLeft - 24
	first, last := all[0].At, all[len(all)-1].At
	span := last.Sub(first)
	if span <= 0 {
		return left + width/2
	}
	return left + width*min(max(float64(all[i].At.Sub(first))/float64(span), 0), 1)
}

// stepOf is the distance of lines, so that there are at most five.
func stepOf(most float64) float64 {
	for _, step := range []float64{0.01, 0.02, 0.05, 0.1, 0.2, 0.5} {
		if most <= 4*step {
			return step
		}
	}
	return math.Ceil(most/4*10) / 10
}

func tenth(x float64) float64 { return math.Round(10*x) / 10 }

func day(t time.Time) string { return t.UTC().Format("2006-01-02") }
