package training

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/labelstudio"
)

func TestTheLogHasTheBeginningAndTheEnd(t *testing.T) {
	o := newLog(filepath.Join(t.TempDir(), "project", "last.log"), nil)
	for i := range 100_000 {
		fmt.Fprintf(o, "line %d\n", i)
		if i%1000 == 0 && len(o.head)+len(o.tail) > 3*keptTail {
			t.Fatalf("%d bytes are held", len(o.head)+len(o.tail))
		}
	}
	fmt.Fprint(o, "the end")
	if err := o.close(); err != nil {
		t.Fatal(err)
	}
	text := o.String()
	if raw, err := os.ReadFile(o.file); err != nil || string(raw) != text {
		t.Errorf("the file has %d bytes, memory %d: %v", len(raw), len(text), err)
	}
	if !strings.HasPrefix(text, "line 0\nline 1\n") || !strings.HasSuffix(text, "line 99999\nthe end") || !strings.Contains(text, "bytes left out") {
		t.Errorf("%.40q ... %q", text, text[len(text)-40:])
	}
	if len(text) < keptTail || len(text) > keptHead+keptTail+100 {
		t.Errorf("%d bytes are kept", len(text))
	}
}

func TestTheLogHasNoSecrets(t *testing.T) {
	const long, short = "secret-0123456789", "secret-0123"
	secrets := []labelstudio.Secret{labelstudio.NewSecret(short), {}, labelstudio.NewSecret(long)}
	// In two writes, in a line without end at every place where it may be divided, and in the last line.
	for i := range len(long) + 2 {
		o := newLog(filepath.Join(t.TempDir(), "last.log"), secrets)
		fmt.Fprintf(o, "token %s", long[:5])
		fmt.Fprintf(o, "%s.\n", long[5:])
		fmt.Fprintf(o, "%s%s%s\n", strings.Repeat("x", longLine-i), long, strings.Repeat("y", 10))
		fmt.Fprintf(o, "password=%s", short)
		want := "token ***.\n" + strings.Repeat("x", longLine-i) + "***yyyyyyyyyy\npassword=***"
		if got := o.String(); got != want {
			t.Errorf("after %d bytes a secret is %q", longLine-i, strings.ReplaceAll(got, "x", ""))
		}
	}
}

// A line of progress that is written over counts once.
func TestProgressIsOneLine(t *testing.T) {
	o := newLog(filepath.Join(t.TempDir(), "last.log"), nil)
	for i := range 1000 {
		fmt.Fprintf(o, "\r%3d of 1000", i+1)
	}
	fmt.Fprint(o, "\r\nWindows\r\nends\xff\n")
	if got, want := o.String(), "1000 of 1000\nWindows\nends\ufffd\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := lastLines("a\n\nb\nc \n", 2); len(got) != 2 || got[0] != "b" || got[1] != "c" {
		t.Errorf("the last lines are %q", got)
	}
}
