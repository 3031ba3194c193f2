package models_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/models"
)

var update = flag.Bool("update", false, "rewrite the table in doc/models.md")

// The table of models in the documentation is made from the catalogue. After a change of
// the catalogue: go test ./models -run Documentation -update
func TestTheDocumentationListsTheCatalogue(t *testing.T) {
	path := filepath.Join(oracle.Root(t), "doc", "models.md")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- The table is made from models/catalogue.json. -->\n", "<!-- end of the table -->"
	before, rest, ok1 := strings.Cut(string(raw), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("%s has no place for the table", path)
	}
	want := before + begin + table(published(t)) + end + after
	if string(raw) == want {
		return
	}
	if !*update {
		t.Fatal("doc/models.md does not show the catalogue as it is; run go test ./models -run Documentation -update")
	}
	if err := os.WriteFile(path, []byte(want), 0o666); err != nil {
		t.Fatal(err)
	}
}

// table is the catalogue in Markdown.
func table(c *models.Catalogue) string {
	var b strings.Builder
	b.WriteString("| model | language | text | download | licence | errors, as published |\n|---|---|---|---|---|---|\n")
	for i := range c.Models {
		m := &c.Models[i]
		fmt.Fprintf(&b, "| [%s](%s) | %s | %s | %s | %s | %s |\n", m.Name, m.Home, strings.Join(m.Languages, " "), text(m), download(m), orUnknown(m.Licence), rates(m))
	}
	return b.String()
}

func text(m *models.Model) string {
	s := map[models.Casing]string{models.Cased: "cased", models.Lower: "lower case", models.Caseless: "no case", "": "?"}[m.Casing]
	if m.Punctuation {
		s += ", punctuated"
	}
	if m.Decoder != "" {
		s += ", " + map[string]string{"rnnt": "RNN-T", "tdt": "TDT"}[m.Decoder]
	}
	return s
}

// download describes which builds there are, how large they are, and by a star whose files
// are not all pinned.
func download(m *models.Model) string {
	var builds []string
	full := false
	for i := range m.Builds {
		b := &m.Builds[i]
		size := b.Size()
		s := string(b.Precision)
		if len(b.Undigested()) > 0 {
			s += "*"
		}
		if b.Precision == models.FP32 {
			full = true
			if size == 0 {
				size = int64(m.Parameters) * 4e6
			}
		}
		if size > 0 {
			s += fmt.Sprintf(" %.2g GB", float64(size)/1e9)
		}
		builds = append(builds, s)
	}
	if !full {
		builds = append([]string{"fp32 by export"}, builds...)
	}
	return strings.Join(builds, ", ")
}

func orUnknown(s string) string {
	if s == "" {
		return "?"
	}
	return s
}

// rates are the first two, each with a link to its source.
func rates(m *models.Model) string {
	var all []string
	for _, e := range m.ErrorRates[:min(len(m.ErrorRates), 2)] {
		s := fmt.Sprintf("[%s %s %%](%s)", e.Set, strconv.FormatFloat(e.Percent, 'f', -1, 64), e.Source)
		if e.Metric != "WER" {
			s += " of characters"
		}
		all = append(all, s)
	}
	return strings.Join(all, ", ")
}
