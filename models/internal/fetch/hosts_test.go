package fetch_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/models/internal/fetch"
)

func TestRedirectsToAnotherHost(t *testing.T) {
	b := content(1 << 20)
	target := serve(t, b)
	target.etag = `"the store's own"`
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Linked-Etag", `"`+sum(b)+`"`)
		w.Header().Set("X-Linked-Size", strconv.Itoa(len(b)))
		w.Header().Set("ETag", `"`+sum(b)+`"`)
		http.Redirect(w, r, target.URL+"/signed?signature=secret", http.StatusFound)
	}))
	t.Cleanup(front.Close)
	target.fault = func(_ *http.Request, n int) any {
		if n == 0 {
			return cut(300_000)
		}
		return nil
	}
	c, _ := client(t, fetch.Options{})
	q := fetch.Request{URL: front.URL, Path: filepath.Join(t.TempDir(), "m")}
	got, err := c.File(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if got.Origin != fetch.Server {
		t.Errorf("origin %q, want the digest of the server that redirects", got.Origin)
	}
	whole(t, q.Path, b)
	if second := target.requests()[1]; second.Get("Range") != "bytes=300000-" || second.Get("If-Range") != target.etag {
		t.Errorf("went on with %v", second)
	}
}

func TestASignatureIsNotPrinted(t *testing.T) {
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.1:1/signed?signature=secret", http.StatusFound)
	}))
	t.Cleanup(front.Close)
	c, _ := client(t, fetch.Options{})
	_, err := c.File(t.Context(), fetch.Request{URL: front.URL, Path: filepath.Join(t.TempDir(), "m")})
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}

func TestARedirectFromHTTPSToHTTPIsRefused(t *testing.T) {
	target := serve(t, content(10))
	front := httptest.NewTLSServer(http.RedirectHandler(target.URL, http.StatusFound))
	t.Cleanup(front.Close)
	c, _ := client(t, fetch.Options{Transport: front.Client().Transport})
	t.Cleanup(front.Client().CloseIdleConnections)
	_, err := c.File(t.Context(), fetch.Request{URL: front.URL, Path: filepath.Join(t.TempDir(), "m")})
	if err == nil || !strings.Contains(err.Error(), "from https to http") || len(target.requests()) != 0 {
		t.Errorf("got %v after %d requests", err, len(target.requests()))
	}
}

func TestAConnectionThatCannotBeMadeSaysWhatToDo(t *testing.T) {
	closed := serve(t, nil)
	closed.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshake that fails
	for url, test := range map[string]struct {
		say   string
		waits int
	}{
		closed.URL:                 {"HTTPS_PROXY", 5},
		"http://host.invalid/file": {"mirror", 0},
		secure.URL:                 {"certificate", 0},
	} {
		c, waits := client(t, fetch.Options{})
		_, err := c.File(t.Context(), fetch.Request{URL: url, Path: filepath.Join(t.TempDir(), "m")})
		if err == nil || !strings.Contains(err.Error(), test.say) || len(*waits) != test.waits {
			t.Errorf("got %v after %d waits, want %q after %d", err, len(*waits), test.say, test.waits)
		}
	}
}

func TestMirrors(t *testing.T) {
	b := content(100)
	var asked string
	mirror := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.RequestURI()
		_, _ = w.Write(b)
	}))
	t.Cleanup(mirror.Close)
	for name, test := range map[string]struct {
		options   fetch.Options
		url, want string
	}{
		"a mirror stands for every host":        {fetch.Options{Mirror: mirror.URL + "/m/"}, "https://github.example/a/b.tar.bz2?x=1", "/m/github.example/a/b.tar.bz2?x=1"},
		"Hugging Face can be elsewhere":         {fetch.Options{HuggingFace: mirror.URL}, "https://huggingface.co/a/resolve/main/b", "/a/resolve/main/b"},
		"the mirror goes before Hugging Face":   {fetch.Options{Mirror: mirror.URL, HuggingFace: "http://127.0.0.1:1"}, "https://huggingface.co/a", "/huggingface.co/a"},
		"other hosts do not move to that place": {fetch.Options{HuggingFace: "http://127.0.0.1:1"}, mirror.URL + "/direct", "/direct"},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := client(t, test.options)
			if _, err := c.File(t.Context(), fetch.Request{URL: test.url, Path: filepath.Join(t.TempDir(), "m")}); err != nil {
				t.Fatal(err)
			}
			if asked != test.want {
				t.Errorf("asked for %q, want %q", asked, test.want)
			}
		})
	}
	for _, bad := range []string{"mirror.example", "ftp://mirror.example", "https://", "http://%zz"} {
		if _, err := fetch.New(fetch.Options{Mirror: bad}); err == nil {
			t.Errorf("mirror %q is taken", bad)
		}
	}
}

func TestProxiesComeFromTheEnvironment(t *testing.T) {
	// The standard library reads the variables once, so a process of its own is needed.
	if os.Getenv("FETCH_TEST_URL") != "" {
		c, err := fetch.New(fetch.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.File(t.Context(), fetch.Request{URL: os.Getenv("FETCH_TEST_URL"), Path: filepath.Join(t.TempDir(), "m")}); err != nil {
			t.Fatal(err)
		}
		return
	}
	var asked string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.String()
		fmt.Fprint(w, "from the proxy")
	}))
	t.Cleanup(proxy.Close)
	again(t, "TestProxiesComeFromTheEnvironment", "FETCH_TEST_URL=http://nowhere.invalid/file", "HTTP_PROXY="+proxy.URL)
	if asked != "http://nowhere.invalid/file" {
		t.Errorf("the proxy was asked for %q", asked)
	}
}
