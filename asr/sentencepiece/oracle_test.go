package sentencepiece_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/sentencepiece"
	"github.com/asr-backend/asr-backend/internal/oracle"
)

// languages are a few sentences in each of five languages and as many scripts, from the
// Universal Declaration of Human Rights (articles 1 and 2).
var languages = map[string]string{
	"English":  "All human beings are born free and equal in dignity and rights. They are endowed with reason and conscience and should act towards one another in a spirit of brotherhood. Everyone is entitled to all the rights and freedoms set forth in this Declaration, without distinction of any kind, such as race, colour, sex, language, religion, political or other opinion.",
	"German":   "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und Gewissen begabt und sollen einander im Geiste der Brüderlichkeit begegnen. Jeder hat Anspruch auf die in dieser Erklärung verkündeten Rechte und Freiheiten ohne irgendeinen Unterschied, etwa nach Rasse, Hautfarbe, Geschlecht, Sprache, Religion.",
	"Spanish":  "Todos los seres humanos nacen libres e iguales en dignidad y derechos y, dotados como están de razón y conciencia, deben comportarse fraternalmente los unos con los otros. Toda persona tiene todos los derechos y libertades proclamados en esta Declaración, sin distinción alguna de raza, color, sexo, idioma, religión.",
	"Russian":  "Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены разумом и совестью и должны поступать в отношении друг друга в духе братства. Каждый человек должен обладать всеми правами и всеми свободами, провозглашенными настоящей Декларацией.",
	"Japanese": "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。人間は、理性と良心とを授けられており、互いに同胞の精神をもって行動しなければならない。",
}

// odd is what random lines are spoilt with: spaces of many kinds, characters that
// normalisation changes, symbols of the tokenizers, and bytes that are no text.
var odd = []string{" ", "  ", "\t", "\u00a0", "\u3000", "\u2581", "ﬁ", "Ⅷ", "①", "Å", "A\u030a", "ｶﾞ", "ＡＢＣ", "…", "’", "\u200b", "\u00ad", "é", "e\u0301", "한국어", "🙂", "👩\u200d🚀", "<unk>", "<s>", "</s>", "<0x41>", "<mark>", "[x]", "\x00", "\x7f", "\ufeff", "\xff", "\xe2\x96", "1234", "½", "™", "㎏", "0x", "ǆ"}

// lines makes random lines: words of one language or several, now and then spoilt.
func lines(n int) []string {
	random := rand.New(rand.NewPCG(1, 2))
	var words [][]string
	for _, name := range []string{"English", "German", "Spanish", "Russian", "Japanese"} {
		words = append(words, strings.Fields(languages[name]))
	}
	out := make([]string, n)
	for i := range out {
		var b strings.Builder
		language := words[i%len(words)]
		for range random.IntN(20) {
			if random.IntN(20) == 0 {
				language = words[random.IntN(len(words))]
			}
			word := language[random.IntN(len(language))]
			switch random.IntN(12) {
			case 0:
				word = strings.ToUpper(word)
			case 1: // any part of it
				r := []rune(word)
				word = string(r[random.IntN(len(r)):])
			case 2:
				b.WriteString(odd[random.IntN(len(odd))])
			case 3: // any character
				word += string(rune(random.IntN(0x3000)))
			}
			b.WriteString(word)
			if random.IntN(10) > 0 {
				b.WriteByte(' ')
			}
		}
		out[i] = b.String()
	}
	return out
}

