package download_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/diskspace"
	"github.com/asr-backend/asr-backend/internal/download"
	"github.com/asr-backend/asr-backend/internal/download/downloadtest"
)

func status(code int, headers ...string) func(int, http.ResponseWriter) bool {
	return func(_ int, w http.ResponseWriter) bool {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
		return true
	}
}

// first lets an answer happen so often, and the server answer then.
func first(n int, f func(int, http.ResponseWriter) bool) func(int, http.ResponseWriter) bool {
	return func(i int, w http.ResponseWriter) bool { return i < n && f(i, w) }
}

const size = 300_000

// TestServers meets every way of a server to fail with its documented outcome.
func TestServers(t *testing.T) {
	body := downloadtest.Content(size)
	for name, c := range map[string]struct {
		server   *server
		options  download.Options
		requests int
		err      string // empty: the file comes whole
		retry    bool
		unsure   bool
	}{
		"all is well":                               {server: &server{etag: `"1"`}, requests: 1},
		"no ranges":                                 {server: &server{noRanges: true}, requests: 1},
		"cut again and again, with a validator":     {server: &server{etag: `"1"`, cut: 70_000}, requests: 5},
		"cut again and again, without a validator":  {server: &server{cut: 70_000}, requests: 5},
		"cut, and later ranges are short":           {server: &server{etag: `"1"`, cut: 100_000, maxRange: 40_000}, requests: 6},
		"later ranges state no size":                {server: &server{etag: `"1"`, cut: 100_000, noTotal: true}, requests: 3},
		"a weak validator is not sent":              {server: &server{etag: `W/"1"`, cut: 200_000}, requests: 2},
		"no length, no ranges":                      {server: &server{noRanges: true, noLength: true}, requests: 2, unsure: true},
		"no length, and no answer behind the end":   {server: &server{noLength: true, before: second(status(403))}, requests: 2, unsure: true},
		"no length, and an outage behind the end":   {server: &server{noLength: true, before: second(status(503))}, requests: 3},
		"no ranges and always cut":                  {server: &server{noRanges: true, cut: 100_000}, requests: 5, err: "it always starts over", retry: true},
		"cut so that it looks like the end":         {server: &server{noLength: true, cut: 100_000, cutClean: true, etag: `"1"`}, requests: 3},
		"short, and it looks like the end":          {server: &server{cutClean: true, cut: 100_000}, requests: 3},
		"stalls once":                               {server: &server{etag: `"1"`, stall: 5000}, options: download.Options{Stall: 50 * time.Millisecond}, requests: 2},
		"promises more than it has":                 {server: &server{promise: size + 1000}, requests: 2, err: "301000 bytes were promised, only 300000 can be had"},
		"too large, and says so":                    {server: &server{}, options: download.Options{MaxBytes: 1000}, requests: 1, err: "it is too large: 300000 bytes"},
		"too large, and does not say so":            {server: &server{noLength: true, noRanges: true}, options: download.Options{MaxBytes: 1000}, requests: 1, err: "it is too large"},
		"404":                                       {server: &server{before: status(404)}, requests: 1, err: "404 Not Found"},
		"501":                                       {server: &server{before: status(501)}, requests: 1, err: "501 Not Implemented"},
		"424 for ever":                              {server: &server{before: status(424)}, options: download.Options{Tries: 3}, requests: 3, err: "424 Failed Dependency", retry: true},
		"429 for a moment":                          {server: &server{before: first(2, status(429))}, requests: 3},
		"429 for an hour":                           {server: &server{before: status(429, "Retry-After", "3600")}, requests: 1, err: "429 Too Many Requests", retry: true},
		"500 for ever":                              {server: &server{before: status(500)}, options: download.Options{Tries: 2}, requests: 2, err: "500 Internal Server Error", retry: true},
		"503 for a moment":                          {server: &server{before: first(3, status(503, "Retry-After", "0"))}, requests: 4},
		"nothing":                                   {server: &server{before: status(200)}, requests: 1, err: "it is empty"},
		"another range than was asked for":          {server: &server{before: status(206, "Content-Range", "bytes 5-9/100")}, requests: 1, err: `asked from byte 0, got "bytes 5-9/100"`},
		"another range once, after a cut":           {server: &server{cut: 200_000, before: second(status(206, "Content-Range", "bytes 5-9/100"))}, requests: 4},
		"another range always, after a cut":         {server: &server{cut: 100_000, before: odd(status(206, "Content-Range", "bytes 5-9/100"))}, requests: 8, err: `asked from byte 100000, got "bytes 5-9/100"`},
		"no range and no size, after a cut":         {server: &server{cut: 200_000, before: second(status(416))}, requests: 4},
		"shorter than what is there, after a cut":   {server: &server{cut: 200_000, before: second(status(416, "Content-Range", "bytes */10"))}, requests: 4},
		"no length, no size, no bytes behind":       {server: &server{noLength: true, before: second(status(416))}, requests: 2},
		"no length, no bytes behind, but more said": {server: &server{noLength: true, before: second(status(416, "Content-Range", "bytes */400000"))}, requests: 2, err: "400000 bytes were promised, only 300000 can be had"},
	} {
		t.Run(name, func(t *testing.T) {
			s := c.server
			s.body = body
			var waits []time.Duration
			o := at(t, s, &waits)
			o.Stall, o.MaxBytes, o.Tries = c.options.Stall, c.options.MaxBytes, c.options.Tries
			sure, err := download.Run(t.Context(), o)
			if len(s.requests) != c.requests {
				t.Errorf("%d requests, want %d: %q", len(s.requests), c.requests, s.requests)
			}
			if c.err != "" {
				var refused *download.Error
				if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.err) || download.Temporary(err) != c.retry {
					t.Fatalf("error %v (temporary %v), want one with %q (%v)", err, download.Temporary(err), c.err, c.retry)
				}
				if !strings.HasSuffix(refused.URL, "/dir/file") {
					t.Errorf("address %s", refused.URL)
				}
				return
			}
			if err != nil || sure == c.unsure {
				t.Fatalf("sure %v, %v", sure, err)
			}
			holds(t, o, body)
		})
	}
}

