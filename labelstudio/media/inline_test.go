package media_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/internal/download/downloadtest"
	"github.com/asr-backend/asr-backend/labelstudio/media"
)

func dataURI(body []byte) string {
	return "data:audio/wav;base64," + base64.StdEncoding.EncodeToString(body)
}

// TestFormsOfDataURIs follows the data: URL processor of https://fetch.spec.whatwg.org, but for the
// white space that the URL parser strips before it.
func TestFormsOfDataURIs(t *testing.T) {
	f := fetcher(t, media.Options{})
	body := downloadtest.Content(1000)
	plain := base64.StdEncoding.EncodeToString(body)
	var wrapped strings.Builder // as Python's base64.encodebytes writes it
	for rest := plain; rest != ""; rest = rest[min(76, len(rest)):] {
		wrapped.WriteString(rest[:min(76, len(rest))] + "\n")
	}
	for name, value := range map[string]string{
		"base64":              "data:audio/wav;base64," + plain,
		"in capitals":         "DATA:audio/wav;BASE64," + plain,
		"no type":             "data:;base64," + plain,
		"parameters":          "data:audio/wav;rate=8000;base64," + plain,
		"no padding":          "data:audio/wav;base64," + strings.TrimRight(plain, "="),
		"lines":               "data:audio/wav;base64," + wrapped.String(),
		"escaped":             "data:audio/wav;base64," + url.QueryEscape(plain),
		"escaped white space": "data:audio/wav;base64," + plain[:40] + "%0A%20" + plain[40:],
		"white space around":  "  data:audio/wav;base64," + plain + "\n",
		"percent-encoded":     "data:audio/wav," + url.PathEscape(string(body)),
	} {
		if _, got, err := get(t, f, media.Request{Value: value}); err != nil || !bytes.Equal(got, body) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	for name, value := range map[string]string{
		"an escape that ends early": "data:,ab%4",
		"no escape":                 "data:,ab%zz",
		"text behind the padding":   "data:;base64,aGVsbG8=aGVsbG8=",
		"one character too many":    "data:;base64,aGVsb",
		"a control character":       "data:;base64,aGVs\x00bG8=",
		"one in the type":           "data:audio\x1b/wav;base64,aGVsbG8=",
	} {
		_, _, err := get(t, f, media.Request{Value: value})
		if _, retry := media.Retryable(err); err == nil || retry {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDataURIsOfTwentyMegabytes(t *testing.T) {
	f := fetcher(t, media.Options{})
	body := downloadtest.Content(media.MaxInline)
	value := dataURI(body)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	file, err := f.Fetch(t.Context(), media.Request{Value: value, Project: 1})
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file.Path)
	file.Close()
	if err != nil || !bytes.Equal(got, body) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
		t.Errorf("decoding allocates %d bytes", took)
	}
	_, _, err = get(t, f, media.Request{Value: dataURI(append(body, 0))})
	if _, retry := media.Retryable(err); err == nil || retry || !strings.Contains(err.Error(), "too large") || !strings.Contains(err.Error(), "storage") || len(err.Error()) > 500 {
		t.Errorf("a byte more: %.600v", err)
	}
}

func TestReferencesToDataURIs(t *testing.T) {
	dir := t.TempDir()
	f := fetcher(t, media.Options{CacheDir: dir})
	body := downloadtest.Content(1 << 20)
	ref, ok := media.Reference(" " + dataURI(body))
	if !ok || len(ref) > 100 {
		t.Fatalf("%q, %v", ref, ok)
	}
	for _, value := range []string{dataURI(body[:1000]), "https://h/" + strings.Repeat("x", 1<<20), ref, ""} {
		if got, ok := media.Reference(value); ok {
			t.Errorf("%.40q has the reference %s", value, got)
		}
	}
	missing := func(when string, r media.Request) {
		t.Helper()
		_, _, err := get(t, f, r)
		if _, retry := media.Retryable(err); !errors.Is(err, media.ErrNotKept) || retry {
			t.Errorf("%s: %v", when, err)
		}
	}
	missing("before it is fetched", media.Request{Value: ref, Project: 1})
	if _, _, err := get(t, f, media.Request{Value: dataURI(body), Project: 1}); err != nil {
		t.Fatal(err)
	}
	if _, got, err := get(t, f, media.Request{Value: ref, Project: 1}); err != nil || !bytes.Equal(got, body) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	missing("for another project", media.Request{Value: ref, Project: 2})
	f.Close()
	f = fetcher(t, media.Options{CacheDir: dir})
	if _, got, err := get(t, f, media.Request{Value: ref, Project: 1}); err != nil || !bytes.Equal(got, body) {
		t.Errorf("after a restart: %d bytes, %v", len(got), err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, name := range files {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	missing("when the cache is empty", media.Request{Value: ref, Project: 1})
}

func FuzzDataURI(f *testing.F) {
	for _, v := range []string{"data:;base64,aGVsbG8=", "data:,%41%4", "data:,", "data:;sha256=00", "data:;base64,=\n=", "data:;base64,%3D%"} {
		f.Add(v)
	}
	fetch := fetcher(f, media.Options{MaxBytes: 1 << 16})
	f.Fuzz(func(t *testing.T, value string) {
		file, err := fetch.Fetch(t.Context(), media.Request{Value: "data:" + value})
		if err != nil {
			if len(err.Error()) > 1500 {
				t.Fatalf("%d bytes of error", len(err.Error()))
			}
			return
		}
		defer file.Close()
		if file.Size == 0 || file.Size > int64(len(value)) {
			t.Fatalf("%q has %d bytes", value, file.Size)
		}
	})
}
