package unpack_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/models/internal/unpack"
)

// archive makes a tar of entries.
func archive(t testing.TB, entries ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range entries {
		body := []byte(h.Linkname)
		if h.Typeflag == tar.TypeReg {
			h.Size, h.Linkname = int64(len(body)), ""
		}
		h.Mode = 0o644
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := w.Write(body); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// file is an entry with text in it.
func file(name, text string) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Linkname: text}
}

// written returns the names and contents of all that lies in a folder.
func written(t *testing.T, folder string) map[string]string {
	t.Helper()
	got := map[string]string{}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		got[e.Name()] = string(b)
	}
	return got
}

// want are two files of an archive, as models come in them.
func want(folder string) []unpack.File {
	return []unpack.File{
		{Name: "root/model.onnx", To: filepath.Join(folder, "model.onnx"), Size: 5},
		{Name: "root/tokens.txt", To: filepath.Join(folder, "tokens.txt")},
	}
}

func TestWantedFilesAreTakenOut(t *testing.T) {
	folder := t.TempDir()
	b := archive(t, tar.Header{Typeflag: tar.TypeDir, Name: "./root/"}, file("./root/model.onnx", "graph"),
		file("root/test_wavs/0.wav", "sound"), file("root/tokens.txt", "a 0"), file("model.onnx", "not this one"))
	if err := unpack.Tar(t.Context(), bytes.NewReader(b), want(folder)); err != nil {
		t.Fatal(err)
	}
	got := written(t, folder)
	if len(got) != 2 || got["model.onnx"] != "graph" || got["tokens.txt"] != "a 0" {
		t.Errorf("got %v", got)
	}
}

func TestBadArchivesAreRefused(t *testing.T) {
	good := []tar.Header{file("root/model.onnx", "graph"), file("root/tokens.txt", "a 0")}
	for name, test := range map[string]struct {
		entries []tar.Header
		say     string
	}{
		"a name that climbs":                {append([]tar.Header{file("../evil", "x")}, good...), "outside"},
		"a name that climbs on the way":     {append([]tar.Header{file("root/../../evil", "x")}, good...), "outside"},
		"an absolute name":                  {append([]tar.Header{file("/tmp/evil", "x")}, good...), "outside"},
		"a name with backslashes":           {append([]tar.Header{file(`..\evil`, "x")}, good...), "outside"},
		"a link that climbs":                {append([]tar.Header{{Typeflag: tar.TypeSymlink, Name: "../l", Linkname: "/etc"}}, good...), "outside"},
		"a wanted file is a symbolic link":  {[]tar.Header{{Typeflag: tar.TypeSymlink, Name: "root/model.onnx", Linkname: "/etc/passwd"}}, "not a plain file"},
		"a wanted file is a hard link":      {[]tar.Header{{Typeflag: tar.TypeLink, Name: "root/model.onnx", Linkname: "/etc/passwd"}}, "not a plain file"},
		"a wanted file is a device":         {[]tar.Header{{Typeflag: tar.TypeChar, Name: "root/model.onnx"}}, "not a plain file"},
		"a wanted file is a folder":         {[]tar.Header{{Typeflag: tar.TypeDir, Name: "root/model.onnx"}}, "not a plain file"},
		"a wanted file has another length":  {[]tar.Header{file("root/model.onnx", "longer graph")}, "12 bytes, not 5"},
		"a wanted file is missing":          {good[:1], "no root/tokens.txt"},
		"a wanted file lies somewhere else": {[]tar.Header{good[0], file("root/deeper/tokens.txt", "a 0")}, "no root/tokens.txt"},
		"there is nothing in it":            {nil, "the archive has no root/"},
	} {
		t.Run(name, func(t *testing.T) {
			outer := t.TempDir()
			folder := filepath.Join(outer, "inner")
			if err := os.Mkdir(folder, 0o777); err != nil {
				t.Fatal(err)
			}
			err := unpack.Tar(t.Context(), bytes.NewReader(archive(t, test.entries...)), want(folder))
			if err == nil || !strings.Contains(err.Error(), test.say) {
				t.Errorf("got %v, want %q", err, test.say)
			}
			if entries, _ := os.ReadDir(outer); len(entries) != 1 {
				t.Errorf("outside of the folder: %v", entries)
			}
		})
	}
}

func TestASecondFileOfTheSameNameIsNotUsed(t *testing.T) {
	folder := t.TempDir()
	b := archive(t, file("root/model.onnx", "graph"), file("root/tokens.txt", "a 0"), file("root/model.onnx", "other"))
	if err := unpack.Tar(t.Context(), bytes.NewReader(b), want(folder)); err != nil {
		t.Fatal(err)
	}
	if got := written(t, folder)["model.onnx"]; got != "graph" {
		t.Errorf("got %q", got)
	}
}

