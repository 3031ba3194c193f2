package beam

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/lm"
	"github.com/asr-backend/asr-backend/timeline"
)

// tiny has several ways to write most texts.
var tiny = []string{ctc.Space + "a", "b", ctc.Space, "a", ctc.Space + "ab"}

const tinyARPA = `\data\
ngram 1=6
ngram 2=4
ngram 3=1

\1-grams:
-1.3	<unk>
-99	<s>	-0.3
-0.7	</s>
-0.6	a	-0.25
-0.9	ab	-0.4
-1.1	ba	0.1

\2-grams:
-0.4	<s> a	-0.2
-0.2	a ab	-0.1
-0.5	ab a
-0.35	a </s>

\3-grams:
-0.1	<s> a ab

\end\
`

// ownARPA knows a word of tinyARPA, and one that it does not have.
const ownARPA = `\data\
ngram 1=5
ngram 2=2

\1-grams:
-0.8	<unk>
-99	<s>	-0.2
-0.5	</s>
-0.7	ab	-0.15
-0.4	bab	-0.3

\2-grams:
-0.25	<s> bab
-0.3	ab bab

\end\
`

func tinyModel(t testing.TB) *lm.Model { return model(t, tinyARPA) }

func model(t testing.TB, arpa string) *lm.Model {
	t.Helper()
	table, err := lm.ReadARPA(strings.NewReader(arpa))
	if err != nil {
		t.Fatal(err)
	}
	m, err := table.Model()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func vocabulary(t testing.TB, pieces []string) *ctc.Vocabulary {
	t.Helper()
	v, err := ctc.NewVocabulary(pieces)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// randomRows returns rows of log-probabilities, peaky ones among them.
func randomRows(r *rand.Rand, n, width int) [][]float32 {
	rows := make([][]float32, n)
	for i := range rows {
		rows[i] = make([]float32, width)
		sharp, sum := 0.5+3*r.Float64(), 0.0
		for j := range rows[i] {
			x := sharp * r.NormFloat64()
			rows[i][j] = float32(x)
			sum += math.Exp(x)
		}
		for j := range rows[i] {
			rows[i][j] -= float32(math.Log(sum))
		}
	}
	return rows
}

// said is a text with the sum of its paths and the best of them.
type said struct {
	text   string
	sum    float64
	best   float64
	tokens []ctc.Token
}

// enumerate walks through all paths of the rows. Each blank costs a penalty in sums.
func enumerate(pieces []string, rows [][]float32, penalty float64) map[string]*said {
	all := map[string]*said{}
	labels := make([]int, len(rows))
	for {
		var tokens []ctc.Token
		var b strings.Builder
		logProb, blanks := 0.0, 0.0
		previous := len(pieces)
		for i, l := range labels {
			v := rows[i][l]
			logProb += float64(v)
			switch {
			case l == len(pieces):
				blanks++
			case l == previous:
				tokens[len(tokens)-1].Last = timeline.Row(i)
			default:
				tokens = append(tokens, ctc.Token{Piece: ctc.Piece(l), First: timeline.Row(i), Last: timeline.Row(i)})
				b.WriteString(pieces[l])
			}
			previous = l
		}
		text := strings.Join(strings.Fields(strings.ReplaceAll(b.String(), ctc.Space, " ")), " ")
		s := all[text]
		if s == nil {
			s = &said{text: text, best: math.Inf(-1)}
			all[text] = s
		}
		s.sum += math.Exp(logProb - penalty*blanks)
		if logProb > s.best {
			s.best, s.tokens = logProb, tokens
		}
		at := 0
		for at < len(labels) {
			if labels[at]++; labels[at] <= len(pieces) {
				break
			}
			labels[at] = 0
			at++
		}
		if at == len(labels) {
			return all
		}
	}
}

// worth is what the language model, the bonus and the phrases add to a text, by their
// definitions.
func worth(text string, m, own *lm.Model, o *Options, phrases []Phrase) float64 {
	words := strings.Fields(text)
	sum := float64(o.Bonus) * float64(len(words))
	best := make([]float64, len(words)+1)
	covered := make([]bool, len(words)) // by a phrase, from its first word to here
	for i := range words {
		best[i+1] = best[i]
		for _, p := range phrases {
			part := strings.Fields(p.Text)
			from := i + 1 - len(part)
			if from >= 0 && slices.Equal(part, words[from:i+1]) {
				best[i+1] = max(best[i+1], best[from]+float64(p.Weight)*float64(len(strings.Join(part, ""))+moreLetters))
			}
			for n := 1; n <= min(len(part), i+1); n++ {
				covered[i] = covered[i] || slices.Equal(part[:n], words[i+1-n:i+1])
			}
		}
	}
	sum += best[len(words)]
	if m == nil {
		return sum
	}
	nats := float64(o.Weight) * math.Ln10
	part := float64(o.OwnWeight)
	if own == nil {
		own, part = m, 0 // whatever it says has no part
	}
	state, ownState := m.Begin(), own.Begin()
	for i, w := range words {
		id, ok := m.Word(w)
		ownID, ownOK := own.Word(w)
		ownOK = ownOK && part > 0
		var score, ownScore float32
		score, state = m.Score(state, id)
		ownScore, ownState = own.Score(ownState, ownID)
		p, q := power(score), power(ownScore)
		switch {
		case !ownOK && !ok && !covered[i]:
			p *= power(o.Unknown)
			fallthrough
		case !ownOK:
			p *= 1 - part + part*q
		case !ok:
			p = part * q
		default:
			p = (1-part)*p + part*q
		}
		sum += nats * math.Log10(p)
	}
	return sum + nats*math.Log10((1-part)*power(m.End(state))+part*power(own.End(ownState)))
}

// With a wide beam the search finds the texts, the sums and the best paths that a walk
// through all paths finds.
func TestAWideBeamFindsWhatAllPathsHold(t *testing.T) {
	m, small := tinyModel(t), model(t, ownARPA)
	lists := [][]Phrase{
		nil,
		{{"b", 1.5}, {"ba", 0.5}},
		{{"a ab", 1}, {"ab", 0.75}, {"bab b", 2}},
		{{"aab b", 1.25}, {"a", 0.5}, {"a b a", 0.25}, {"b", 2}},
	}
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 120 {
		rows := randomRows(r, 1+n%5, len(tiny)+1)
		phrases := lists[n/5%len(lists)]
		o := Options{Weight: 0.7, Bonus: float32(n%5)/2 - 0.5, Unknown: -1.5, BlankPenalty: float32(n % 4 / 2), Width: 1 << 12, Prune: 150, RowPrune: -150, Histories: true, Lookback: 100}
		var general, own *lm.Model
		if n%3 > 0 {
			general, o.Lexicon = m, NewLexicon(m)
		}
		if n%3 == 2 {
			own, o.Own, o.OwnWeight = small, NewLexicon(small), 0.3
		}
		var err error
		if o.Phrases, err = NewPhrases(phrases); err != nil {
			t.Fatal(err)
		}
		s, err := New(vocabulary(t, tiny), o)
		if err != nil {
			t.Fatal(err)
		}
		d := s.Decoder(0)
		for _, row := range rows {
			d.Push(row)
		}
		got := d.Finish(1 << 20)
		all := enumerate(tiny, rows, float64(o.BlankPenalty))
		want := make([]*said, 0, len(all))
		score := map[string]float64{}
		for _, x := range all {
			want = append(want, x)
			score[x.text] = math.Log(x.sum) + worth(x.text, general, own, &o, phrases)
		}
		slices.SortFunc(want, func(a, b *said) int { return compareRanked(ranked{sum: score[a.text]}, ranked{sum: score[b.text]}) })
		if len(got) != len(want) {
			t.Fatalf("case %d: %d texts, want %d", n, len(got), len(want))
		}
		for i, h := range got {
			w := want[i]
			if text := write(tiny, h.Tokens); math.Abs(h.Score-score[text]) > 1e-4 {
				t.Fatalf("case %d: %q has score %v, want %v", n, text, h.Score, score[text])
			}
			if math.Abs(h.Score-score[w.text]) > 1e-4 {
				t.Fatalf("case %d: text %d has score %v, want %v for %q", n, i, h.Score, score[w.text], w.text)
			}
			if i > 0 && score[want[i-1].text]-score[w.text] < 1e-4 || i+1 < len(want) && score[w.text]-score[want[i+1].text] < 1e-4 {
				continue // which of the two comes first is chance
			}
			if a, b := spans(h.Tokens), spans(w.tokens); a != b {
				t.Fatalf("case %d: text %d, %q, has path %s, want %s", n, i, w.text, a, b)
			}
		}
	}
}

// write returns the text of tokens.
func write(pieces []string, tokens []ctc.Token) string {
	var b strings.Builder
	for _, x := range tokens {
		b.WriteString(pieces[x.Piece])
	}
	return strings.Join(strings.Fields(strings.ReplaceAll(b.String(), ctc.Space, " ")), " ")
}

func spans(tokens []ctc.Token) string {
	var b strings.Builder
	for _, x := range tokens {
		fmt.Fprintf(&b, "%d:%d-%d ", x.Piece, x.First, x.Last)
	}
	return b.String()
}
