package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/models"

	"github.com/rogpeppe/go-internal/testscript"
)

// mirror is a server that has the toy model "tones" under the addresses of published
// ones.
type mirror struct {
	*httptest.Server
	graph, vocabulary []byte
	sent              chan struct{} // receives when half of the Dutch model is sent
}

func newMirror(t *testing.T) *mirror {
	t.Helper()
	m := &mirror{sent: make(chan struct{}, 1)}
	for name, b := range map[string]*[]byte{"model.onnx": &m.graph, "tokens.txt": &m.vocabulary} {
		var err error
		if *b, err = os.ReadFile(oracle.Data(t, "models", "toys", "tones", name)); err != nil {
			t.Fatal(err)
		}
	}
	m.Server = httptest.NewServer(m)
	t.Cleanup(m.Close)
	return m
}

// ServeHTTP has French, Italian without its vocabulary, Polish with a page in its place,
// and half of Dutch until it is asked for the rest. Of models whose length is known it
// has others.
func (m *mirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b := m.graph
	if strings.HasSuffix(r.URL.Path, ".txt") {
		b = m.vocabulary
	}
	w.Header().Set("ETag", `"1"`)
	switch path := r.URL.Path; {
	case strings.HasSuffix(path, "/stt_it_fastconformer_hybrid_large_pc_onnx/resolve/main/vocab.txt"):
		http.NotFound(w, r)
		return
	case strings.HasSuffix(path, "/stt_pl_fastconformer_hybrid_large_pc_onnx/resolve/main/vocab.txt"):
		b = []byte("<html>Please log in</html>")
	case strings.HasSuffix(path, "/stt_nl_fastconformer_hybrid_large_pc_onnx/resolve/main/model.onnx") && r.Header.Get("Range") == "":
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
		_, _ = w.Write(b[:len(b)/2])
		w.(http.Flusher).Flush()
		m.sent <- struct{}{}
		<-r.Context().Done()
		return
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
}

// half waits until half of the Dutch model is sent: half.
func (m *mirror) half(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: half")
	}
	<-m.sent
}

func TestTheMovingLine(t *testing.T) {
	m := meter{first: 100e6}
	for want, test := range map[string]struct {
		progress models.Progress
		took     time.Duration
	}{
		"a  model.onnx  120 MB of 458 MB  26 %":                       {models.Progress{Model: "a", File: "model.onnx", Have: 120e6, Total: 458e6}, 0},
		"a  model.onnx  120 MB of 458 MB  26 %  10.0 MB/s  0:34 left": {models.Progress{Model: "a", File: "model.onnx", Have: 120e6, Total: 458e6}, 2 * time.Second},
		"a  model.onnx  1.2 GB  550.0 MB/s":                           {models.Progress{Model: "a", File: "model.onnx", Have: 1200e6}, 2 * time.Second},
		"a  model.onnx  100 MB of 458 MB  21 %  0.0 MB/s":             {models.Progress{Model: "a", File: "model.onnx", Have: 100e6, Total: 458e6}, 2 * time.Second},
		"a  model.onnx  458 MB of 458 MB  100 %  179.0 MB/s":          {models.Progress{Model: "a", File: "model.onnx", Have: 458e6, Total: 458e6}, 2 * time.Second},
	} {
		if got := m.text(test.progress, test.took); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestTheMovingLineIsRemovedBeforeAnother(t *testing.T) {
	var out bytes.Buffer
	m := meter{w: &out, terminal: true}
	m.progress(models.Progress{Model: "a", File: "f", Have: 1, Total: 2})
	m.line("done")
	m.end()
	if got := out.String(); strings.Count(got, "\r\x1b[K") != 2 || !strings.HasSuffix(got, "\r\x1b[Kdone\n") {
		t.Errorf("got %q", got)
	}
	out.Reset()
	m.terminal = false
	m.progress(models.Progress{Model: "a", File: "f", Have: 2, Total: 2})
	if out.Len() != 0 {
		t.Errorf("got %q on no terminal", out.String())
	}
}
