package media_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/download/downloadtest"
	"github.com/asr-backend/asr-backend/labelstudio/media"
)

// files are the names in a cache folder, without their digests.
func files(t testing.TB, dir string) []string {
	t.Helper()
	names, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, n := range names {
		name := n.Name()
		out = append(out, name[strings.LastIndex(name, "-")+1:])
	}
	slices.Sort(out)
	return out
}

func TestCacheKeepsWhatWasUsedLast(t *testing.T) {
	dir := t.TempDir()
	s := &storage{body: downloadtest.Content(100)}
	address := host(t, s)
	f := fetcher(t, media.Options{AllowPrivate: true, CacheDir: dir, CacheBytes: 250})
	use := func(name string) {
		t.Helper()
		file, err := f.Fetch(t.Context(), media.Request{Value: address + "/" + name})
		if err != nil {
			t.Fatal(err)
		}
		file.Close()
		file.Close()
	}
	for _, name := range []string{"a.wav", "b.wav", "a.wav", "c.wav"} {
		use(name)
	}
	if got := files(t, dir); !slices.Equal(got, []string{"a.wav", "c.wav"}) || len(s.seen()) != 3 {
		t.Errorf("files %q after %d requests; b was used least", got, len(s.seen()))
	}
	// A new process takes over what is there, and cleans up what is not whole.
	bad := filepath.Join(dir, strings.Repeat("0", 32)+"-99-00000000-cut.wav")
	foreign := filepath.Join(dir, "somebody else's.txt")
	for _, path := range []string{bad, foreign} {
		if err := os.WriteFile(path, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f.Close()
	f = fetcher(t, media.Options{AllowPrivate: true, CacheDir: dir, CacheBytes: 250})
	use("a.wav")
	use("c.wav")
	if got := files(t, dir); !slices.Equal(got, []string{"a.wav", "c.wav", "somebody else's.txt"}) || len(s.seen()) != 3 {
		t.Errorf("files %q after %d requests", got, len(s.seen()))
	}
}

func TestFilesInUseStay(t *testing.T) {
	dir := t.TempDir()
	s := &storage{body: downloadtest.Content(100)}
	address := host(t, s)
	f := fetcher(t, media.Options{AllowPrivate: true, CacheDir: dir, CacheBytes: 50})
	a, err := f.Fetch(t.Context(), media.Request{Value: address + "/a.wav"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := f.Fetch(t.Context(), media.Request{Value: address + "/b.wav"})
	if err != nil {
		t.Fatal(err)
	}
	if got := files(t, dir); !slices.Equal(got, []string{"a.wav", "b.wav"}) {
		t.Errorf("files %q; both are in use, over the limit or not", got)
	}
	a.Close()
	b.Close()
	if got := files(t, dir); len(got) != 0 {
		t.Errorf("files %q; none is in use and each is over the limit", got)
	}
}

func TestOldCopiesAreFetchedAgain(t *testing.T) {
	dir := t.TempDir()
	s := &storage{body: downloadtest.Content(100)}
	ls, server := newStudio(t, "")
	ls.Handle("/", s)
	f := fetcher(t, media.Options{AllowPrivate: true, CacheDir: dir, MaxAge: time.Nanosecond, Server: server})
	first, err := f.Fetch(t.Context(), media.Request{Value: "/files/a.wav"})
	if err != nil {
		t.Fatal(err)
	}
	second, err := f.Fetch(t.Context(), media.Request{Value: "/files/a.wav"})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.seen()) != 2 || first.Path == second.Path {
		t.Errorf("%d requests, %s and %s", len(s.seen()), first.Path, second.Path)
	}
	if _, err := os.Stat(first.Path); err != nil {
		t.Error("the old copy went while it was in use")
	}
	first.Close()
	if _, err := os.Stat(first.Path); err == nil {
		t.Error("the old copy stays when nobody uses it")
	}
	second.Close()
	for range 2 {
		if _, _, err := get(t, f, media.Request{Value: "/data/upload/1/u.wav"}); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.seen()) != 3 {
		t.Errorf("%d requests: an upload never changes", len(s.seen()))
	}
}

func TestOneDownloadForMany(t *testing.T) {
	release := make(chan struct{})
	s := &storage{body: downloadtest.Content(1000)}
	s.before = func(http.ResponseWriter, *http.Request) bool { <-release; return false }
	address := host(t, s)
	var mu sync.Mutex
	var total int64
	f := fetcher(t, media.Options{AllowPrivate: true, Observe: func(kind media.Kind, bytes int64, err error) {
		mu.Lock()
		defer mu.Unlock()
		if total += bytes; err != nil || kind != media.Direct {
			t.Errorf("observed %s %v", kind, err)
		}
	}})
	var wg sync.WaitGroup
	var informed atomic.Int64
	for range 20 {
		wg.Go(func() {
			var have, of int64 // written by the download until Fetch returns
			file, err := f.Fetch(context.Background(), media.Request{Value: address + "/a.wav", Progress: func(h, total int64) { have, of = h, total }})
			if err != nil {
				t.Error(err)
				return
			}
			defer file.Close()
			if have != 0 && (have != 1000 || of != 1000) { // it may have joined when all was there
				t.Errorf("%d of %d bytes were reported", have, of)
			}
			if have != 0 {
				informed.Add(1)
			}
			if _, err := os.Stat(file.Path); err != nil {
				t.Error(err)
			}
		})
	}
	close(release)
	wg.Wait()
	if len(s.seen()) != 1 || total != 1000 || informed.Load() == 0 {
		t.Errorf("%d requests, %d bytes, %d who waited saw them come", len(s.seen()), total, informed.Load())
	}
}

func TestDownloadEndsWhenNobodyWaits(t *testing.T) {
	asked := make(chan struct{}, 2)
	left := make(chan struct{}, 2)
	s := &storage{body: downloadtest.Content(1000)}
	s.before = func(_ http.ResponseWriter, r *http.Request) bool {
		asked <- struct{}{}
		<-r.Context().Done()
		left <- struct{}{}
		return true
	}
	f := fetcher(t, media.Options{AllowPrivate: true})
	value := media.Request{Value: host(t, s) + "/a.wav"}
	one, leaveOne := context.WithCancel(t.Context())
	two, leaveTwo := context.WithCancel(t.Context())
	errs := make(chan error, 2)
	go func() { _, err := f.Fetch(one, value); errs <- err }()
	<-asked
	go func() { _, err := f.Fetch(two, value); errs <- err }()
	leaveOne()
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Errorf("the first to leave: %v", err)
	}
	leaveTwo()
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Errorf("the last to leave: %v", err)
	}
	<-left
}

func TestCloseEndsDownloads(t *testing.T) {
	asked := make(chan struct{})
	s := &storage{body: downloadtest.Content(1000)}
	s.before = func(_ http.ResponseWriter, r *http.Request) bool {
		close(asked)
		<-r.Context().Done()
		return true
	}
	dir := t.TempDir()
	f := fetcher(t, media.Options{AllowPrivate: true, CacheDir: dir})
	value := media.Request{Value: host(t, s) + "/a.wav"}
	errs := make(chan error)
	go func() { _, err := f.Fetch(context.Background(), value); errs <- err }()
	<-asked
	f.Close()
	if err := <-errs; err == nil || !strings.Contains(err.Error(), "the fetcher is closed") {
		t.Errorf("error %v", err)
	}
	if _, err := f.Fetch(t.Context(), value); err == nil || !strings.Contains(err.Error(), "the fetcher is closed") {
		t.Errorf("afterwards: %v", err)
	}
	if got := files(t, dir); len(got) != 0 {
		t.Errorf("files %q are left", got)
	}
}

func TestFolderThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	f := fetcher(t, media.Options{AllowPrivate: true, CacheDir: dir})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	_, _, err := get(t, f, media.Request{Value: host(t, &storage{body: downloadtest.Content(10)}) + "/a.wav"})
	if _, retry := media.Retryable(err); !retry || !strings.Contains(err.Error(), "media cache") {
		t.Errorf("error %v", err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		o    media.Options
		want string
	}{
		{media.Options{}, "no cache folder"},
		{media.Options{CacheDir: dir, MaxBytes: -1}, "negative"},
		{media.Options{CacheDir: dir, DocumentRoot: filepath.Join(dir, "no")}, "LOCAL_FILES_DOCUMENT_ROOT"},
		{media.Options{CacheDir: dir, DocumentRoot: dir, MediaDir: filepath.Join(dir, "no")}, "media folder"},
		{media.Options{CacheDir: dir, AllowHosts: []string{"http://x"}}, "allowed host"},
		{media.Options{CacheDir: "/dev/null/x"}, "media cache"},
	} {
		if f, err := media.New(c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, %v; want an error with %q", f, err, c.want)
		}
	}
}

func BenchmarkFetch(b *testing.B) {
	for _, size := range []int{1 << 20, 64 << 20} {
		b.Run(fmt.Sprintf("download/%dMiB", size>>20), func(b *testing.B) {
			f := fetcher(b, media.Options{AllowPrivate: true, CacheBytes: 1})
			value := host(b, &storage{body: downloadtest.Content(size)}) + "/a.wav"
			b.SetBytes(int64(size))
			for b.Loop() {
				file, err := f.Fetch(b.Context(), media.Request{Value: value})
				if err != nil {
					b.Fatal(err)
				}
				file.Close()
			}
		})
	}
	b.Run("cached", func(b *testing.B) {
		f := fetcher(b, media.Options{AllowPrivate: true})
		value := host(b, &storage{body: downloadtest.Content(1 << 10)}) + "/a.wav"
		for b.Loop() {
			file, err := f.Fetch(b.Context(), media.Request{Value: value})
			if err != nil {
				b.Fatal(err)
			}
			file.Close()
		}
	})
}
