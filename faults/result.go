package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Result is what a scene found.
type Result struct {
	Scene string `json:"scene"`
	Tally
	Kills   int      `json:"kills"`
	Seconds float64  `json:"seconds"`
	Figures []string `json:"figures,omitempty"` // what the scene measured
	Faults  []string `json:"faults,omitempty"`  // beside lost, doubled and wrong tasks
	Skipped string   `json:"skipped,omitempty"` // why
}

// Tally counts tasks by what became of them.
type Tally struct {
	Tried   int `json:"tried"`
	One     int `json:"one"`
	Stated  int `json:"stated"`
	Lost    int `json:"lost"`
	Doubled int `json:"doubled"`
	Wrong   int `json:"wrong"`
}

func (t *Tally) add(o Tally) {
	t.Tried += o.Tried
	t.One += o.One
	t.Stated += o.Stated
	t.Lost += o.Lost
	t.Doubled += o.Doubled
	t.Wrong += o.Wrong
}

// Failed reports whether a promise was broken.
func (r Result) Failed() bool { return r.Lost+r.Doubled+r.Wrong+len(r.Faults) > 0 }

// write prints results, as JSON or as a table with a sum.
func write(w io.Writer, results []Result, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(results)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "scene\tkills\ttried\tone\tstated\tlost\tdoubled\twrong\ts\tmeasured")
	sum := Result{Scene: "all"}
	for _, r := range results {
		row(t, r)
		sum.add(r.Tally)
		sum.Kills += r.Kills
		sum.Seconds += r.Seconds
	}
	row(t, sum)
	if err := t.Flush(); err != nil {
		return err
	}
	for _, r := range results {
		for _, f := range r.Faults {
			if _, err := fmt.Fprintf(w, "FAULT %s: %s\n", r.Scene, f); err != nil {
				return err
			}
		}
	}
	return nil
}

func row(w io.Writer, r Result) {
	measured := strings.Join(r.Figures, "; ")
	if r.Skipped != "" {
		measured = "skipped: " + r.Skipped
	}
	fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.0f\t%s\n", r.Scene, r.Kills, r.Tried, r.One, r.Stated, r.Lost, r.Doubled, r.Wrong, r.Seconds, measured)
}

// thousands writes a number with commas.
func thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
