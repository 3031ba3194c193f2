package media_test

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/asr-backend/asr-backend/internal/download/downloadtest"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
	"github.com/asr-backend/asr-backend/labelstudio/media"
)

var _ media.Server = (*api.Client)(nil)

// TestValuesOnLabelStudio meets every row of values that Label Studio serves, under a path.
func TestValuesOnLabelStudio(t *testing.T) {
	body := downloadtest.Content(2000)
	uri := "s3://bucket/dir/one two.flac"
	encoded := base64.URLEncoding.EncodeToString([]byte(uri))
	encodedQuery := strings.ReplaceAll(encoded, "=", "%3D")
	serve := &storage{body: body}
	empty := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Accel-Redirect", "/file_download/x")
		w.WriteHeader(200)
	})
	nginx := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "NGINX mode", 400) })
	for _, c := range []struct {
		name, value string
		routes      map[string]http.Handler
		asked       []string // without the token
		file        string
		untrusted   bool // the token must not be sent
	}{
		{"an upload", "/data/upload/45/1a2b3c4d-call_one.wav", map[string]http.Handler{"/ls/data/upload/": serve},
			[]string{"/ls/data/upload/45/1a2b3c4d-call_one.wav"}, "call_one.wav", false},
		{"an upload with the path in front", "/ls/data/upload/45/x.wav", map[string]http.Handler{"/ls/data/upload/": serve},
			[]string{"/ls/data/upload/45/x.wav"}, "x.wav", false},
		{"an upload without the route", "upload/45/x y.wav", map[string]http.Handler{"/ls/data/upload/": serve},
			[]string{"/ls/data/upload/45/x%20y.wav"}, "x y.wav", false},
		{"an upload with a percent sign", "/data/upload/45/100% real.wav", map[string]http.Handler{"/ls/data/upload/": serve},
			[]string{"/ls/data/upload/45/100%25%20real.wav"}, "100% real.wav", false},
		{"an upload that only the storage route has", "/data/upload/45/x.wav", map[string]http.Handler{"/ls/storage-data/uploaded/": serve},
			[]string{"/ls/data/upload/45/x.wav", "/ls/storage-data/uploaded/?filepath=upload%2F45%2Fx.wav"}, "x.wav", false},
		{"stored uploads behind no nginx: empty", "/storage-data/uploaded/?filepath=upload/45/x.wav",
			map[string]http.Handler{"/ls/storage-data/uploaded/": empty, "/ls/data/upload/": serve},
			[]string{"/ls/storage-data/uploaded/?filepath=upload%2F45%2Fx.wav", "/ls/data/upload/45/x.wav"}, "x.wav", false},
		{"stored uploads behind no nginx: refused", "/storage-data/uploaded/?filepath=upload/45/x.wav",
			map[string]http.Handler{"/ls/storage-data/uploaded/": nginx, "/ls/data/upload/": serve},
			[]string{"/ls/storage-data/uploaded/?filepath=upload%2F45%2Fx.wav", "/ls/data/upload/45/x.wav"}, "x.wav", false},
		{"a local file by HTTP", "/data/local-files/?d=calls/a%20b%2Bc.wav", map[string]http.Handler{"/ls/data/local-files/": serve},
			[]string{"/ls/data/local-files/?d=calls%2Fa+b%2Bc.wav"}, "a b+c.wav", false},
		{"a local file written by hand", "/data/local-files/?d=100% real.wav", map[string]http.Handler{"/ls/data/local-files/": serve},
			[]string{"/ls/data/local-files/?d=100%25+real.wav"}, "100% real.wav", false},
		{"cloud storage", uri, map[string]http.Handler{"/ls/tasks/61/presign/": serve},
			[]string{"/ls/tasks/61/presign/?fileuri=" + encodedQuery}, "one two.flac", false},
		{"cloud storage on a server without the old route", uri, map[string]http.Handler{"/ls/tasks/61/resolve/": serve},
			[]string{"/ls/tasks/61/presign/?fileuri=" + encodedQuery, "/ls/tasks/61/resolve/?fileuri=" + encodedQuery}, "one two.flac", false},
		{"azure", "azure-blob://c/k.mp3", map[string]http.Handler{"/ls/tasks/61/presign/": serve}, nil, "k.mp3", false},
		{"resolved before", "/tasks/9/resolve/?fileuri=" + encoded, map[string]http.Handler{"/ls/tasks/9/resolve/": serve},
			[]string{"/ls/tasks/9/resolve/?fileuri=" + encodedQuery}, "one two.flac", false},
		{"resolved for a project", "/projects/9/presign/?fileuri=" + encoded, map[string]http.Handler{"/ls/projects/9/presign/": serve}, nil, "one two.flac", false},
		{"protected media", "/projects/45/file-proxy?url=" + base64.URLEncoding.EncodeToString([]byte("https://x/y.wav")),
			map[string]http.Handler{"/ls/projects/45/file-proxy": serve}, nil, "y.wav", false},
		{"sample data of templates", "/static/samples/game.wav", map[string]http.Handler{"/ls/static/samples/game.wav": serve},
			[]string{"/ls/static/samples/game.wav"}, "game.wav", true},
		{"any other path", "files/my.wav?x=1", map[string]http.Handler{"/ls/files/my.wav": serve}, []string{"/ls/files/my.wav?x=1"}, "my.wav", true},
		{"an API route", "/api/projects/45/export", map[string]http.Handler{"/ls/api/": serve}, nil, "export", true},
		{"an API route behind dots", "/data/upload/45/../../../api/users", map[string]http.Handler{"/ls/api/": serve}, nil, "users", true},
		{"an API route behind encoded dots", "/data/upload/45/%2e%2e/%2e%2e/%2e%2e/api/users", map[string]http.Handler{"/ls/api/": serve}, nil, "users", true},
		{"a task route that is not media", "/tasks/9/annotations/", map[string]http.Handler{"/ls/tasks/": serve}, nil, "annotations", true},
		{"a task route with a word for a number", "/tasks/all/resolve/?fileuri=x", map[string]http.Handler{"/ls/tasks/": serve}, nil, "resolve", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			ls, client := newStudio(t, "/ls")
			for pattern, handler := range c.routes {
				ls.Handle(pattern, handler)
			}
			f := fetcher(t, media.Options{Server: client})
			file, got, err := get(t, f, media.Request{Value: c.value, Task: 61, Project: 49})
			if err != nil || !bytes.Equal(got, body) || file.Name != c.file {
				t.Fatalf("%d bytes, file %+v, %v; asked %q", len(got), file, err, asked(ls))
			}
			want := " Token " + ls.Token
			if c.untrusted {
				want = " "
			}
			for i, got := range asked(ls) {
				if c.asked != nil && (i >= len(c.asked) || got != c.asked[i]+want) || !strings.HasSuffix(got, want) {
					t.Errorf("request %d: %s", i, got)
				}
			}
		})
	}
}

