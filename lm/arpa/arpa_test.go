package arpa_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/lm/arpa"
)

// read returns the n-grams of a file, one per line.
func read(r io.Reader) (string, error) {
	a, err := arpa.NewReader(r)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for {
		g, err := a.Next()
		if err == io.EOF {
			return b.String(), nil
		}
		if err != nil {
			return b.String(), err
		}
		fmt.Fprintf(&b, "%g %q %g\n", g.Prob, g.Words, g.Backoff)
	}
}

// The habits of each program, as their sources and manuals have them.
func TestDialects(t *testing.T) {
	const want = `-1.5 ["<unk>"] 0
-99 ["<s>"] -0.3
-0.5 ["</s>"] 0
-0.75 ["a"] -0.125
-0.25 ["<s>" "a"] 0
-0.5 ["a" "</s>"] 0
`
	for name, text := range map[string]string{
		"KenLM": "\\data\\\nngram 1=4\nngram 2=2\n\n\\1-grams:\n-1.5\t<unk>\t0\n-99\t<s>\t-0.3\n-0.5\t</s>\t0\n-0.75\ta\t-0.125\n\n" +
			"\\2-grams:\n-0.25\t<s> a\n-0.5\ta </s>\n\n\\end\\\n",
		"SRILM": "\n\\data\\\nngram 1=4\nngram 2=2\n\n\\1-grams:\n-1.5\t<unk>\n-99\t<s>\t-0.3\n-0.5\t</s>\n-0.75\ta\t-0.125\n\n" +
			"\\2-grams:\n-0.25\t<s> a\n-0.5\ta </s>\n\n\\end\\\n",
		"IRSTLM": "iARPA\n\n\\data\\\nngram     1=         4\nngram     2=         2\n\n\n\\1-grams:\n-1.5\t<unk>\n-99\t<s>\t-0.3\n-0.5\t</s>\n-0.75\ta\t-0.125\n\n" +
			"\\2-grams:\n-0.25\t<s>\ta\n-0.5\ta\t</s>\n\\end\\\n",
		"CMU": "This is a language model.\nIt says so.\n\\data\\\nngram 1=4\nngram 2=2\n\\1-grams:\n-1.5000 <unk> 0.0000\n-99.0000 <s> -0.3\n-0.5000 </s> 0.0000 \n-0.75 a -0.125\n" +
			"\\2-grams:\n-0.2500 <s> a \n-0.5000 a </s> \n\\end\\\nand more",
	} {
		for form, r := range map[string]io.Reader{"plain": strings.NewReader(text), "CR LF": strings.NewReader(strings.ReplaceAll(text, "\n", "\r\n")), "gzip": compressed(t, text)} {
			got, err := read(r)
			if err != nil || got != want {
				t.Errorf("%s, %s: got error %v and\n%s", name, form, err, got)
			}
		}
	}
}

