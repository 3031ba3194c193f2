package verbalize_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/asr-backend/asr-backend/align"
	"github.com/asr-backend/asr-backend/align/verbalize"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/asr/sentencepiece"
)

// verbalizer writes with single characters: those given, and the boundary.
func verbalizer(t testing.TB, letters, language string) (*verbalize.Verbalizer, func(align.Variant) string) {
	t.Helper()
	v, err := ctc.NewVocabulary(append([]string{"<unk>", "▁"}, strings.Split(letters, "")...))
	if err != nil {
		t.Fatal(err)
	}
	show := func(r align.Variant) string {
		var b strings.Builder
		for _, p := range r {
			if p == align.Wildcard(v) {
				b.WriteByte('*')
				continue
			}
			b.WriteString(v.Piece(p))
		}
		return strings.TrimPrefix(strings.ReplaceAll(b.String(), "▁", " "), " ")
	}
	return verbalize.New(sentencepiece.FromPieces(v), v, language), show
}

const (
	plain   = "abcdefghijklmnopqrstuvwxyz'"
	written = plain + "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,?!-%$"
)

func TestVariants(t *testing.T) {
	for _, c := range []struct{ name, letters, language, word, want string }{
		{"small letters", plain, "en", "Hello", "hello"},
		{"capitals stay where the vocabulary has them", written, "en", "Hello", "Hello"},
		{"marks are left out", plain, "en", "“Hello,”", "hello"},
		{"marks stay where the vocabulary has them", written, "en", "Hello, ", "Hello,"},
		{"but not those that open", written, "en", "\"Hello.\"", "Hello."},
		{"apostrophes become plain", plain, "en", "don’t", "don't"},
		{"an apostrophe at the edge is a quotation mark", plain, "en", "‘twas", "twas"},
		{"a hyphen parts words", plain, "en", "well-known", "well known"},
		{"unless the vocabulary has it", written, "en", "well-known", "well-known"},
		{"so does a dash without spaces", plain, "en", "yes—no", "yes no"},
		{"a bracket does not", plain, "en", "word(s)", "words"},
		{"accents go", plain, "en", "Café", "cafe"},
		{"and letters that are two", plain, "de", "Straße", "strasse"},
		{"soft hyphens and marks of direction are not seen", plain, "en", "in\u00adqui\u200dries\u200e", "inquiries"},
		{"ligatures come apart", plain, "en", "ﬁre", "fire"},
		{"what is left is a wildcard", plain, "en", "naжжve", "na*ve"},
		{"also alone", plain, "ja", "語", "*"},
		{"a diaeresis goes", plain, "en", "naïve", "naive"},
		{"in capitals too", plain, "de", "ZÜRICH", "zurich"},
		{"and marks written by themselves", plain, "fr", "cafe\u0301", "cafe"},
		{"a letter that folds into none", plain, "az", "ələm", "*l*m"},
		{"a word of another script", plain, "en", "مرحبا", "*"},
		{"its marks too", plain, "en", "مَرْحَبًا،", "*"},
		{"words of another script with a hyphen", plain, "en", "да-да", "*"},
		{"words of two scripts", plain, "en", "IT-шник", "it*"},
		{"a number with letters of another script", plain, "en", "10м", "ten*"},
		{"full width forms", plain, "en", "ＡＢｃ", "abc"},
		{"a sign in a language whose numbers are not written out", plain, "de", "€", "*"},
		{"digits", plain, "en", "12", "twelve"},
		{"digits stay where the vocabulary has them", written, "en", "12.", "12."},
		{"in other languages they are a sound", plain, "de", "1984", "*"},
		{"also within a word", plain, "de", "MP3", "mp*"},
		{"a hundred", plain, "en", "105", "one hundred five|one hundred and five|one oh five|one zero five"},
		{"a thousand", plain, "en", "1,234", "one thousand two hundred thirty four|one thousand two hundred and thirty four"},
		{"a million", plain, "en", "3,000,001", "three million one|three million and one"},
		{"a year", plain, "en", "1984", "nineteen eighty four|one thousand nine hundred eighty four|one thousand nine hundred and eighty four"},
		{"a year of a new century", plain, "en", "2007", "two thousand seven|two thousand and seven"},
		{"a round year", plain, "en", "1900", "nineteen hundred|one thousand nine hundred"},
		{"an early year", plain, "en", "1905,", "nineteen oh five|one thousand nine hundred five|one thousand nine hundred and five"},
		{"a house number", plain, "en", "4711", "four thousand seven hundred eleven|four thousand seven hundred and eleven|forty seven eleven"},
		{"digit by digit", plain, "en", "0815", "zero eight one five|oh eight one five|eight hundred fifteen|eight hundred and fifteen"},
		{"a fraction", plain, "en", "3.05", "three point zero five|three point oh five"},
		{"an ordinal", plain, "en", "21st", "twenty first"},
		{"another", plain, "en", "112th", "one hundred twelfth|one hundred and twelfth"},
		{"a decade", plain, "en", "1980s", "nineteen eighties|one thousand nine hundred eighties|one thousand nine hundred and eighties"},
		{"money", plain, "en", "$5", "five dollars"},
		{"one dollar", plain, "en", "$1", "one dollar"},
		{"dollars and cents", plain, "en", "$5.20", "five dollars and twenty cents|five twenty|five dollars twenty"},
		{"a share", plain, "en", "50%", "fifty percent"},
		{"a time", plain, "en", "10:30", "ten thirty"},
		{"a full hour", plain, "en", "9:00", "nine o'clock|nine|nine hundred"},
		{"letters and digits", plain, "en", "B2", "b two"},
		{"digits and letters", plain, "en", "10am", "ten am"},
		{"a range", plain, "en", "3-4", "three four"},
		{"a sign", plain, "en", "R&D", "r and d"},
		{"a number too long", plain, "en", "1234567890123456", "*"},
		{"capitals", plain, "en", "BBC", "bbc|b b c"},
		{"capitals with dots", plain, "en", "U.S.", "u s|us"},
		{"a word of capitals", plain, "en", "ABSOLUTELY", "absolutely"},
		{"an abbreviation", plain, "en", "Dr.", "doctor|drive|dr"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, show := verbalizer(t, c.letters, c.language)
			var got []string
			words := s.Reference("so " + c.word)
			if len(words) != 2 {
				t.Fatalf("%d words", len(words))
			}
			for _, r := range words[1].Variants {
				got = append(got, show(r))
			}
			if strings.Join(got, "|") != c.want {
				t.Errorf("%q: got %s, want %s", c.word, strings.Join(got, "|"), c.want)
			}
			if words[1].Text != strings.TrimSpace(c.word) {
				t.Errorf("written %q, want %q", words[1].Text, c.word)
			}
		})
	}
}