func TestNamesOfOneLabelStudio(t *testing.T) {
	ls, client := newStudio(t, "/ls")
	ls.Handle("/ls/data/", &storage{body: downloadtest.Content(10)})
	f := fetcher(t, media.Options{
		Server: client, Aliases: []string{"https://label.example.com", "http://ls:8080/sub/"},
	})
	for _, value := range []string{
		"https://label.example.com/data/upload/1/a.wav", "http://label.example.com/data/upload/1/b.wav",
		"HTTP://LS:8080/sub/data/upload/1/c.wav", "http://localhost:8080/data/upload/1/d.wav",
		"http://127.0.0.1:9999/data/local-files/?d=e.wav",
	} {
		if _, _, err := get(t, f, media.Request{Value: value}); err != nil {
			t.Errorf("%s: %v", value, err)
		}
	}
	if n := len(asked(ls)); n != 5 {
		t.Errorf("%d requests: %q", n, asked(ls))
	}
	for _, value := range []string{"http://localhost:1/x.wav", "http://127.0.0.1:8080/api/users", "http://ls:8081/data/upload/1/a.wav", "http://localhost/data/upload/../../x.wav"} {
		_, _, err := get(t, f, media.Request{Value: value})
		if err == nil || len(asked(ls)) != 5 {
			t.Errorf("%s counts as Label Studio: %v", value, err)
		}
	}
	if _, err := media.New(media.Options{CacheDir: t.TempDir(), Server: client, Aliases: []string{"label.example.com"}}); err == nil {
		t.Error("an alias without a scheme passes")
	}
}

