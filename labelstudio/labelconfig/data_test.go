package labelconfig_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
)

// TestValuesResolveAsInTheEditor expects what the code of Label Studio's editor returned; see
// testdata/label-studio/README.md.
func TestValuesResolveAsInTheEditor(t *testing.T) {
	lines, err := os.ReadFile(oracle.Data(t, "label-studio", "values.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for line := range bytes.Lines(lines) {
		var c struct {
			Value    string                     `json:"value"`
			Data     map[string]json.RawMessage `json:"data"`
			Resolved any                        `json:"resolved"`
		}
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatal(err)
		}
		count++
		// Audio takes texts only, and what is no text leaves a word in its place.
		want, _ := c.Resolved.(string)
		if strings.Contains(want, "undefined") || strings.Contains(want, "[object Object]") {
			want = ""
		}
		plan := labelconfig.Plan{Audio: &labelconfig.Object{Tag: labelconfig.Tag{Tag: "Audio"}, Value: c.Value}}
		if got, ok := plan.Recording(c.Data); got != want || ok != (want != "") {
			t.Errorf("%s gives %q, %v; the editor shows %q", c.Value, got, ok, want)
		}
	}
	if count < 70 {
		t.Errorf("%d cases", count)
	}
}

// TestPathsIntoTaskDataAreFollowed expects what get of es-toolkit/compat returns, with which
// Label Studio's editor looks values up.
func TestPathsIntoTaskDataAreFollowed(t *testing.T) {
	for _, c := range []struct{ name, data, key, want string }{
		{"a key", `{"audio":"x"}`, "audio", `"x"`},
		{"a path", `{"rec":{"audio":"x"}}`, "rec.audio", `"x"`},
		{"a deeper path", `{"a":{"b":{"c":"x"}}}`, "a.b.c", `"x"`},
		{"the key as it is written comes first", `{"rec":{"audio":"x"},"rec.audio":"y"}`, "rec.audio", `"y"`},
		{"even if it holds null", `{"rec":{"audio":"x"},"rec.audio":null}`, "rec.audio", `null`},
		{"but only at the top", `{"a":{"b.c":"x"}}`, "a.b.c", ``},
		{"an index", `{"list":["x","y"]}`, "list[1]", `"y"`},
		{"an index with a dot", `{"list":["x","y"]}`, "list.1", `"y"`},
		{"an index as it is not written", `{"list":["x","y"]}`, "list[01]", ``},
		{"an index from the end", `{"list":["x","y"]}`, "list[-1]", ``},
		{"an index behind the end", `{"list":["x","y"]}`, "list[2]", ``},
		{"an object in a list", `{"files":[{"url":"x"}]}`, "files[0].url", `"x"`},
		{"a list in a list", `{"a":[["x"]]}`, "a[0][0]", `"x"`},
		{"a quoted name", `{"a":{"b.c":"x"}}`, `a["b.c"]`, `"x"`},
		{"a quoted name with escapes", `{"a":{"b'c":"x"}}`, `a['b\'c']`, `"x"`},
		{"a bare name in brackets", `{"a":{"b":"x"}}`, `a[b]`, `"x"`},
		{"a name of digits", `{"a":{"0":"x"}}`, `a[0]`, `"x"`},
		{"through a text", `{"a":"x"}`, "a.b", ``},
		{"through null", `{"a":null}`, "a.b", ``},
		{"nothing there", `{}`, "a.b", ``},
		{"a dot in front", `{"a":"x"}`, ".a", ``},
		{"two dots", `{"a":{"b":"x"}}`, "a..b", `"x"`},
		{"an empty name in brackets", `{"a":{"":{"b":"x"}}}`, "a[].b", `"x"`},
		{"a dot at the end", `{"a":"x"}`, "a.", `"x"`},
		{"a bracket that is not closed", `{"a":["x"]}`, "a[0", `"x"`},
		{"white space around a value", `{"a": {"b" : "x" } }`, "a.b", `"x"`},
		{"an object", `{"a":{"b":{"c":1}}}`, "a.b", `{"c":1}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var data map[string]json.RawMessage
			if err := json.Unmarshal([]byte(c.data), &data); err != nil {
				t.Fatal(err)
			}
			if got := labelconfig.Lookup(data, c.key); string(got) != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func FuzzLookup(f *testing.F) {
	for _, key := range []string{"a.b", "list[0].url", `a["b.c"]`, "[", "]]", "a[", "a..b", "$x", `a['\`, "a[99999999999999999999]"} {
		f.Add(`{"a":{"b":1},"list":[{"url":"x"}]}`, key)
	}
	f.Fuzz(func(t *testing.T, text, key string) {
		var data map[string]json.RawMessage
		if json.Unmarshal([]byte(text), &data) != nil {
			return
		}
		if got := labelconfig.Lookup(data, key); got != nil && !json.Valid(got) {
			t.Fatalf("%q of %s gives %q", key, text, got)
		}
		plan := labelconfig.Plan{Audio: &labelconfig.Object{Value: key}}
		if s, ok := plan.Recording(data); ok != (s != "") {
			t.Fatalf("%q of %s gives %q, %v", key, text, s, ok)
		}
	})
}
