package media_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/internal/download/downloadtest"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
	"github.com/asr-backend/asr-backend/labelstudio/media"
)

// What one project may open need not be open to another, so each asks for itself; on open
// hosts nobody is asked twice.
func TestEachProjectAsksLabelStudioForItself(t *testing.T) {
	body := downloadtest.Content(500)
	open := &storage{body: body}
	address := host(t, open)
	for _, value := range []string{
		"/data/upload/1/a.wav", "/storage-data/uploaded/?filepath=upload/1/a.wav", "/storage-data/uploaded/?filepath=x/a.wav",
		"/data/local-files/?d=a.wav", "s3://b/a.wav", "/tasks/3/resolve/?fileuri=czM6Ly9iL2Eud2F2", "/projects/1/file-proxy?url=aHR0cHM6Ly94L3kud2F2",
		address + "/a.wav",
	} {
		t.Run(value, func(t *testing.T) {
			ls, server := newStudio(t, "")
			refuse := false
			ls.Intercept(func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
				if refuse {
					labelstudiotest.Answer(403, `{}`)(w, r)
					return
				}
				(&storage{body: body}).ServeHTTP(w, r)
			})
			f := fetcher(t, media.Options{Server: server, AllowPrivate: true})
			for range 2 {
				if _, got, err := get(t, f, media.Request{Value: value, Task: 3, Project: 1}); err != nil || !bytes.Equal(got, body) {
					t.Fatalf("%d bytes, %v", len(got), err)
				}
			}
			public := strings.HasPrefix(value, "http")
			if n := len(ls.Requests()) + len(open.seen()); n != 1 {
				t.Errorf("%d requests for one project", n)
			}
			refuse = true
			_, _, err := get(t, f, media.Request{Value: value, Task: 4, Project: 2})
			if (err == nil) != public {
				t.Errorf("another project: %v", err)
			}
			if n := len(open.seen()); public && n != 1 {
				t.Errorf("the open host was asked %d times", n)
			}
		})
	}
}

// The task that asked for a recording first may be gone when it is fetched.
func TestDeletedTaskDoesNotHideTheRecordingOfItsSiblings(t *testing.T) {
	body := downloadtest.Content(100)
	const resolved = "/tasks/3/resolve/?fileuri=czM6Ly9iL2Eud2F2"
	for _, value := range []string{"s3://b/a.wav", resolved} {
		ls, server := newStudio(t, "")
		ls.Handle("/tasks/", labelstudiotest.Answer(404, `{"detail":"Not found."}`))
		ls.Handle("/projects/7/", &storage{body: body})
		ls.Handle("/projects/8/", labelstudiotest.Answer(403, `{}`))
		f := fetcher(t, media.Options{Server: server})
		if _, got, err := get(t, f, media.Request{Value: value, Task: 3, Project: 7}); err != nil || !bytes.Equal(got, body) {
			t.Errorf("%s: %d bytes, %v", value, len(got), err)
		}
		_, _, err := get(t, f, media.Request{Value: value, Task: 3, Project: 8})
		if _, retry := media.Retryable(err); !retry || !strings.Contains(err.Error(), "403 Forbidden") {
			t.Errorf("%s for a project without the storage: %v", value, err)
		}
		_, _, err = get(t, f, media.Request{Value: value, Task: 3})
		if _, retry := media.Retryable(err); err == nil || retry || !strings.Contains(err.Error(), "404") {
			t.Errorf("%s for a task alone: %v", value, err)
		}
	}
}