func TestRedirectToStorageLosesTheToken(t *testing.T) {
	var mu sync.Mutex
	var got []string
	bucket := host(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		got = append(got, r.Header.Get("Authorization")+" "+r.URL.RawQuery)
		mu.Unlock()
		(&storage{body: downloadtest.Content(3000), cut: 2000}).ServeHTTP(w, r)
	}))
	// A signature lives for a minute, so every attempt asks Label Studio for a new one.
	n := 0
	ls, server := newStudio(t, "")
	ls.Intercept(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		n++
		ls.AddCloudFile("s3://b/x.wav", bucket+"/dir/x.wav?signature="+strings.Repeat("s", n))
		next.ServeHTTP(w, r)
	})
	f := fetcher(t, media.Options{Server: server, AllowHosts: []string{strings.TrimPrefix(bucket, "http://")}})
	if _, _, err := get(t, f, media.Request{Value: "s3://b/x.wav", Task: 61}); err != nil {
		t.Fatal(err)
	}
	if want := " signature=s| signature=ss"; strings.Join(got, "|") != want {
		t.Errorf("the storage saw %q, want %q", got, want)
	}
	// Where Label Studio's storage is inside the network, that has to be allowed.
	refused := fetcher(t, media.Options{Server: server})
	_, _, err := get(t, refused, media.Request{Value: "s3://b/x.wav", Task: 61})
	if _, retry := media.Retryable(err); retry || err == nil || !strings.Contains(err.Error(), "inside the network") || !strings.Contains(err.Error(), "--allow-host") || strings.Contains(err.Error(), "signature") {
		t.Errorf("error %v", err)
	}
}

func TestRedirectsOnLabelStudio(t *testing.T) {
	ls, client := newStudio(t, "")
	ls.Upload(1, "here.wav", downloadtest.Content(10))
	ls.Handle("/data/upload/1/moved.wav", http.RedirectHandler("/data/upload/1/here.wav", http.StatusFound))
	ls.Handle("/data/upload/1/login.wav", http.RedirectHandler("/user/login/?next=/data", http.StatusFound))
	f := fetcher(t, media.Options{Server: client})
	if _, _, err := get(t, f, media.Request{Value: "/data/upload/1/moved.wav"}); err != nil {
		t.Error(err)
	}
	for _, got := range asked(ls) {
		if !strings.HasSuffix(got, " Token "+ls.Token) {
			t.Errorf("request %s", got)
		}
	}
	_, _, err := get(t, f, media.Request{Value: "/data/upload/1/login.wav"})
	if err == nil || !strings.Contains(err.Error(), "Label Studio asks to log in: check LABEL_STUDIO_API_KEY.") {
		t.Errorf("error %v", err)
	}
}

