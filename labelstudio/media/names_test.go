package media_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/internal/download/downloadtest"
	"github.com/asr-backend/asr-backend/internal/visible"
	"github.com/asr-backend/asr-backend/labelstudio/media"
)

// TestDecodedControlCharactersAreRefused covers every place in which an address is decoded.
func TestDecodedControlCharactersAreRefused(t *testing.T) {
	ls, client := newStudio(t, "")
	ls.Handle("/", &storage{body: downloadtest.Content(10)})
	f := fetcher(t, media.Options{Server: client, AllowPrivate: true})
	encoded := base64.URLEncoding.EncodeToString([]byte("s3://b/a\x00.wav"))
	for _, value := range []string{
		"http://h/a%00.wav", "http://h/a%00/b.wav", "http://h/%1b%5b31m.wav", "http://h/a%0a.wav", "http://h/a%7f.wav", "http://h/a%c2%9b.wav",
		"/data/upload/1/a%00.wav", "upload/1/a%0d.wav", "/data/local-files/?d=a%00.wav", "/data/local-files/?d=%2e%2e%2f%00",
		"/storage-data/uploaded/?filepath=upload/1/a%1b.wav", "/storage-data/uploaded/?filepath=a%1b.wav",
		"/tasks/1/resolve/?fileuri=" + encoded, "/projects/1/file-proxy?url=" + encoded, "/static/a%00.wav", "/static/a.wav?x=%00", "s3://b/a\u009b.wav",
	} {
		_, _, err := get(t, f, media.Request{Value: value, Task: 1})
		if _, retry := media.Retryable(err); err == nil || retry || !strings.Contains(err.Error(), "control characters") {
			t.Errorf("%q: %v", value, err)
		}
	}
	if got := asked(ls); len(got) > 0 {
		t.Errorf("asked for %q", got)
	}
}

func TestNamesAreFitForAScreen(t *testing.T) {
	ls, client := newStudio(t, "")
	ls.Handle("/", &storage{body: downloadtest.Content(10)})
	f := fetcher(t, media.Options{Server: client})
	for value, want := range map[string]string{
		"/data/upload/1/gpj%E2%80%AE.wav":          "gpj.wav",
		"/data/upload/2/caf%E9.wav":                "caf_.wav",
		"/data/local-files/?d=%D8%A7%E2%80%8F.wav": "\u0627.wav",
		"/data/upload/3/%E2%80%AE":                 "recording",
		"/data/upload/4/Grüße 語音.wav":              "Grüße 語音.wav",
		"/data/upload/5/036e95cd-reading.ogg":      "reading.ogg",
		"/data/upload/6/036e95cd-":                 "036e95cd-",
		"/data/upload/7/meetings-reading.ogg":      "meetings-reading.ogg",
	} {
		file, _, err := get(t, f, media.Request{Value: value, Task: 1})
		if err != nil || file.Name != want {
			t.Errorf("%s: got %+v, %v; want %q", value, file, err, want)
		}
	}
}

func TestErrorsActOnNoTerminal(t *testing.T) {
	ls, client := newStudio(t, "")
	ls.Handle("/data/upload/1/said.wav", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(400)
		io.WriteString(w, "no \x1b[31m\u202e\x00 such")
	}))
	ls.Handle("/data/upload/1/moved.wav", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "http://h\u202e.invalid/%1b%E2%80%AE")
		w.WriteHeader(302)
	}))
	ls.Handle("/data/upload/1/range.wav", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Range", "bytes \u202e")
		w.WriteHeader(206)
	}))
	f := fetcher(t, media.Options{Server: client, Tries: 1})
	for _, value := range []string{
		"/data/upload/1/said.wav", "/data/upload/1/moved.wav", "/data/upload/1/range.wav", "\x1b]0;x\x07", "http://h/\u202e\x1b", "data:\u202e\x00",
		"http://[\u202e", "/data/local-files/?d=../\u202e", "\xff",
	} {
		_, _, err := get(t, f, media.Request{Value: value, Task: 1})
		if err == nil || visible.Text(err.Error()) != err.Error() {
			t.Errorf("%q: %v", value, err)
		}
	}
}

func TestErrorsNameNoTemporaryFile(t *testing.T) {
	dir := t.TempDir()
	ls, client := newStudio(t, "")
	ls.Handle("/", &storage{body: downloadtest.Content(10)})
	f := fetcher(t, media.Options{Server: client, CacheDir: dir})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	_, _, err := get(t, f, media.Request{Value: "/data/upload/1/a.wav"})
	if err == nil || strings.Contains(err.Error(), ".part") || !strings.HasSuffix(err.Error(), "media cache: no such file or directory") {
		t.Errorf("error %v", err)
	}
}
