package jobs

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/priority"
)

// unpack extracts an archive of this repository.
func unpack(t *testing.T, archive, dir string) {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, h.Name)
		if h.Typeflag == tar.TypeDir {
			err = os.MkdirAll(name, 0o755)
		} else {
			var data []byte
			if data, err = io.ReadAll(r); err == nil {
				err = os.WriteFile(name, data, 0o644)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestADirectoryOfAnEarlierVersionOpens(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	unpack(t, filepath.Join("testdata", "directory-v1.tar.gz"), dir)
	// Its ended jobs are older than they are kept, from some day on.
	o := Options{Dir: dir, Source: "studio:8080", tidy: time.Hour}
	q := open(t, o)
	if err := q.Health(); err != nil {
		t.Error(err)
	}
	if got, err := q.Result(ctx, "done"); err != nil || string(got) != "text" {
		t.Errorf("result %q, %v", got, err)
	}
	if j, err := q.Get(ctx, "dead"); err != nil || j.State != Discarded || j.Reason != "cut file" {
		t.Errorf("the dead job: %+v, %v", j, err)
	}
	l := take(t, q, "asr")
	if j := l.Job(); j.Key != "queued" || j.Class != priority.Opened || j.Retries != 1 || j.Reason != "refused" || string(j.Payload) != "{}" {
		t.Errorf("took %+v", j)
	}
	if err := l.Finish(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if j := take(t, q, "push").Job(); j.Key != "waits" || j.After != "queued" {
		t.Errorf("took %+v", j)
	}
	if got, _, err := q.Values("7").Get(ctx, "k"); err != nil || got != "v" {
		t.Errorf("value %q, %v", got, err)
	}
	if keys, err := q.Values("7").Keys(ctx); err != nil || len(keys) != 1 {
		t.Errorf("keys %q, %v", keys, err)
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	o.Source = "other:8080"
	wantErr(t, reopen(t, o), ErrSource)
}