// trained makes tokenizers of every sort beside those of the repository, and encodes.
const trained = `
import base64, json, os, sys
import sentencepiece
from sentencepiece import sentencepiece_model_pb2 as pb
out, job = sys.argv[1], json.load(sys.stdin)
corpus = os.path.join(out, "corpus.txt")
open(corpus, "w", encoding="utf-8").write("\n".join(job["corpus"]))
kinds = {
    "bpe": dict(model_type="bpe"),
    "bpe-identity": dict(model_type="bpe", normalization_rule_name="identity"),
    "bpe-bytes": dict(model_type="bpe", byte_fallback=True, vocab_size=600),
    "bpe-symbols": dict(model_type="bpe", user_defined_symbols=["<mark>", "ir", "[x]"], control_symbols=["<c>"]),
    "bpe-suffix": dict(model_type="bpe", treat_whitespace_as_suffix=True),
    "unigram": dict(model_type="unigram"),
    "unigram-cf": dict(model_type="unigram", normalization_rule_name="nmt_nfkc_cf"),
    "unigram-bytes": dict(model_type="unigram", byte_fallback=True, vocab_size=600),
    "unigram-symbols": dict(model_type="unigram", user_defined_symbols=["<mark>", "ir", "[x]"]),
    "unigram-spaces": dict(model_type="unigram", remove_extra_whitespaces=False, add_dummy_prefix=False),
}
paths = dict(job["models"])
for name, options in kinds.items():
    prefix = os.path.join(out, name)
    sentencepiece.SentencePieceTrainer.train(input=corpus, model_prefix=prefix, minloglevel=2, hard_vocab_limit=False,
                                   character_coverage=0.99, **{"vocab_size": 400, **options})
    paths[name] = prefix + ".model"
for name in ("bpe", "unigram"):  # every seventh piece of two characters or more out of use
    m = pb.ModelProto()
    m.ParseFromString(open(paths[name], "rb").read())
    for p in m.pieces[10::7]:
        if len(p.piece) > 1:
            p.type = pb.ModelProto.SentencePiece.UNUSED
    paths[name + "-unused"] = os.path.join(out, name + "-unused.model")
    open(paths[name + "-unused"], "wb").write(m.SerializeToString())
lines = [base64.b64decode(l) for l in job["lines"]]
result = {}
for name, path in paths.items():
    p = sentencepiece.SentencePieceProcessor(model_file=path)
    result[name] = dict(path=path, ids=[p.encode(l) for l in lines])
json.dump(result, sys.stdout)
`

// Every line is cut into the pieces that sentencepiece itself cuts it into.
func TestEncodeEqualsSentencePiece(t *testing.T) {
	n := 10_000
	if testing.Short() {
		n = 1000
	}
	type job struct {
		Corpus []string          `json:"corpus"`
		Lines  [][]byte          `json:"lines"`
		Models map[string]string `json:"models"`
	}
	j := job{Models: map[string]string{
		"default":      filepath.Join(oracle.Root(t), "models", "default", "tokenizer.model"),
		"nemo-tiny":    oracle.Data(t, "nemo", "tokenizers", "tiny.model"),
		"nemo-several": oracle.Data(t, "nemo", "tokenizers", "several.model"),
		"tiny-random":  oracle.Data(t, "models", "tiny-random", "tokenizer.model"),
	}}
	for _, text := range languages {
		for range 20 {
			j.Corpus = append(j.Corpus, strings.SplitAfter(text, ".")...)
		}
	}
	slices.Sort(j.Corpus)
	test := lines(n)
	for _, l := range test {
		j.Lines = append(j.Lines, []byte(l))
	}
	in, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]struct {
		Path string
		Ids  [][]ctc.Piece
	}
	if err := json.Unmarshal(oracle.RunPython(t, in, trained, t.TempDir()), &want); err != nil {
		t.Fatal(err)
	}
	if len(want) < 16 {
		t.Fatalf("%d tokenizers", len(want))
	}
	for name, w := range want {
		t.Run(name, func(t *testing.T) {
			m := open(t, w.Path)
			wrong := 0
			for i, line := range test {
				if got := m.Encode(line); !slices.Equal(got, w.Ids[i]) {
					t.Errorf("%q: got %s, want %s", line, show(m, got), show(m, w.Ids[i]))
					if wrong++; wrong == 3 {
						t.FailNow()
					}
				}
			}
		})
	}
}

func show(m *sentencepiece.Model, ids []ctc.Piece) string {
	var b strings.Builder
	for _, id := range ids {
		fmt.Fprintf(&b, "%s|", m.Piece(id))
	}
	return b.String()
}

func open(t testing.TB, path string) *sentencepiece.Model {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := sentencepiece.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