func second(f func(int, http.ResponseWriter) bool) func(int, http.ResponseWriter) bool {
	return func(i int, w http.ResponseWriter) bool { return i == 1 && f(i, w) }
}

func odd(f func(int, http.ResponseWriter) bool) func(int, http.ResponseWriter) bool {
	return func(i int, w http.ResponseWriter) bool { return i%2 == 1 && f(i, w) }
}

func TestRequestsForWhatIsMissing(t *testing.T) {
	for name, c := range map[string]struct {
		etag    string
		unmixed bool
		want    []string
	}{
		"with a strong validator":                     {`"1"`, false, []string{"", `bytes=100000- "1"`, `bytes=200000- "1"`}},
		"without one, where a mix would be noticed":   {`W/"1"`, true, []string{"", "bytes=100000-", "bytes=200000-"}},
		"without one, where a mix would go unnoticed": {`W/"1"`, false, []string{"", "", "", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			var waits []time.Duration
			s := &server{body: downloadtest.Content(size), etag: c.etag, cut: 100_000}
			o := at(t, s, &waits)
			o.Start.Unmixed = c.unmixed
			_, err := download.Run(t.Context(), o)
			if !slices.Equal(s.requests, c.want) || (err == nil) != (len(c.want) == 3) {
				t.Errorf("requests %q, %v; want %q", s.requests, err, c.want)
			}
		})
	}
}

