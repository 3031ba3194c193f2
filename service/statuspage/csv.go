package statuspage

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/service/overview"
)

var columns = []string{"project", "project_title", "task", "file", "state", "attention", "updated", "length_s", "percent", "speed", "left_s",
	"confidence", "word_error_rate", "retries", "reason", "hint", "model_version", "url"}

// Table writes tasks as a table for spreadsheets: CSV as RFC 4180 has it, in UTF-8 with the mark by
// which spreadsheets know that. Figures that are not known are empty.
type Table struct {
	Links Links
	Title func(project int64) string

	w *csv.Writer
}

// Begin writes the names of the columns.
func (t *Table) Begin(w io.Writer) error {
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return fmt.Errorf("write a table: %w", err)
	}
	t.w = csv.NewWriter(w)
	t.w.UseCRLF = true
	return t.w.Write(columns)
}

// Add writes a task.
func (t *Table) Add(one *overview.Task) error {
	attention := ""
	if one.Attention {
		attention = "yes"
	}
	row := []string{
		strconv.FormatInt(one.Project, 10), t.Title(one.Project), strconv.FormatInt(one.ID, 10), one.File, string(one.State), attention,
		one.Updated.UTC().Format(time.RFC3339), known(one.LengthS), decimal(one.Percent), known(one.Speed), known(one.LeftS),
		optional(one.Confidence), optional(one.ErrorRate), strconv.Itoa(one.Retries), one.Reason, one.Hint, one.Version, t.Links.Task(one.Project, one.ID),
	}
	for i := range row {
		row[i] = cell(row[i])
	}
	return t.w.Write(row)
}

// End writes what is left.
func (t *Table) End() error {
	t.w.Flush()
	return t.w.Error()
}

// cell keeps a text from being a formula: a spreadsheet would compute what the name of a file
// says, and may send what it finds elsewhere. Spreadsheets show what follows a "'" as it is.
func cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(text)[0]) {
		return "'" + text
	}
	return text
}

func decimal(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

func known(x float64) string {
	if x == 0 {
		return ""
	}
	return strconv.FormatFloat(x, 'f', 3, 64)
}

func optional(x *float64) string {
	if x == nil {
		return ""
	}
	return strconv.FormatFloat(*x, 'f', 4, 64)
}
