package knowledge_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/learn"
	"github.com/asr-backend/asr-backend/lm"
	"github.com/asr-backend/asr-backend/service/internal/servicetest"
	"github.com/asr-backend/asr-backend/service/knowledge"

	"github.com/google/go-cmp/cmp"
)

// noise is data that cannot be compressed.
func noise(n int) []byte {
	out := make([]byte, n)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range out {
		out[i] = byte(r.Uint32())
	}
	return out
}

func version(model []byte) *learn.Version {
	k := learn.Knowledge{Model: model, Part: 0.3, Phrases: []learn.Phrase{{Text: "Velmora", Said: 3, Missed: 2}}, PhraseWeight: 1.5}
	return &learn.Version{Used: k, Judged: k}
}

func TestVersionsOfAnyLengthAreKept(t *testing.T) {
	f := servicetest.New(t, servicetest.Options{NoLibrary: true})
	s, values := f.Knowledge, f.Jobs.Values("7")
	for _, n := range []int{1, 1000, 700_000, 3_000_000} {
		v := version(noise(n))
		name, err := s.Put(t.Context(), 7, v)
		if err != nil || name != v.Used.Digest() {
			t.Fatalf("%d bytes: %q, %v", n, name, err)
		}
		got, err := s.Get(t.Context(), 7, name)
		if err != nil || !bytes.Equal(got.Used.Model, v.Used.Model) || cmp.Diff(v.Judged.Phrases, got.Judged.Phrases) != "" {
			t.Errorf("%d bytes: %v", n, err)
		}
		if _, err := s.Get(t.Context(), 8, name); !errors.Is(err, knowledge.ErrNone) {
			t.Errorf("another project has it: %v", err)
		}
		// What is not whole is none, or damaged, and never something else.
		for _, part := range []int{1, 0} {
			key := fmt.Sprintf("learnt/%s/%d", name, part)
			if _, ok, err := values.Get(t.Context(), key); !ok || err != nil {
				continue
			}
			if err := values.Delete(t.Context(), key); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Get(t.Context(), 7, name); err == nil {
				t.Errorf("%d bytes without value %d can be read", n, part)
			}
		}
		if again, err := s.Put(t.Context(), 7, v); err != nil || again != name {
			t.Errorf("stored again: %q, %v", again, err)
		}
		if _, err := s.Get(t.Context(), 7, name); err != nil {
			t.Errorf("stored again: %v", err)
		}
		if err := s.Delete(t.Context(), 7, name); err != nil {
			t.Fatal(err)
		}
		if keys, err := values.Keys(t.Context()); err != nil || len(keys) > 0 {
			t.Errorf("%v is left, %v", keys, err)
		}
	}
	if name, err := s.Put(t.Context(), 7, &learn.Version{}); name != "" || err != nil {
		t.Errorf("a version of nothing: %q, %v", name, err)
	}
}

func TestDamageIsNoticed(t *testing.T) {
	f := servicetest.New(t, servicetest.Options{NoLibrary: true})
	name, err := f.Knowledge.Put(t.Context(), 7, version(noise(5000)))
	if err != nil {
		t.Fatal(err)
	}
	values, key := f.Jobs.Values("7"), "learnt/"+name+"/0"
	whole, _, err := values.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(whole); i += len(whole)/40 + 1 {
		raw := []byte(whole)
		raw[i] ^= 1
		if err := values.Set(t.Context(), key, string(raw)); err != nil {
			t.Fatal(err)
		}
		if v, err := f.Knowledge.Get(t.Context(), 7, name); err == nil && v.Used.Digest() != name {
			t.Errorf("byte %d is another, and nobody notices", i)
		}
	}
}

// A version is opened once, in the form that recordings are transcribed with.
func TestAVersionIsOpenedOnce(t *testing.T) {
	f := servicetest.New(t, servicetest.Options{NoLibrary: true})
	table := &lm.Table{Words: append(lm.Reserved(), "velmora"), Levels: []lm.Level{{Prob: []float32{-1, -99, -1, -0.5}}}, Facts: lm.Facts{Units: lm.Words, Folding: lm.FoldWords}}
	var model bytes.Buffer
	if err := table.Encode(&model, lm.EncodeOptions{}); err != nil {
		t.Fatal(err)
	}
	name, err := f.Knowledge.Put(t.Context(), 7, version(model.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	k, err := f.Knowledge.Open(t.Context(), 7, name)
	if err != nil || k.Version != name || k.Lexicon == nil || k.Part != 0.3 || len(k.Phrases) != 1 || k.Phrases[0].Weight != 1.5 {
		t.Fatalf("%+v, %v", k, err)
	}
	if again, err := f.Knowledge.Open(t.Context(), 7, name); again != k || err != nil {
		t.Errorf("opened again: %v", err)
	}
	if err := f.Knowledge.Delete(t.Context(), 7, name); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Knowledge.Open(t.Context(), 7, name); !errors.Is(err, knowledge.ErrNone) {
		t.Errorf("after it was dropped: %v", err)
	}
}

func TestTextsAreKept(t *testing.T) {
	f := servicetest.New(t, servicetest.Options{NoLibrary: true})
	s := f.Knowledge
	put := func(name, text, want string) {
		t.Helper()
		err := s.PutText(t.Context(), 7, name, text)
		refused, ok := errors.AsType[knowledge.RefusedError](err)
		if want == "" && err != nil || want != "" && (!ok || !strings.Contains(refused.Error(), want)) {
			t.Errorf("%q: %v, want %q", name, err, want)
		}
	}
	put("b glossary.txt", "Velmora\n", "")
	put("a.txt", "first", "")
	put("a.txt", "second", "")
	put("Протокол (1).txt", "text", "")
	put("", "text", "no name for a text")
	put("../../etc/passwd", "text", "no name for a text")
	put("a/b", "text", "no name for a text")
	put(".hidden", "text", "no name for a text")
	put("latin.txt", "caf\xe9", "not UTF-8")
	put("empty.txt", " \n", "empty")
	put("long.txt", strings.Repeat("a word ", knowledge.MostTextBytes/7+1), "8 MB together")
	docs, err := s.Documents(t.Context(), 7)
	want := []learn.Document{{Name: "a.txt", Text: "second"}, {Name: "b glossary.txt", Text: "Velmora\n"}, {Name: "Протокол (1).txt", Text: "text"}}
	if d := cmp.Diff(want, docs); d != "" || err != nil {
		t.Errorf("%v, want (-), got (+):\n%s", err, d)
	}
	if err := s.DeleteText(t.Context(), 7, "a.txt"); err != nil {
		t.Fatal(err)
	}
	if texts, err := s.Texts(t.Context(), 7); err != nil || len(texts) != 2 || texts["b glossary.txt"] != 8 {
		t.Errorf("%v, %v", texts, err)
	}
	if texts, err := s.Texts(t.Context(), 8); err != nil || len(texts) != 0 {
		t.Errorf("another project has %v, %v", texts, err)
	}
}