func TestContentThatChangesOnTheWay(t *testing.T) {
	for name, change := range map[string]func(*server){
		"the server honors If-Range":                     func(s *server) { s.etag = `"2"` },
		"the server ignores If-Range":                    func(s *server) { s.etag, s.noIfRange = `"2"`, true },
		"the server ignores it and has no validator now": func(s *server) { s.etag, s.noIfRange, s.cut = "", true, 0 },
	} {
		t.Run(name, func(t *testing.T) {
			var waits []time.Duration
			now := downloadtest.Content(size + 1000)
			now[0]++
			s := &server{body: downloadtest.Content(size), etag: `"1"`, cut: 200_000}
			s.before = func(n int, _ http.ResponseWriter) bool {
				if n == 1 {
					s.body = now
					change(s)
				}
				return false
			}
			for _, unmixed := range []bool{true, false} {
				s.requests, s.body, s.etag, s.noIfRange, s.cut = nil, downloadtest.Content(size), `"1"`, false, 200_000
				o := at(t, s, &waits)
				o.Start.Unmixed = unmixed
				if _, err := download.Run(t.Context(), o); err != nil {
					t.Fatal(err)
				}
				holds(t, o, now)
			}
		})
	}
}

func TestContentThatAlwaysChanges(t *testing.T) {
	var waits []time.Duration
	s := &server{body: downloadtest.Content(size), cut: 100_000, noIfRange: true}
	s.before = func(n int, _ http.ResponseWriter) bool {
		s.etag = strconv.Quote(strconv.Itoa(n))
		return false
	}
	if _, err := download.Run(t.Context(), at(t, s, &waits)); !errors.Is(err, download.ErrChanged) || len(s.requests) != 8 {
		t.Errorf("%v after %d requests", err, len(s.requests))
	}
}

func TestPauses(t *testing.T) {
	for name, c := range map[string]struct {
		server *server
		waits  []time.Duration // the least; at most a quarter more
	}{
		"failures double it":          {&server{before: first(4, status(500))}, []time.Duration{1 * time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}},
		"the server asks for a time":  {&server{before: first(2, status(503, "Retry-After", "7"))}, []time.Duration{7 * time.Second, 7 * time.Second}},
		"a short range is no failure": {&server{maxRange: 100_000, cut: 200_000}, []time.Duration{0}},
		"bytes make the count start anew": {&server{cut: 200_000, before: func(n int, w http.ResponseWriter) bool {
			return (n == 0 || n == 2) && status(500)(n, w)
		}}, []time.Duration{time.Second, 0, time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			c.server.body = downloadtest.Content(size)
			var waits []time.Duration
			if _, err := download.Run(t.Context(), at(t, c.server, &waits)); err != nil {
				t.Fatal(err)
			}
			if len(waits) != len(c.waits) {
				t.Fatalf("waited %v, want about %v", waits, c.waits)
			}
			for i, least := range c.waits {
				if most := max(least*5/4, time.Second); waits[i] < least || waits[i] > most {
					t.Errorf("wait %d of %v, want %v to %v", i, waits[i], least, most)
				}
			}
		})
	}
}

func TestALaterProcessGoesOn(t *testing.T) {
	var waits []time.Duration
	body := downloadtest.Content(size)
	s := &server{body: body, etag: `"1"`, before: first(2, status(404))}
	o := at(t, s, &waits)
	var saved []download.State
	o.Save = func(s download.State) error { saved = append(saved, s); return nil }
	o.Start = download.State{ETag: `"1"`, Size: size}
	if _, err := o.File.Write(body[:1000]); err != nil {
		t.Fatal(err)
	}
	if _, err := download.Run(t.Context(), o); err == nil {
		t.Fatal("no error")
	}
	holds(t, o, body[:1000])
	s.before = nil
	if _, err := download.Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	holds(t, o, body)
	if want := (download.State{ETag: `"1"`, Size: size}); !slices.Equal(saved, []download.State{want}) {
		t.Errorf("saved %+v, want %+v", saved, want)
	}
	n := len(s.requests)
	if _, err := download.Run(t.Context(), o); err != nil || len(s.requests) != n {
		t.Errorf("%v after %d requests for what is there", err, len(s.requests)-n)
	}
}

