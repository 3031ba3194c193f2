package finding_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/internal/finding"
)

func TestWhatIsAlikeIsFolded(t *testing.T) {
	var all []finding.Finding
	for i := range 200 {
		all = append(all, finding.New("backend", finding.OK, fmt.Sprintf("project %d: connected", i), ""), finding.New("webhook", finding.OK, fmt.Sprintf("project %d: sent", i), ""))
	}
	bad := finding.New("backend", finding.Failure, "project 7: not reached", "start it")
	advised := finding.New("backend", finding.OK, "works", "but look")
	few := []finding.Finding{finding.New("port", finding.OK, "a", ""), finding.New("port", finding.OK, "b", "")}
	all = slices.Concat(few, all[:10], []finding.Finding{bad}, all[10:], []finding.Finding{advised})
	before := slices.Clone(all)
	var out strings.Builder
	if err := finding.Print(&out, finding.Fold(all)); err != nil {
		t.Fatal(err)
	}
	want := `OK       port     a
OK       port     b
OK       backend  project 0: connected; and 199 more are ok (--verbose lists them)
OK       webhook  project 0: sent; and 199 more are ok (--verbose lists them)
FAILURE  backend  project 7: not reached
                  -> start it
OK       backend  works
                  -> but look
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &out, want)
	}
	if !slices.Equal(all, before) {
		t.Error("the findings were changed")
	}
}