func TestWhatIsNotSaidGoesWithAWordThatIs(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing", " \n ", ""},
		{"nothing that is said", "— … ♪", ""},
		{"a dash", "yes — no", "yes —|no"},
		{"pictures and signs without a name", "👍🏽 yes © ❤️ ¶ no →", "👍🏽 yes © ❤️ ¶|no →"},
		{"a dash at the start", "— yes no", "— yes|no"},
		{"a note", "[loud music] yes [he laughs] no", "[loud music] yes [he laughs]|no"},
		{"a note that does not end", "yes [he", "yes [he"},
		{"a note within a word is none", "yes[1] no", "yes[1]|no"},
		{"capitals among capitals are words", "THE BBC", "THE|BBC"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := verbalizer(t, plain, "en")
			var got []string
			for _, w := range s.Reference(c.text) {
				got = append(got, w.Text)
			}
			if strings.Join(got, "|") != c.want {
				t.Errorf("got %q, want %q", strings.Join(got, "|"), c.want)
			}
		})
	}
	s, _ := verbalizer(t, plain, "en")
	if n := len(s.Reference("THE BBC")[1].Variants); n != 1 {
		t.Errorf("%d variants of capitals among capitals, want 1", n)
	}
}

// A full stop that the model has does not make an Arabic word one that it can find.
func TestWhatTheModelCanSpell(t *testing.T) {
	v, err := ctc.NewVocabulary(append([]string{"<unk>", "▁"}, strings.Split(written, "")...))
	if err != nil {
		t.Fatal(err)
	}
	s := verbalize.New(sentencepiece.FromPieces(v), v, "de")
	for word, want := range map[string]bool{
		"Zürich": true, "naжve": true, "1984": true, "50%": true, "%": true, "IT-шник": true, "x.": true,
		"مرحبا": false, "مرحبا.": false, "да-да": false, "语,": false, "語!?": false, "€": false,
	} {
		words := s.Reference(word)
		if len(words) != 1 || words[0].Spelled(v) != want {
			t.Errorf("%s: got %v, want one word, spelled: %v", word, words, want)
		}
	}
}

// Whatever the text: no variant is empty, and no part of the text is lost.
func FuzzReference(f *testing.F) {
	for _, text := range []string{"It cost $1,000,000.50 in 1984 — or 3.5%?", "[note", "Œuvre ½ x² 10:30pm", "\xff\xfe 1 2", "0.0.0 :: %% $ .5 5."} {
		f.Add(text, "en")
	}
	s, _ := verbalizer(f, plain, "en")
	other, _ := verbalizer(f, written, "de")
	f.Fuzz(func(t *testing.T, text, language string) {
		for _, s := range []*verbalize.Verbalizer{s, other} {
			words := s.Reference(text)
			var all []string
			for _, w := range words {
				if len(w.Variants) == 0 || len(w.Variants) > 8 {
					t.Fatalf("%q: %d variants", w.Text, len(w.Variants))
				}
				for _, r := range w.Variants {
					if len(r) == 0 {
						t.Fatalf("%q: an empty variant", w.Text)
					}
				}
				all = append(all, w.Text)
			}
			if len(words) > 0 && utf8.ValidString(text) && strings.Join(all, " ") != strings.Join(strings.Fields(text), " ") {
				t.Fatalf("%q became %q", text, all)
			}
		}
	})
}