func TestWhatTheCallerRefuses(t *testing.T) {
	var waits []time.Duration
	s := &server{body: downloadtest.Content(size)}
	o := at(t, s, &waits)
	errJudged := errors.New("not this one")
	o.Judge = func(*http.Response, *download.State) error { return errJudged }
	if _, err := download.Run(t.Context(), o); !errors.Is(err, errJudged) || len(s.requests) != 1 {
		t.Errorf("%v after %d requests", err, len(s.requests))
	}
	o.Judge = func(_ *http.Response, s *download.State) error { s.Size = size - 1; return nil }
	var length *download.LengthError
	if _, err := download.Run(t.Context(), o); !errors.As(err, &length) || len(s.requests) != 2 {
		t.Errorf("%v after %d requests", err, len(s.requests))
	}
	holds(t, o, nil)
}

func TestFailuresOnThisSideAreNotRetried(t *testing.T) {
	for name, spoil := range map[string]func(*testing.T, *download.Options){
		"a file that cannot be written": func(t *testing.T, o *download.Options) {
			f, err := os.Open(o.File.Name())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { f.Close() })
			o.File = f
		},
		"a state that cannot be saved": func(_ *testing.T, o *download.Options) {
			o.Save = func(download.State) error { return syscall.EIO }
		},
		"a file that does not fit": func(_ *testing.T, o *download.Options) {
			o.Judge = func(_ *http.Response, s *download.State) error { s.Size = 1 << 60; return nil }
		},
	} {
		t.Run(name, func(t *testing.T) {
			var waits []time.Duration
			s := &server{body: downloadtest.Content(size)}
			o := at(t, s, &waits)
			spoil(t, &o)
			_, err := download.Run(t.Context(), o)
			var own *download.FileError
			if !errors.As(err, &own) || len(s.requests) != 1 {
				t.Errorf("%v after %d requests", err, len(s.requests))
			}
			var short *diskspace.ShortageError
			if strings.Contains(name, "fit") && (!errors.As(err, &short) || short.Folder != filepath.Dir(o.File.Name()) || !errors.Is(err, syscall.ENOSPC)) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestTheCauseOfAnEnd(t *testing.T) {
	var waits []time.Duration
	s := &server{body: downloadtest.Content(size), stall: 5000}
	o := at(t, s, &waits)
	errWhy := errors.New("why")
	ctx, cancel := context.WithCancelCause(t.Context())
	o.Progress = func(have, total int64) {
		if have == 5000 && total == size {
			cancel(errWhy)
		}
	}
	if _, err := download.Run(ctx, o); err != errWhy {
		t.Errorf("got %v", err)
	}
	holds(t, o, s.body[:5000])
}

func TestHeads(t *testing.T) {
	body := downloadtest.Content(size)
	for name, c := range map[string]struct {
		server *server
		head   int
		size   int64
		err    error
	}{
		"of a long file":          {&server{body: body}, 100, size, nil},
		"of a short file":         {&server{body: body[:10]}, 10, 10, nil},
		"of one of unknown size":  {&server{body: body, noLength: true}, 100, -1, nil},
		"of an empty file":        {&server{}, 0, 0, download.ErrEmpty},
		"of one without a length": {&server{noLength: true}, 0, 0, download.ErrEmpty},
		"of one that never comes": {&server{body: body, stall: 10}, 0, 0, download.ErrStalled},
	} {
		t.Run(name, func(t *testing.T) {
			var waits []time.Duration
			o := at(t, c.server, &waits)
			o.File = nil
			o.Stall = 10 * time.Second
			if c.err == download.ErrStalled {
				o.Stall = 50 * time.Millisecond
			}
			head, size, err := download.Head(t.Context(), o, 100)
			if !errors.Is(err, c.err) || string(head) != string(body[:c.head]) || size != c.size {
				t.Errorf("%d bytes of %d, %v; want %d of %d, %v", len(head), size, err, c.head, c.size, c.err)
			}
		})
	}
	var waits []time.Duration
	o := at(t, &server{before: status(404)}, &waits)
	if _, _, err := download.Head(t.Context(), o, 100); err == nil || fmt.Sprint(err) != "the server answered 404 Not Found" {
		t.Errorf("error %v", err)
	}
}
