package lm

import ("testing";"strings")

func TestQuick(t *testing.T) {
	tab, err := ReadARPA(strings.NewReader("\\data\\\nngram 1=4\nngram 2=2\n\n\\1-grams:\n-1.2041\t<unk>\n-99\t<s>\t-0.30103\n-0.60206\t</s>\n-0.60206\thello\t-0.17609\n\n\\2-grams:\n-0.30103\t<s> hello\n-0.17609\thello </s>\n\n\\end\\\n"))
	if err != nil { t.Fatal(err) }
	m, err := tab.Model()
	if err != nil { t.Fatal(err) }
	w, ok := m.Word("hello")
	p, s := m.Score(m.Begin(), w)
	t.Log(w, ok, p, s, m.End(s))
	p, s = m.Score(s, Unknown)
	t.Log(p, s)
}
