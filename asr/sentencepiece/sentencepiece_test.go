package sentencepiece_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/sentencepiece"
	"github.com/asr-backend/asr-backend/internal/oracle"
)

func read(t testing.TB, elem ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(append([]string{oracle.Root(t)}, elem...)...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// bytesField writes a field of a protocol buffer that holds bytes.
func bytesField(number int, data string) string {
	var b []byte
	b = binary.AppendUvarint(b, uint64(number)<<3|2)
	b = binary.AppendUvarint(b, uint64(len(data)))
	return string(b) + data
}

func numberField(number int, v uint64) string {
	return string(binary.AppendUvarint(binary.AppendUvarint(nil, uint64(number)<<3), v))
}

// piece writes a piece of a class.
func piece(text string, class uint64) string {
	return bytesField(1, bytesField(1, text)+"\x15\x00\x00\x80\xbf"+numberField(3, class))
}

func TestParseRefusesWhatIsNoTokenizer(t *testing.T) {
	good := piece("<unk>", 2) + piece("a", 1)
	if _, err := sentencepiece.Parse([]byte(good)); err != nil {
		t.Fatal(err)
	}
	rules := func(s string) string { return good + bytesField(3, bytesField(2, s)) }
	for name, c := range map[string]struct{ file, want string }{
		"nothing":                   {"", "tokenizer: the file is cut off or is no tokenizer"},
		"text":                      {"Hello, world", "tokenizer: the file is cut off or is no tokenizer"},
		"half a piece":              {good[:len(good)-3], "tokenizer: the file is cut off or is no tokenizer"},
		"a length beyond the end":   {"\x0a\xff\xff\xff\xff\x0f", "tokenizer: the file is cut off or is no tokenizer"},
		"no unknown piece":          {piece("a", 1), "tokenizer: no piece of the type unknown"},
		"two unknown pieces":        {good + piece("?", 2), "tokenizer: two pieces of the type unknown"},
		"a piece twice":             {good + piece("a", 1), `tokenizer: piece 2: "a" is there twice`},
		"an empty piece":            {good + piece("", 1), "tokenizer: piece 2 has 0 bytes; want 1 to 1024"},
		"a class that is not known": {good + piece("b", 9), "tokenizer: piece 2 is of the unknown type 9"},
		"a byte that is none":       {good + piece("<0xZZ>", 6), `tokenizer: piece 2: "<0xZZ>" is no byte`},
		"another model":             {good + bytesField(2, numberField(3, 4)), "tokenizer: model type 4: only unigram (1) and BPE (2) can be read"},
		"bytes without pieces":      {good + bytesField(2, numberField(35, 1)), "tokenizer: byte fallback without a piece for byte 0x00"},
		"rules without a trie":      {rules("abc"), "tokenizer: the file is cut off or is no tokenizer"},
		"rules beyond their end":    {rules("\xff\x00\x00\x00abcd"), "tokenizer: the rules of normalisation are broken"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := sentencepiece.Parse([]byte(c.file)); err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestAVocabularyAloneIsGuessedAt(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
		pieces           []string
	}{
		{"longest first", "the then", "▁the|▁the|n|", []string{"<unk>", "▁", "▁t", "▁the", "h", "n"}},
		{"white space is one boundary", "  the \n the ", "▁the|▁the|", []string{"<unk>", "▁the"}},
		{"a run of unknown characters is one piece", "the çç", "▁the|▁|<unk>|", []string{"<unk>", "▁", "▁the"}},
		{"control pieces are not text", "<s>", "▁|<unk>|", []string{"<unk>", "<s>", "▁"}},
		{"nothing", " ", "", []string{"<unk>", "▁"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := sentencepiece.FromPieces(vocabulary(t, c.pieces...))
			if got := show(m, m.Encode(c.text)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if m.Exact() {
				t.Error("a guess is called exact")
			}
		})
	}
}

// A vocabulary without <unk> has no piece for what it does not know.
func TestWithoutAnUnknownPieceBlankStandsForIt(t *testing.T) {
	v := vocabulary(t, "▁", "a")
	m := sentencepiece.FromPieces(v)
	got := m.Encode("aç")
	if want := []ctc.Piece{0, 1, v.Blank()}; len(got) != 3 || got[2] != want[2] || m.Unknown() != v.Blank() {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestKnows(t *testing.T) {
	m := open(t, filepath.Join(oracle.Root(t), "models", "default", "tokenizer.model"))
	for text, want := range map[string]bool{"it's known": true, "Œuvre": false, "5": false, "": true} {
		if got := m.Knows(text); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

func TestATokenizerMustFitItsModel(t *testing.T) {
	m, err := sentencepiece.Parse([]byte(piece("<unk>", 2) + piece("a", 1) + piece("b", 1)))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		pieces []string
		want   string
	}{
		"the same":      {[]string{"<unk>", "a", "b"}, ""},
		"one less":      {[]string{"<unk>", "a"}, "the tokenizer has 3 pieces and the model's vocabulary 2: they do not belong together"},
		"another piece": {[]string{"<unk>", "a", "c"}, `piece 2 is "b" in the tokenizer and "c" in the model's vocabulary: they do not belong together`},
	} {
		t.Run(name, func(t *testing.T) {
			err := m.Check(vocabulary(t, c.pieces...))
			if c.want == "" && err != nil || c.want != "" && (err == nil || err.Error() != c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func vocabulary(t testing.TB, pieces ...string) *ctc.Vocabulary {
	t.Helper()
	v, err := ctc.NewVocabulary(pieces)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// FuzzParse holds the reader and the encoders to any file: no panic, and pieces in range.
func FuzzParse(f *testing.F) {
	small := read(f, "testdata", "models", "tiny-random", "tokenizer.model")
	f.Add(small[:2000], "one two")
	f.Add([]byte(piece("<unk>", 2)+piece("▁a", 1)+piece("a", 1)+piece("aa", 5)+piece("aaa", 4)+bytesField(2, numberField(3, 2))), "a aa aaa aaaa")
	f.Add([]byte(piece("<unk>", 2)+piece("a", 1)+bytesField(3, bytesField(2, "\x08\x00\x00\x00\x00\x04\x00\x00\x61\x01\x00\x80b\x00"))), "abba")
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		m, err := sentencepiece.Parse(data)
		if err != nil {
			return
		}
		for _, id := range m.Encode(text) {
			if id < 0 || int(id) >= m.Len() {
				t.Fatalf("piece %d of %d", id, m.Len())
			}
		}
	})
}

// FuzzRules spoils the rules of normalisation of a real tokenizer.
func FuzzRules(f *testing.F) {
	good := read(f, "testdata", "models", "tiny-random", "tokenizer.model")
	at := bytes.Index(good, []byte("nmt_nfkc")) + 12
	f.Add(uint32(0), []byte{1, 2, 3, 4}, "one Ⅷ ｶﾞ")
	f.Add(uint32(1000), []byte{0xff, 0xff, 0xff, 0xff}, "Å é")
	f.Fuzz(func(t *testing.T, where uint32, change []byte, text string) {
		data := bytes.Clone(good)
		if len(change) == 0 || len(change) > 64 {
			return
		}
		copy(data[at+int(where)%(len(data)-at-len(change)):], change)
		m, err := sentencepiece.Parse(data)
		if err != nil {
			return
		}
		m.Encode(text)
	})
}

func BenchmarkEncode(b *testing.B) {
	text := strings.Repeat(languages["English"], 20)
	for name, path := range map[string]string{"bpe": "models/default/tokenizer.model", "unigram": "testdata/nemo/tokenizers/several.model"} {
		m := open(b, filepath.Join(oracle.Root(b), path))
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				m.Encode(text)
			}
		})
	}
}
