package labelstudio

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"
)

// FuzzScalars feeds the readers of single values with anything: they neither fail nor
// change what they read when it is written again.
func FuzzScalars(f *testing.F) {
	for _, s := range []string{`1`, `"7"`, `{"id": {"id": "3"}}`, `1e400`, `-0.0000000001`, `"x"`, `null`, `[`, `1.5.2`, `31622400.5`, `0x10`, `"\ud800"`, `9007199254740993`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if d, err := parseSeconds(b); err == nil {
			written := AppendSeconds(nil, d)
			again, err := parseSeconds(written)
			if diff := again - d; err != nil || max(diff, -diff) > time.Microsecond || !json.Valid(written) {
				t.Fatalf("%q is %v, written %s, read %v (%v)", b, d, written, again, err)
			}
		}
		var n number
		var l label
		var on flag
		if n.UnmarshalJSON(b) != nil || l.UnmarshalJSON(b) != nil || on.UnmarshalJSON(b) != nil {
			t.Fatalf("%q fails", b)
		}
		var many list[label]
		if err := many.UnmarshalJSON(b); json.Valid(b) && err != nil {
			t.Fatalf("%q fails as a list: %v", b, err)
		}
		if bytes.Equal(b, []byte("null")) && many != nil {
			t.Fatal("null is a list")
		}
	})
}