func TestRefusedTokenIsRenewedOnce(t *testing.T) {
	ls := labelstudiotest.New(t, labelstudiotest.Options{})
	ls.Upload(1, "a.wav", downloadtest.Content(10))
	ls.Handle("/data/upload/1/b.wav", labelstudiotest.Answer(401, `{}`))
	server := client(t, ls.URL, ls.PersonalToken())
	if _, err := server.Authorization(t.Context()); err != nil {
		t.Fatal(err)
	}
	ls.ForgetAccess()
	f := fetcher(t, media.Options{Server: server})
	if _, _, err := get(t, f, media.Request{Value: "/data/upload/1/a.wav"}); err != nil || len(asked(ls)) != 2 {
		t.Errorf("%v after %q", err, asked(ls))
	}
	_, _, err := get(t, f, media.Request{Value: "/data/upload/1/b.wav"})
	if err == nil || !strings.Contains(err.Error(), "401 Unauthorized. Label Studio does not accept the token: check LABEL_STUDIO_API_KEY.") || len(asked(ls)) != 4 {
		t.Errorf("%v after %q", err, asked(ls))
	}
	// A legacy token cannot be renewed.
	f = fetcher(t, media.Options{Server: client(t, ls.URL, ls.Token)})
	if _, _, err := get(t, f, media.Request{Value: "/data/upload/1/b.wav"}); err == nil || len(asked(ls)) != 5 {
		t.Errorf("%v after %q", err, asked(ls))
	}
}

func TestStatusesOfLabelStudio(t *testing.T) {
	const missing = `{"status_code":500,"detail":"'NoneType' object has no attribute 'has_permission'"}`
	for _, c := range []struct {
		status      int
		value, want string
		retry       bool
	}{
		{401, "/api/projects/", "asked without the token", false},
		{500, "/data/upload/1/a.wav", "404 Not Found. Label Studio does not have the upload", false},
		{500, "/data/local-files/?d=a.wav", "500 Internal Server Error: 'NoneType'", true},
		{403, "/data/upload/1/a.wav", "a member of the project?", true},
		{403, "s3://b/k.wav", "storage's credentials", true},
		{404, "s3://b/k.wav", "No storage of the project matches", false},
		{404, "/data/local-files/?d=k.wav", "LOCAL_FILES_SERVING_ENABLED", false},
		{404, "/data/upload/1/a.wav", "does not have the upload", false},
		{404, "/static/x.wav", "does LABEL_STUDIO_URL lack a part?", false},
		{424, "s3://b/k.wav", "cannot reach the storage", true},
		{502, "/data/upload/1/a.wav", "502 Bad Gateway", true},
	} {
		ls, client := newStudio(t, "")
		body := "" // of a page
		if c.status == 500 {
			body = missing
		}
		ls.Handle("/", labelstudiotest.Answer(c.status, body))
		f := fetcher(t, media.Options{Server: client, Tries: 2})
		_, _, err := get(t, f, media.Request{Value: c.value, Task: 1})
		if _, retry := media.Retryable(err); err == nil || !strings.Contains(err.Error(), c.want) || retry != c.retry {
			t.Errorf("%d for %s: %v (retry %v)", c.status, c.value, err, retry)
		}
	}
}

