package fetch_test

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/models/internal/fetch"
)

// command is this test binary running one test with more environment.
func command(t *testing.T, test string, env ...string) *exec.Cmd {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^"+test+"$", "-test.count=1")
	c.Env = append(os.Environ(), env...)
	return c
}

// again runs command and fails if it fails.
func again(t *testing.T, test string, env ...string) {
	t.Helper()
	if out, err := command(t, test, env...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestAKilledProcessLosesNothing(t *testing.T) {
	if path := os.Getenv("FETCH_TEST_PATH"); path != "" {
		c, err := fetch.New(fetch.Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.File(t.Context(), fetch.Request{URL: os.Getenv("FETCH_TEST_URL"), Path: path})
		return
	}
	b := content(2 << 20)
	s := serve(t, b)
	s.mu.Lock() // nothing else orders this before the requests of another process
	s.fault = func(r *http.Request, n int) any {
		if n > 0 {
			return nil
		}
		return func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "2097152")
			_, _ = w.Write(b[:1<<20])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}
	}
	s.mu.Unlock()
	path := filepath.Join(t.TempDir(), "m")
	child := command(t, "TestAKilledProcessLosesNothing", "FETCH_TEST_URL="+s.URL, "FETCH_TEST_PATH="+path)
	var out bytes.Buffer
	child.Stdout, child.Stderr = &out, &out
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; {
		if info, err := os.Stat(path + ".part"); err == nil && info.Size() == 1<<20 {
			break
		}
		if time.Now().After(deadline) {
			_ = child.Process.Kill()
			_ = child.Wait()
			t.Fatalf("nothing arrived\n%s", out.String())
		}
		time.Sleep(5 * time.Millisecond) // another process shows nothing but its files
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
	c, _ := client(t, fetch.Options{})
	if _, err := c.File(t.Context(), fetch.Request{URL: s.URL, Path: path}); err != nil {
		t.Fatal(err)
	}
	whole(t, path, b)
	if got := s.requests()[1].Get("Range"); got != "bytes=1048576-" {
		t.Errorf("went on with Range %q", got)
	}
}
