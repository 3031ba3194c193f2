package verify_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/finding"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/internal/oracle/onnx"
	"github.com/asr-backend/asr-backend/models"
	"github.com/asr-backend/asr-backend/models/verify"

	"go.uber.org/goleak"
)

// library is the ONNX Runtime all tests share: a process can open one.
var library *ort.Runtime

func TestMain(m *testing.M) {
	var exit func(code int)
	library, exit = onnx.Open()
	goleak.VerifyTestMain(m, goleak.Cleanup(exit))
}

// examine runs all checks on a model.
func examine(t *testing.T, s *models.Store, name string) []finding.Finding {
	t.Helper()
	oracle.NeedLibrary(t)
	findings, err := verify.Model(t.Context(), &verify.Subject{Name: name, Store: s, Runtime: library}, verify.Checks())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		t.Logf("%s %s: %s (%s)", f.Status, f.Check, f.Detail, f.Hint)
	}
	return findings
}

// find returns the finding of a check.
func find(t *testing.T, findings []finding.Finding, check string) finding.Finding {
	t.Helper()
	at := slices.IndexFunc(findings, func(f finding.Finding) bool { return f.Check == check })
	if at < 0 {
		t.Fatalf("no finding %q", check)
	}
	return findings[at]
}

func store(t *testing.T) *models.Store {
	t.Helper()
	s, err := models.NewStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// toy copies a model of testdata into a folder of its own with the given card.
func toy(t *testing.T, folder, toy string, card map[string]any) {
	t.Helper()
	if err := errors.Join(os.RemoveAll(folder), os.CopyFS(folder, os.DirFS(oracle.Data(t, "models", "toys", toy)))); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(card)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "model.json"), raw, 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestTheEmbeddedModelRecognizesTheSample(t *testing.T) {
	findings := examine(t, store(t), "default")
	if err := finding.Verdict(findings); err != nil {
		t.Error(err)
	}
	for check, want := range map[string]string{
		"model": "inside the program", "features": "80 mel bands, normalised", "vocabulary": "pieces and blank",
		"contract": "at most 5000 rows (400 s)", "sample": "predecessors", "licence": "CC-BY-4.0",
	} {
		if f := find(t, findings, check); f.Status != finding.OK || !strings.Contains(f.Detail, want) {
			t.Errorf("%s: got %+v, want %q", check, f, want)
		}
	}
}

func TestAGoodFolder(t *testing.T) {
	s := store(t)
	folder := filepath.Join(t.TempDir(), "m")
	toy(t, folder, "tones", nil)
	digests, err := s.Digests(t.Context(), folder, "model.onnx", "tokens.txt")
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]string{}
	for _, d := range digests {
		sums[d.File] = d.Got
	}
	toy(t, folder, "tones", map[string]any{"licence": "CC-BY-4.0", "sha256": sums})
	findings := examine(t, s, folder)
	for _, f := range findings {
		if f.Status != finding.OK || f.Check == "sample" {
			t.Errorf("got %+v; want all good, and no English for a model that does not say it knows some", f)
		}
	}
}

func TestWhatIsWrongWithAModelIsSaid(t *testing.T) {
	s := store(t)
	for name, test := range map[string]struct {
		toy    string
		folder string // in the store, if set
		card   map[string]any
		spoil  string // file to remove
		check  string
		status finding.Status
		say    string
	}{
		"a file is another":                  {toy: "tones", card: map[string]any{"sha256": map[string]string{"tokens.txt": strings.Repeat("0", 64)}}, check: "file", status: finding.Failure, say: "as the card says"},
		"a file of the card is gone":         {toy: "tones", card: map[string]any{"sha256": map[string]string{"more.bin": strings.Repeat("0", 64)}}, check: "file", status: finding.Failure, say: "more.bin: missing"},
		"the card points out of the folder":  {toy: "tones", card: map[string]any{"sha256": map[string]string{"../x": strings.Repeat("0", 64)}}, check: "file", status: finding.Failure, say: "outside"},
		"no digests":                         {toy: "tones", check: "file", status: finding.Warning, say: "nobody has noted a digest"},
		"no licence":                         {toy: "tones", card: map[string]any{"source": "https://a.example"}, check: "licence", status: finding.Warning, say: "not stated"},
		"a licence that forbids trade":       {toy: "tones", card: map[string]any{"licence": "CC-BY-NC-4.0"}, check: "licence", status: finding.Warning, say: "not for commercial use"},
		"a pulled model with another file":   {toy: "tones", folder: "parakeet-110m", check: "file", status: finding.Failure, say: "as the catalogue says"},
		"no vocabulary":                      {toy: "tones", spoil: "tokens.txt", check: "model", status: finding.Failure, say: "tokens.txt"},
		"no such folder":                     {check: "model", status: finding.Failure, say: "does not exist"},
		"a model of another kind":            {toy: "two-rows", check: "contract", status: finding.Failure, say: "subsample"},
		"a model that makes no numbers":      {toy: "nan", check: "contract", status: finding.Failure, say: "not numbers"},
		"a model that streams":               {toy: "cached", check: "contract", status: finding.Failure, say: "streaming"},
		"padding that leaks":                 {toy: "leaky", check: "padding", status: finding.OK, say: "changes the text"},
		"outputs that are not normalised":    {toy: "logits", check: "output", status: finding.OK, say: "logits"},
		"a model that does not know English": {toy: "tones", card: map[string]any{"language": "en"}, check: "sample", status: finding.Failure, say: "is said"},
		"a model that knows German":          {toy: "tones", card: map[string]any{"language": "de"}, check: "padding", status: finding.OK, say: "harmless"},
		"English among other languages":      {toy: "tones", card: map[string]any{"languages": []string{"de", "en"}}, check: "sample", status: finding.Failure, say: "is said"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "m")
			if test.folder != "" {
				folder = filepath.Join(s.Dir, test.folder)
			}
			if test.toy != "" {
				toy(t, folder, test.toy, test.card)
			}
			if test.spoil != "" {
				if err := os.Remove(filepath.Join(folder, test.spoil)); err != nil {
					t.Fatal(err)
				}
			}
			findings := examine(t, s, folder)
			if !slices.ContainsFunc(findings, func(f finding.Finding) bool {
				return f.Check == test.check && f.Status == test.status && strings.Contains(f.Detail, test.say)
			}) {
				t.Errorf("got %+v, want %s of %s with %q", findings, test.status, test.check, test.say)
			}
			if failed := finding.Verdict(findings) != nil; test.status == finding.Failure && !failed {
				t.Error("the verdict is good")
			}
		})
	}
}