// Whatever answers in Label Studio's place may be gone a while later.
func TestAnswersThatAreNotTheRecordingAreOutages(t *testing.T) {
	page := func(w http.ResponseWriter, kind, body string) {
		w.Header().Set("Content-Type", kind)
		fmt.Fprint(w, body)
	}
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
		open   bool // the same for a path without the token
	}{
		{"a page of maintenance", func(w http.ResponseWriter, _ *http.Request) { page(w, "text/html; charset=utf-8", "<html>") }, "under maintenance", true},
		{"a redirect to log in", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/user/login/?next=/x", http.StatusFound)
		}, "asks to log in: check LABEL_STUDIO_API_KEY", false},
		{"redirects in a circle", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.String(), http.StatusFound) }, "too many redirects", true},
		{"401", labelstudiotest.Answer(401, `{"detail":"Invalid token."}`), "does not accept the token: check LABEL_STUDIO_API_KEY", false},
		{"403", labelstudiotest.Answer(403, `{}`), "a member of the project?", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			ls, server := newStudio(t, "")
			ls.Handle("/", c.answer)
			f := fetcher(t, media.Options{Server: server})
			_, _, err := get(t, f, media.Request{Value: "/data/upload/1/a.wav", Project: 1})
			if _, retry := media.Retryable(err); !retry || !strings.Contains(err.Error(), c.want) {
				t.Errorf("retry %v: %v", retry, err)
			}
			_, _, err = get(t, f, media.Request{Value: "/static/a.wav", Project: 1})
			if _, retry := media.Retryable(err); err == nil || retry != c.open {
				t.Errorf("without the token: retry %v: %v", retry, err)
			}
		})
	}
}

// A personal access token is exchanged before a recording is asked for: that it cannot be is
// no word about the recording.
func TestRefusedExchangeOfTheTokenIsAnOutage(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(ls *labelstudiotest.Server)
		want   string
	}{
		{"revoked", (*labelstudiotest.Server).RevokePersonalToken, "LABEL_STUDIO_API_KEY holds a personal access token that was revoked"},
		{"a page", func(ls *labelstudiotest.Server) {
			ls.Handle("/api/token/refresh/", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }))
		}, "not one of Label Studio's API"},
		{"an empty answer", func(ls *labelstudiotest.Server) { ls.Handle("/api/token/refresh/", labelstudiotest.Answer(200, `{}`)) }, "no access token"},
		{"forbidden", func(ls *labelstudiotest.Server) { ls.Handle("/api/token/refresh/", labelstudiotest.Answer(403, `{}`)) }, "403 Forbidden"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ls := labelstudiotest.New(t, labelstudiotest.Options{})
			ls.Upload(1, "a.wav", downloadtest.Content(10))
			f := fetcher(t, media.Options{Server: client(t, ls.URL, ls.PersonalToken()), Tries: 1})
			c.damage(ls)
			_, _, err := get(t, f, media.Request{Value: "/data/upload/1/a.wav", Project: 1})
			if _, retry := media.Retryable(err); !retry || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "does not have the upload") {
				t.Errorf("retry %v: %v", retry, err)
			}
		})
	}
}

// A signed address runs out, and the storage answers so. The next attempt gets another one.
func TestSignedAddressThatRanOutIsResolvedAgain(t *testing.T) {
	body := downloadtest.Content(100)
	bucket := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("signature") != "fresh" {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>")
			return
		}
		(&storage{body: body}).ServeHTTP(w, r)
	}))
	defer bucket.Close()
	ls, server := newStudio(t, "")
	ls.AddCloudFile("s3://b/a.wav", bucket.URL+"/a.wav?signature=stale")
	u, err := url.Parse(bucket.URL)
	if err != nil {
		t.Fatal(err)
	}
	f := fetcher(t, media.Options{Server: server, AllowHosts: []string{u.Host}})
	r := media.Request{Value: "s3://b/a.wav", Task: 3, Project: 1}
	_, _, err = get(t, f, r)
	if _, retry := media.Retryable(err); !retry || !strings.Contains(err.Error(), "The storage refuses the address that Label Studio signed") {
		t.Errorf("retry %v: %v", retry, err)
	}
	ls.AddCloudFile("s3://b/a.wav", bucket.URL+"/a.wav?signature=fresh")
	if _, got, err := get(t, f, r); err != nil || !bytes.Equal(got, body) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}
