package media_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/internal/download/downloadtest"
	"github.com/asr-backend/asr-backend/labelstudio/media"
)

func TestPeekTakesTheHeadOnly(t *testing.T) {
	body := downloadtest.Content(500_000)
	dir, cache := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "here.wav"), body, 0o644); err != nil {
		t.Fatal(err)
	}
	ls, client := newStudio(t, "")
	ls.Handle("/data/upload/1/long.wav", &storage{body: body})
	ls.Handle("/data/upload/1/short.wav", &storage{body: body[:10], noRanges: true})
	ls.Handle("/static/empty.wav", &storage{})
	ls.Handle("/storage-data/uploaded/", &storage{body: body[:20]})
	ls.Handle("/data/upload/1/page.wav", http.RedirectHandler("/user/login/", http.StatusFound))
	ls.Handle("/data/local-files/", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }))
	f := fetcher(t, media.Options{Server: client, DocumentRoot: dir, CacheDir: cache})
	for _, c := range []struct {
		name, value string
		want        media.Glimpse
		err         string
	}{
		{"a long recording", "/data/upload/1/long.wav", media.Glimpse{Kind: media.Upload, Name: "long.wav", Size: 500_000, Head: body[:100]}, ""},
		{"a recording shorter than the head", "/data/upload/1/short.wav", media.Glimpse{Kind: media.Upload, Name: "short.wav", Size: 10, Head: body[:10]}, ""},
		{"an upload that another route has", "/data/upload/1/other.wav", media.Glimpse{Kind: media.Upload, Name: "other.wav", Size: 20, Head: body[:20]}, ""},
		{"a mounted file", "/data/local-files/?d=here.wav", media.Glimpse{Kind: media.LocalFile, Name: "here.wav", Size: 500_000, Head: body[:100], Mounted: true}, ""},
		{"a data URI", "data:,hello", media.Glimpse{Kind: media.Inline, Name: "inline", Size: 5, Head: []byte("hello")}, ""},
		{"a page to log in", "/data/upload/1/page.wav", media.Glimpse{}, "Label Studio asks to log in"},
		{"a file that the user may not see", "/data/local-files/?d=there.wav", media.Glimpse{}, "403 Forbidden. Is the user behind LABEL_STUDIO_API_KEY a member"},
		{"an empty file", "/static/empty.wav", media.Glimpse{}, "it is empty"},
		{"nothing", "", media.Glimpse{}, "has no recording"},
		{"an address inside the network", "http://127.0.0.1:1/x.wav", media.Glimpse{}, "inside the network"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := f.Peek(t.Context(), media.Request{Value: c.value, Task: 1, Project: 1}, 100)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("got error %v, want one with %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Kind != c.want.Kind || got.Name != c.want.Name || got.Size != c.want.Size || string(got.Head) != string(c.want.Head) || got.Mounted != c.want.Mounted {
				t.Errorf("got %s %q, %d bytes, mounted %v, head %d bytes; want %s %q, %d bytes, mounted %v, head %d bytes",
					got.Kind, got.Name, got.Size, got.Mounted, len(got.Head), c.want.Kind, c.want.Name, c.want.Size, c.want.Mounted, len(c.want.Head))
			}
		})
	}
	if n := len(files(t, cache)); n > 0 {
		t.Errorf("%d files in the cache folder", n)
	}
}

func TestLocalFilesThatLabelStudioDoesNotServe(t *testing.T) {
	_, client := newStudio(t, "")
	f := fetcher(t, media.Options{Server: client})
	_, _, err := get(t, f, media.Request{Value: "/data/local-files/?d=x.wav"})
	if err == nil || !strings.HasSuffix(err.Error(), "only with LOCAL_FILES_SERVING_ENABLED=true in its environment.") || strings.Contains(err.Error(), "member") {
		t.Errorf("error %v", err)
	}
}
