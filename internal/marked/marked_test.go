package marked

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestTablesAreReplacedByName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.md")
	const before = "text\n\n<!-- one -->\nold\n<!-- end -->\n\nbetween\n<!-- two -->\nstays\n<!-- end -->\n<!-- a remark -->\nend\n"
	if err := os.WriteFile(path, []byte(before), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, map[string][]byte{"one": []byte("\n| a |\n|---|\n\n"), "three": []byte("nowhere")}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const want = "text\n\n<!-- one -->\n| a |\n|---|\n<!-- end -->\n\nbetween\n<!-- two -->\nstays\n<!-- end -->\n<!-- a remark -->\nend\n"
	if string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if names := Names(got); !slices.Equal(names, []string{"one", "two"}) {
		t.Errorf("got the names %q", names)
	}
}