// The card of an export holds the checkpoint's text of the sample.
func TestAnExportIsComparedWithItsCheckpoint(t *testing.T) {
	sample, err := os.ReadFile("sample.opus")
	if err != nil {
		t.Fatal(err)
	}
	digest := fmt.Sprintf("%x", sha256.Sum256(sample))
	text := textOfSample(t)
	for name, test := range map[string]struct {
		key, sample, text string
		status            finding.Status // none if there is no finding
		say               string
	}{
		"the same":                        {"text", digest, text, finding.OK, "same text as the exported checkpoint"},
		"a word that differs":             {"text", digest, text + " indeed", finding.OK, "nearly"},
		"another text":                    {"text", digest, "quite another text", finding.Failure, "where the exported checkpoint recognized"},
		"nothing was recognized":          {"text", digest, "", "", ""},
		"the card of an earlier exporter": {"heard", digest, text, finding.OK, "same text as the exported checkpoint"},
		"another program's example":       {"text", strings.Repeat("0", 64), "quite another text", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "m")
			embedded(t, folder, map[string]any{"selftest": map[string]any{"sample": test.sample, test.key: test.text, "log_probs_within": 1e-5}})
			findings := examine(t, store(t), folder)
			if test.status == "" {
				if slices.ContainsFunc(findings, func(f finding.Finding) bool { return f.Check == "selftest" }) {
					t.Errorf("got %+v, want no finding", findings)
				}
				return
			}
			if f := find(t, findings, "selftest"); f.Status != test.status || !strings.Contains(f.Detail, test.say) {
				t.Errorf("got %+v, want %s with %q", f, test.status, test.say)
			}
		})
	}
}

// embedded writes the embedded model into a folder with another card, which names no
// language.
func embedded(t *testing.T, folder string, card map[string]any) {
	t.Helper()
	if err := os.CopyFS(folder, models.Default()); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(card)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "model.json"), raw, 0o666); err != nil {
		t.Fatal(err)
	}
}

// textOfSample is the embedded model's transcript of the sample, between the quotation marks
// of the finding.
func textOfSample(t *testing.T) string {
	t.Helper()
	text := strings.Split(find(t, examine(t, store(t), "default"), "sample").Detail, `"`)
	if len(text) != 3 {
		t.Fatalf("no text in %q", text)
	}
	return text[1]
}

func TestAnInt8ModelIsMarked(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "m")
	toy(t, folder, "tones", nil)
	if err := os.Rename(filepath.Join(folder, "model.onnx"), filepath.Join(folder, "model.int8.onnx")); err != nil {
		t.Fatal(err)
	}
	if f := find(t, examine(t, store(t), folder), "precision"); f.Status != finding.Warning || !strings.Contains(f.Detail, "CPU only") {
		t.Errorf("got %+v", f)
	}
}

func TestCancelling(t *testing.T) {
	oracle.NeedLibrary(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := verify.Model(ctx, &verify.Subject{Name: "default", Store: store(t), Runtime: library}, verify.Checks())
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// Weights of 8 bits that change what the full model is sure of are found by comparing both.
func TestAnInt8ModelIsComparedWithTheFullOne(t *testing.T) {
	oracle.NeedLibrary(t)
	s, dir := store(t), ""
	dir = filepath.Join(s.Dir, "small")
	if err := os.CopyFS(dir, models.Default()); err != nil {
		t.Fatal(err)
	}
	made, err := s.OptimizeCPU(t.Context(), library, "small", asr.INT8, "")
	if err != nil {
		t.Fatal(err)
	}
	graph, weights := filepath.Join(dir, "model.int8.onnx"), filepath.Join(dir, "model.int8.onnx.data")
	if err := errors.Join(os.Rename(made.Path, graph), os.Rename(made.Path+".data", weights)); err != nil {
		t.Fatal(err)
	}
	if f := find(t, examine(t, s, graph), "int8"); f.Status != finding.OK {
		t.Errorf("our own weights of 8 bits: %+v", f)
	}
	data, err := os.ReadFile(weights)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(data); i += 7 {
		data[i] = 0
	}
	if err := os.WriteFile(weights, data, 0o666); err != nil {
		t.Fatal(err)
	}
	if f := find(t, examine(t, s, graph), "int8"); f.Status != finding.Failure || !strings.Contains(f.Hint, "--precision int8") {
		t.Errorf("weights of which a seventh is lost: %+v", f)
	}
}
