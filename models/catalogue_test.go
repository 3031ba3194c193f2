package models_test

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/models"

	"golang.org/x/text/language"
)

func published(t testing.TB) *models.Catalogue {
	t.Helper()
	c, err := models.Published()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestThePublishedCatalogueHasTheRightForm(t *testing.T) {
	raw, err := os.ReadFile("catalogue.json")
	if err != nil {
		t.Fatal(err)
	}
	c, err := models.ReadCatalogue(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	upstream := map[string]string{}
	for _, m := range c.Models {
		head := m.Upstream + " " + m.Decoder
		if other := upstream[head]; other != "" {
			t.Errorf("%s and %s are both %s", other, m.Name, head)
		}
		upstream[head] = m.Name
		for _, l := range m.Languages {
			if tag, err := language.Parse(l); err != nil || tag.String() != l {
				t.Errorf("%s: language %q: %v", m.Name, l, err)
			}
		}
		for _, b := range m.Builds {
			for _, f := range b.Files {
				// Weights over 2 GB and int8 graphs have their own names; the loader knows these.
				names := []string{"model.onnx", "model.onnx.data", "model.int8.onnx", "tokens.txt", "vocab.txt"}
				if m.Decoder != "" {
					names = []string{"encoder-model.onnx", "encoder-model.onnx.data", "decoder_joint-model.onnx", "config.json", "vocab.txt",
						"encoder.onnx", "decoder.onnx", "joiner.onnx", "encoder.int8.onnx", "decoder.int8.onnx", "joiner.int8.onnx", "tokens.txt"}
				}
				if !slices.Contains(names, f.Name) {
					t.Errorf("%s: file %s", m.BuildName(&b), f.Name)
				}
			}
		}
	}
	if len(c.Models) < 25 {
		t.Errorf("%d models", len(c.Models))
	}
}

// The catalogue is written by hand; fields in one order make it easy to read and compare.
func TestTheCatalogueKeepsItsFieldsInOrder(t *testing.T) {
	raw, err := os.ReadFile("catalogue.json")
	if err != nil {
		t.Fatal(err)
	}
	var compact, again bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		t.Fatal(err)
	}
	e := json.NewEncoder(&again)
	e.SetEscapeHTML(false)
	if err := e.Encode(published(t)); err != nil {
		t.Fatal(err)
	}
	got, want := compact.String(), strings.TrimSpace(again.String())
	if at := difference(got, want); at >= 0 {
		t.Errorf("at byte %d: got ...%.80s, want ...%.80s", at, got[at:], want[at:])
	}
}

// difference returns where two strings begin to differ, or -1.
func difference(a, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	if len(a) != len(b) {
		return min(len(a), len(b))
	}
	return -1
}

// unpinned are the builds of which not every file's content is fixed by the catalogue:
// they rest on the digest that the server publishes, or on first use. Pinning one is to
// add its digests and to take it out of here.
var unpinned = strings.Fields(`
	parakeet-110m-tdt parakeet-110m-tdt-int8
	parakeet-tdt-0.6b-v2 parakeet-tdt-0.6b-v2-int8 parakeet-tdt-0.6b-v3 parakeet-tdt-0.6b-v3-int8
	parakeet-rnnt-0.6b parakeet-unified-en-0.6b-int8
	fastconformer-en fastconformer-en-int8 fastconformer-en-rnnt fastconformer-en-rnnt-int8
	fastconformer-ar fastconformer-ar-diacritics
	fastconformer-de fastconformer-de-rnnt fastconformer-de-rnnt-int8
	fastconformer-es fastconformer-es-rnnt fastconformer-es-rnnt-int8
	fastconformer-fa fastconformer-fr fastconformer-hr
	fastconformer-hy fastconformer-it fastconformer-ka fastconformer-kk-ru
	fastconformer-nl fastconformer-pl fastconformer-pt fastconformer-pt-int8 fastconformer-pt-rnnt fastconformer-pt-rnnt-int8
	fastconformer-ru fastconformer-ru-rnnt fastconformer-uk fastconformer-uz
	fastconformer-eu4 fastconformer-eu4-rnnt fastconformer-eu4-rnnt-int8
	fastconformer-eu10 fastconformer-eu10-rnnt fastconformer-eu10-rnnt-int8`)

func TestWhichBuildsLackDigestsIsKnown(t *testing.T) {
	c := published(t)
	var got []string
	for _, name := range c.Names() {
		if _, b := c.Find(name); b != nil && len(b.Undigested()) > 0 {
			t.Logf("%s: %v", name, b.Undigested())
			got = append(got, name)
		}
	}
	if !slices.Equal(got, unpinned) {
		t.Errorf("got %v, want %v", got, unpinned)
	}
}

// unlicensed are the models whose licence the catalogue does not state.
var unlicensed = strings.Fields("fastconformer-hr parakeet-0.6b-vi fastconformer-eu4 fastconformer-eu4-rnnt fastconformer-eu10 fastconformer-eu10-rnnt")

func TestWhichModelsLackALicenceIsKnown(t *testing.T) {
	var got []string
	for _, m := range published(t).Models {
		if m.Licence == "" {
			got = append(got, m.Name)
		}
	}
	if !slices.Equal(got, unlicensed) {
		t.Errorf("got %v, want %v", got, unlicensed)
	}
}

// entry is a good entry, to be spoilt.
const entry = `{"models":[{"name":"a-model","upstream":"maker/a","home":"https://a.example/a","languages":["en"],"parameters_m":115,
"mels":80,"casing":"cased","punctuation":true,"licence":"CC-BY-4.0","error_rates":[{"set":"s","percent":2.5,"metric":"WER","source":"https://a.example"}],
"builds":[{"precision":"fp32","home":"https://a.example","base":"https://a.example/r","files":[{"name":"model.onnx","size":5},{"name":"tokens.txt"}]},
{"precision":"int8","home":"https://a.example","archive":{"url":"https://a.example/x.tar.bz2"},"root":"x","files":[{"name":"model.int8.onnx"},{"name":"tokens.txt"}]}]}]}`

func TestWrongEntriesAreRefused(t *testing.T) {
	if _, err := models.ReadCatalogue(strings.NewReader(entry)); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"a name that is a path":          {`"a-model"`, `"../a"`},
		"a name that is hidden":          {`"a-model"`, `".a"`},
		"a name in capitals":             {`"a-model"`, `"A"`},
		"the name of the embedded model": {`"a-model"`, `"default"`},
		"no upstream name":               {`"maker/a"`, `""`},
		"a home that is not an address":  {`"https://a.example/a"`, `"a"`},
		"a home without encryption":      {`"https://a.example/a"`, `"http://a.example/a"`},
		"a base with a password":         {`"https://a.example/r"`, `"https://u:p@a.example/r"`},
		"no language":                    {`["en"]`, `[]`},
		"a language that is a name":      {`["en"]`, `["English"]`},
		"no parameters":                  {`115`, `0`},
		"a number of bands":              {`"mels":80`, `"mels":64`},
		"an unknown casing":              {`"cased"`, `"upper"`},
		"an error rate over 100":         {`2.5`, `250`},
		"an error rate of nothing":       {`"set":"s"`, `"set":""`},
		"an error rate without a source": {`"source":"https://a.example"`, `"source":""`},
		"an unknown precision":           {`"fp32"`, `"fp31"`},
		"two builds of one precision":    {`"int8"`, `"fp32"`},
		"a file that climbs":             {`"model.onnx"`, `"../model.onnx"`},
		"a file that is the card":        {`{"name":"tokens.txt"}]},`, `{"name":"tokens.txt"},{"name":"model.json"}]},`},
		"a file twice":                   {`{"name":"tokens.txt"}]},`, `{"name":"tokens.txt"},{"name":"tokens.txt"}]},`},
		"no graph":                       {`"model.onnx"`, `"model.pt"`},
		"no vocabulary":                  {`{"name":"tokens.txt"}]},`, `{"name":"words.txt"}]},`},
		"a negative size":                {`"size":5`, `"size":-5`},
		"a digest that is too short":     {`"size":5`, `"sha256":"abc"`},
		"an archive of another kind":     {`x.tar.bz2`, `x.zip`},
		"an archive without a root":      {`"root":"x"`, `"root":""`},
		"an archive whose root climbs":   {`"root":"x"`, `"root":".."`},
		"an archive and a base":          {`"root":"x"`, `"root":"x","base":"https://a.example"`},
		"a field that does not exist":    {`"mels":80`, `"mel":80`},
		"something after it":             {`]}]}]}`, `]}]}]} {}`},
		"the same name again":            {`{"models":[`, `{"models":[{"name":"a-model-int8","upstream":"b","home":"https://b.example","languages":["en"],"parameters_m":1},`},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(entry, change[0], change[1], 1)
			if text == entry {
				t.Fatal("nothing is changed")
			}
			if _, err := models.ReadCatalogue(strings.NewReader(text)); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestNamesOfBuilds(t *testing.T) {
	c, err := models.ReadCatalogue(strings.NewReader(entry))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Names(), []string{"a-model", "a-model-int8"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if _, b := c.Find("a-model-int8"); b == nil || b.Precision != models.INT8 || b.Precision.Warning() == "" {
		t.Errorf("got %+v", b)
	}
	if m, b := c.Find("a-model-fp16"); m != nil || b != nil {
		t.Errorf("got %v %v", m, b)
	}
}

// A name is a folder's and a file name a file's: neither may lead anywhere else.
func FuzzReadCatalogue(f *testing.F) {
	f.Add([]byte(entry))
	f.Add([]byte(`{"models":[{"name":"a","builds":[{"files":[{}]}]}]}`))
	f.Add([]byte(`{"models":null}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := models.ReadCatalogue(bytes.NewReader(b))
		if err != nil {
			return
		}
		for _, name := range c.Names() {
			if strings.ContainsAny(name, "/\\") || strings.HasPrefix(name, ".") || name == "" {
				t.Fatalf("name %q", name)
			}
			m, build := c.Find(name)
			if m == nil {
				t.Fatalf("%q cannot be found", name)
			}
			if build == nil {
				continue
			}
			for _, file := range build.Files {
				if strings.ContainsAny(file.Name, "/\\") || strings.HasPrefix(file.Name, ".") {
					t.Fatalf("file %q", file.Name)
				}
			}
		}
	})
}