func compressed(t *testing.T, text string) io.Reader {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

func TestErrorsNameTheLine(t *testing.T) {
	const head = "\\data\\\nngram 1=1\nngram 2=1\n\n\\1-grams:\n"
	for _, test := range []struct{ text, want string }{
		{"", `not an ARPA language model: it has no line \data\`},
		{strings.Repeat("word\n", 5000), `it has no line \data\`},
		{"qARPA\n\\data\\\n", "line 1: quantised IRSTLM"},
		{"\\data\\\n\\1-grams:\n", "counts no words"},
		{"\\data\\\nngram 2=3\n", "line 2: the counts are out of order"},
		{"\\data\\\nngram 1=x\n", `line 2: "ngram 1=x" is no count`},
		{"\\data\\\nngram 1=-1\n", "no count"},
		{"\\data\\\nngram 1=99999999999\n", "no count"},
		{head + "-1 a\n", "not complete"},
		{head + "-1 a\n\\end\\\n", `line 7: "\\end\\" where \2-grams: must begin`},
		{head + "-1 a\n-1 b\n\\2-grams:\n", "more n-grams than the header says"},
		{head + "\\2-grams:\n", "line 6: 1 n-grams of length 1 are missing"},
		{head + "-1\n", "line 6: an n-gram of length 1 has 0 words"},
		{head + "x a\n", `line 6: "x" is no logarithm`},
		{head + "NaN a\n", "no logarithm"},
		{head + "-1 a x\n", `"x" is no logarithm`},
		{head + "0.5 a\n", "line 6: 0.5 is the logarithm of more than 1"},
		{head + "-1 a -1 b\n", `is followed by "b"`},
		{head + "-1 a\n\\2-grams:\n-1 a a\nend\n", `"end" follows the last n-gram`},
		{head + "-1 " + strings.Repeat("a", 1<<20+10) + "\n", "line is longer"},
	} {
		_, err := read(strings.NewReader(test.text))
		var syntax *arpa.SyntaxError
		if !errors.As(err, &syntax) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.60q: got error %v, want one with %q", test.text, err, test.want)
		}
	}
}

func TestLongLinesAreRead(t *testing.T) {
	word := strings.Repeat("long", 50000)
	got, err := read(strings.NewReader("\\data\\\nngram 1=1\n\\1-grams:\n-1 " + word + " -2\n\\end\\\n"))
	if want := fmt.Sprintf("-1 [%q] -2\n", word); err != nil || got != want {
		t.Errorf("got error %v and %.40q", err, got)
	}
}

func TestZeroProbabilities(t *testing.T) {
	got, err := read(strings.NewReader("\\data\\\nngram 1=3\n\\1-grams:\n-inf a\n-Inf b\n1e-5 c\n\\end\\\n"))
	if want := "-1000 [\"a\"] 0\n-1000 [\"b\"] 0\n0 [\"c\"] 0\n"; err != nil || got != want {
		t.Errorf("got error %v and %q, want %q", err, got, want)
	}
}

func TestWriterRefusesOtherCounts(t *testing.T) {
	w := arpa.NewWriter(io.Discard, []int{1, 0})
	if err := w.Close(); err == nil {
		t.Error("a missing word was not noticed")
	}
	w = arpa.NewWriter(io.Discard, []int{1, 0})
	if err := w.Write([]string{"a"}, -1, 0); err != nil {
		t.Error(err)
	}
	if err := w.Write([]string{"a"}, -1, 0); err == nil {
		t.Error("a word too many was not noticed")
	}
	if err := w.Write([]string{"a", "b"}, -1, 0); err == nil {
		t.Error("a pair too many was not noticed")
	}
}

// FuzzReader: what is read can be written, and is then read the same.
func FuzzReader(f *testing.F) {
	f.Add([]byte("\\data\\\nngram 1=2\nngram 2=1\n\n\\1-grams:\n-1 a -0.5\n-0.5 b\n\n\\2-grams:\n-0.25 a b\n\n\\end\\\n"))
	f.Add([]byte("iARPA\n\\data\\\nngram  1= 1\n\\1-grams:\r\n-1\ta\n\\end\\"))
	f.Fuzz(func(t *testing.T, b []byte) {
		want, err := read(bytes.NewReader(b))
		if err != nil {
			return
		}
		a, err := arpa.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		w := arpa.NewWriter(&out, a.Counts())
		for {
			g, err := a.Next()
			if err == io.EOF {
				break
			}
			var words []string
			for _, s := range g.Words {
				words = append(words, string(s))
			}
			top := len(words) == len(a.Counts())
			if err := w.Write(words, g.Prob, g.Backoff); err != nil || top && g.Backoff != 0 {
				return // a weight at the highest order is not written
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := read(&out); err != nil || strings.ReplaceAll(got, "-0\n", "0\n") != strings.ReplaceAll(want, "-0\n", "0\n") {
			t.Fatalf("error %v; got\n%swant\n%s", err, got, want)
		}
	})
}