func TestMountedFolders(t *testing.T) {
	dir := t.TempDir()
	write := func(path, text string) string {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("docs/calls/a b.wav", "local")
	write("docs/empty.wav", "")
	write("media/upload/45/x.wav", "upload")
	secret := write("secret.wav", "secret")
	for link, to := range map[string]string{"docs/out.wav": secret, "docs/up.wav": "../secret.wav", "docs/in.wav": "calls/a b.wav", "docs/dir": ".."} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	ls, client := newStudio(t, "")
	ls.Handle("/data/", &storage{body: []byte("http")})
	f := fetcher(t, media.Options{
		Server: client, DocumentRoot: filepath.Join(dir, "docs"), MediaDir: filepath.Join(dir, "media"),
	})
	for _, c := range []struct{ name, value, want string }{
		{"a local file", "/data/local-files/?d=calls/a%20b.wav", "local"},
		{"with Label Studio's address in front", "http://localhost:8080/data/local-files/?d=calls%2Fa%20b.wav", "local"},
		{"through a link inside the folder", "/data/local-files/?d=in.wav", "local"},
		{"an upload", "/data/upload/45/x.wav", "upload"},
		{"an upload that is not mounted", "/data/upload/46/x.wav", "http"},
		{"a local file that is not mounted", "/data/local-files/?d=other.wav", "http"},
		{"a folder", "/data/local-files/?d=calls", "http"},
		{"dots inside the folder are refused too", "/data/local-files/?d=calls/../calls/a%20b.wav", ""},
		{"up and out", "/data/local-files/?d=../secret.wav", ""},
		{"up and out, encoded twice", "/data/local-files/?d=%2e%2e%2fsecret.wav", ""},
		{"up and out with backslashes", `/data/local-files/?d=..\secret.wav`, ""},
		{"an absolute path is below the folder", "/data/local-files/?d=/calls/a b.wav", "local"},
		{"a link out", "/data/local-files/?d=out.wav", ""},
		{"a relative link out", "/data/local-files/?d=up.wav", ""},
		{"a linked folder out", "/data/local-files/?d=dir/secret.wav", ""},
		{"an empty file", "/data/local-files/?d=empty.wav", ""},
		{"a null character", "/data/local-files/?d=a%00.wav", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, got, err := get(t, f, media.Request{Value: c.value})
			if string(got) != c.want || (err != nil) != (c.want == "") {
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			}
			if _, retry := media.Retryable(err); retry {
				t.Errorf("worth a retry: %v", err)
			}
		})
	}
}

func TestValuesWithoutLabelStudio(t *testing.T) {
	f := fetcher(t, media.Options{})
	for _, c := range []struct{ name, value, want string }{
		{"nothing", " ", "has no recording"},
		{"an upload", "/data/upload/1/a.wav", "set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY"},
		{"a path", "a.wav", "set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY"},
		{"cloud storage", "s3://b/k", "set LABEL_STUDIO_URL"},
		{"a file", "file:///etc/passwd", "Local Files storage"},
		{"ftp", "FTP://host/x", "are not fetched"},
		{"no host", "http:///x", "no web address"},
		{"control characters", "http://h/x\r\nHost: y", "control characters"},
		{"broken text", "a\xff", "control characters or broken text"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := get(t, f, media.Request{Value: c.value, Task: 1})
			if _, retry := media.Retryable(err); err == nil || !strings.Contains(err.Error(), c.want) || retry {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
	server := fetcher(t, media.Options{Server: client(t, "http://ls.invalid", labelstudiotest.DefaultToken)})
	if _, _, err := get(t, server, media.Request{Value: "s3://b/k"}); err == nil || !strings.Contains(err.Error(), "names neither") {
		t.Errorf("a URI for no task: %v", err)
	}
}

func TestDataURIs(t *testing.T) {
	f := fetcher(t, media.Options{MaxBytes: 100})
	for _, c := range []struct{ name, value, want, err string }{
		{"base64", "data:audio/wav;base64,aGVsbG8=", "hello", ""},
		{"without padding, in capitals", "DATA:audio/wav;BASE64,aGVsbG8", "hello", ""},
		{"escaped", "data:audio/wav;base64,aGVsbG8%3D", "hello", ""},
		{"plain", "data:,he%6Clo", "hello", ""},
		{"broken", "data:audio/wav;base64,***", "", "does not decode"},
		{"without a comma", "data:audio/wav", "", "no comma"},
		{"empty", "data:audio/wav;base64,", "", "it is empty"},
		{"too large", "data:," + strings.Repeat("x", 101), "", "too large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, got, err := get(t, f, media.Request{Value: c.value})
			if string(got) != c.want || (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("got %q, %v; want %q, %q", got, err, c.want, c.err)
			}
			if _, retry := media.Retryable(err); retry || err != nil && len(err.Error()) > 300 {
				t.Errorf("retry %v: %v", retry, err)
			}
		})
	}
}