func TestACutArchiveIsAnError(t *testing.T) {
	b := archive(t, file("root/model.onnx", "graph"), file("root/tokens.txt", strings.Repeat("piece 0\n", 1000)))
	for _, n := range []int{1, 511, 512, 700, 1024, 1536, 3000} {
		if err := unpack.Tar(t.Context(), bytes.NewReader(b[:n]), want(t.TempDir())); err == nil {
			t.Errorf("the first %d bytes are enough", n)
		}
	}
}

func TestCancelling(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := unpack.Tar(ctx, bytes.NewReader(archive(t, file("root/model.onnx", "graph"))), want(t.TempDir()))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// The archives that are out there were made by tar and bzip2, not by Go.
func TestAnArchiveOfTarAndBzip2(t *testing.T) {
	source, folder := t.TempDir(), t.TempDir()
	if err := os.MkdirAll(filepath.Join(source, "root", "test_wavs"), 0o777); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"model.onnx": "graph", "tokens.txt": "a 0", "test_wavs/0.wav": "sound"} {
		if err := os.WriteFile(filepath.Join(source, "root", name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	made := exec.Command("tar", "cjf", "a.tar.bz2", "./root")
	made.Dir = source
	if out, err := made.CombinedOutput(); err != nil {
		t.Skipf("no tar with bzip2 here: %v %s", err, out)
	}
	f, err := os.Open(filepath.Join(source, "a.tar.bz2"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unpack.BZ2(t.Context(), f, want(folder)); err != nil {
		t.Fatal(err)
	}
	if got := written(t, folder); len(got) != 2 || got["model.onnx"] != "graph" {
		t.Errorf("got %v", got)
	}
}

// A file of holes takes a kilobyte in an archive and a gigabyte outside.
func TestAFileOfHolesIsRefused(t *testing.T) {
	source := t.TempDir()
	if err := os.Mkdir(filepath.Join(source, "root"), 0o777); err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int64{"model.onnx": 5, "tokens.txt": 1 << 30} {
		f, err := os.Create(filepath.Join(source, "root", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	for _, format := range []string{"pax", "gnu"} {
		made := exec.Command("tar", "cf", "-", "--sparse", "--format="+format, "root")
		made.Dir = source
		b, err := made.Output()
		if err != nil || len(b) > 1<<20 {
			t.Skipf("no tar that knows holes here: %v, %d bytes", err, len(b))
		}
		folder := t.TempDir()
		if err := unpack.Tar(t.Context(), bytes.NewReader(b), want(folder)); err == nil || !strings.Contains(err.Error(), "not a plain file") {
			t.Errorf("%s: got %v", format, err)
		}
		if got, _ := os.ReadDir(folder); len(got) > 1 {
			t.Errorf("%s: wrote %v", format, got)
		}
	}
}

// Whatever the bytes are, nothing is written but what was asked for, and no more of it
// than it may be.
func FuzzTar(f *testing.F) {
	f.Add(archive(f, file("root/model.onnx", "graph"), file("root/tokens.txt", "a 0")))
	f.Add(archive(f, file("../evil", "x")))
	f.Add(archive(f, tar.Header{Typeflag: tar.TypeSymlink, Name: "root/model.onnx", Linkname: "/etc/passwd"}))
	f.Add(archive(f, tar.Header{Typeflag: tar.TypeReg, Name: strings.Repeat("long/", 60) + "root/model.onnx", Linkname: "graph"}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		outer := t.TempDir()
		folder := filepath.Join(outer, "inner")
		if err := os.Mkdir(folder, 0o777); err != nil {
			t.Fatal(err)
		}
		err := unpack.Tar(t.Context(), bytes.NewReader(b), want(folder))
		got := written(t, folder)
		for name, text := range got {
			if name != "model.onnx" && name != "tokens.txt" || len(text) > len(b) {
				t.Fatalf("wrote %s of %d bytes from %d", name, len(text), len(b))
			}
		}
		if err == nil && (len(got) != 2 || len(got["model.onnx"]) != 5) {
			t.Fatalf("no error, but %v", got)
		}
		if entries, _ := os.ReadDir(outer); len(entries) != 1 {
			t.Fatalf("outside of the folder: %v", entries)
		}
	})
}

func FuzzBZ2(f *testing.F) {
	f.Add([]byte("BZh91AY&SY"))
	f.Fuzz(func(t *testing.T, b []byte) {
		folder := t.TempDir()
		if err := unpack.BZ2(t.Context(), bytes.NewReader(b), want(folder)); err == nil && len(written(t, folder)) != 2 {
			t.Fatal("no error, and not both files")
		}
	})
}
