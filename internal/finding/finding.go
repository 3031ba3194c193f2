// Package finding is how commands report the checks that they have made: what was checked,
// how it came out, and what to do about it.
package finding

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/asr-backend/asr-backend/internal/visible"
)

// Status is the outcome of a check.
type Status string

// The outcomes. A Warning is something that is missing but not needed by everybody.
const (
	OK      Status = "ok"
	Warning Status = "warning"
	Failure Status = "failure"
)

// Finding is the outcome of one check.
type Finding struct {
	Check  string `json:"check"`
	Status Status `json:"status"`
	Detail string `json:"detail"`
	// Hint says what to do, if there is something to do.
	Hint string `json:"hint,omitempty"`
}

// New returns a finding; the hint may be empty.
func New(check string, status Status, detail, hint string) Finding {
	return Finding{check, status, detail, hint}
}

// ErrFailure means that at least one check failed.
var ErrFailure = errors.New("something that is needed does not work")

// Print writes findings for people.
func Print(w io.Writer, findings []Finding) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range findings {
		fmt.Fprintf(t, "%s\t%s\t%s\n", strings.ToUpper(string(f.Status)), f.Check, visible.Text(f.Detail))
		if f.Hint != "" {
			fmt.Fprintf(t, "\t\t-> %s\n", visible.Text(f.Hint))
		}
	}
	return t.Flush()
}

// most is how many findings of a check are shown that say that all is well.
const most = 3

// Fold joins the findings of a check that say that all is well, if there are many: the first is
// kept, with the number of the others.
func Fold(findings []Finding) []Finding {
	fine := func(f Finding) bool { return f.Status == OK && f.Hint == "" }
	alike := map[string]int{}
	for _, f := range findings {
		if fine(f) {
			alike[f.Check]++
		}
	}
	var out []Finding
	for _, f := range findings {
		if n := alike[f.Check]; fine(f) && n > most {
			f.Detail += fmt.Sprintf("; and %d more are ok (--verbose lists them)", n-1)
			alike[f.Check] = -1
		} else if fine(f) && n < 0 {
			continue
		}
		out = append(out, f)
	}
	return out
}

// PrintJSON writes findings for programs.
func PrintJSON(w io.Writer, findings []Finding) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(map[string]any{"ok": Verdict(findings) == nil, "findings": findings})
}

// Verdict returns ErrFailure if a check failed.
func Verdict(findings []Finding) error {
	for _, f := range findings {
		if f.Status == Failure {
			return ErrFailure
		}
	}
	return nil
}
