// Package marked writes tables into documents. A table lies between two lines of its own,
// <!-- NAME --> and <!-- end -->.
package marked

import (
	"bytes"
	"os"
	"regexp"
)

var table = regexp.MustCompile(`(?s)(<!-- (\w+) -->\n).*?(<!-- end -->)`)

// Names returns the names of the tables of a document, in their order.
func Names(document []byte) (names []string) {
	for _, m := range table.FindAllSubmatch(document, -1) {
		names = append(names, string(m[2]))
	}
	return names
}

// Write replaces tables in a file by their names. Others stay as they are, and a table without a place is
// not written.
func Write(path string, tables map[string][]byte) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text = table.ReplaceAllFunc(text, func(old []byte) []byte {
		m := table.FindSubmatch(old)
		if t, ok := tables[string(m[2])]; ok {
			return bytes.Join([][]byte{m[1], bytes.TrimSpace(t), []byte("\n"), m[3]}, nil)
		}
		return old
	})
	return os.WriteFile(path, text, 0o644)
}
