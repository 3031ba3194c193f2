package transcript_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/asr-backend/asr-backend/transcript"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing")

// write returns t in format f.
func write(t *testing.T, f transcript.Format, tr *transcript.Transcript, o transcript.WriteOptions) string {
	t.Helper()
	var b bytes.Buffer
	if err := transcript.Write(&b, f, tr, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The golden files stand in for the oracles where Python is absent: what they hold was
// approved by the oracle tests of this package.
func TestOutputIsAsApproved(t *testing.T) {
	for name, tr := range cases() {
		for _, f := range transcript.Formats() {
			t.Run(name+" "+string(f), func(t *testing.T) {
				got := write(t, f, tr, transcript.WriteOptions{})
				path := filepath.Join("testdata", "golden", name+f.Extension())
				if *update {
					if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), got); diff != "" {
					t.Errorf("%s (-want +got; -update writes it anew):\n%s", path, diff)
				}
			})
		}
	}
}
