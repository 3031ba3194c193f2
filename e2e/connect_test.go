package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/oracle"
)

// connectsWithoutModel connects a backend that cannot load its model yet, as when the
// model is large: connecting succeeds at the first click, tasks are accepted, and what was
// asked for meanwhile is pushed once there is a model. What is missing here is the
// library, so that the moment is the test's to choose.
func connectsWithoutModel(t *testing.T, h *house) {
	library := filepath.Join(t.TempDir(), "libonnxruntime.so")
	b := h.serve(t, "late", serving{token: h.personal, library: library})
	p := h.project(t, "before there is a model", template(t, "asr-using-segments"))
	c := h.connect(t, p, b)
	if status, raw := b.get(t, "/ready"); status != 503 {
		t.Errorf("/ready: %d %s", status, raw)
	}
	var hooks []struct {
		URL     string
		Project int64
	}
	h.call(t, "GET", fmt.Sprintf("/api/webhooks/?project=%d", p), nil, &hooks)
	if len(hooks) != 1 || hooks[0].URL != b.url+"/webhook" {
		t.Errorf("webhooks %+v, want one to %s/webhook", hooks, b.url)
	}
	h.upload(t, p, "reading.flac", reading(t, 0))
	eventually(t, "the task is known", 20*time.Second, func() bool { return len(b.status(t, p).Tasks) == 1 })
	if n := len(h.tasks(t, p)[0].Predictions); n != 0 {
		t.Errorf("%d predictions without a model", n)
	}
	if err := os.Symlink(oracle.Library(), library); err != nil {
		t.Fatal(err)
	}
	b.ready(t)
	k := b.settled(t, p, 1, time.Minute)[0]
	if v := k.Predictions[0].Version; v != c.Version {
		t.Errorf("the prediction has version %s, /setup said %s", v, c.Version)
	}
	b.process.end(15)
}

// creates makes a project of each of the program's labelling configurations.
func creates(t *testing.T, h *house) {
	for i, name := range []string{"calls", "interviews", "lectures", "meetings", "long-audio"} {
		p := h.create(t, name)
		h.add(t, p, object{"audio": fmt.Sprintf("%s/clip-1.flac?created=%d", h.clips, i), "alignment": []object{}, "pred_text": ""})
		k := h.main.settled(t, p, 1, 30*time.Second)[0]
		if rows, _ := k.Data["alignment"].([]any); len(rows) == 0 && len(k.Predictions[0].Result) == 0 {
			t.Errorf("%s: nothing was filled in", name)
		}
	}
}

// create makes a project by the program and returns its number.
func (h *house) create(t *testing.T, configuration string) int64 {
	t.Helper()
	cmd := exec.Command(h.program, "create", "--kind", "project", "--configuration", configuration, "--backend-url", h.main.url)
	cmd.Env = append(cleanEnv("ASR_BACKEND_", "LABEL_STUDIO_"), "LABEL_STUDIO_URL="+h.url, "LABEL_STUDIO_API_KEY="+h.personal)
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if strings.Contains(string(said), h.personal) {
		t.Error("the token is in the output")
	}
	link := regexp.MustCompile(regexp.QuoteMeta(h.url) + `/projects/(\d+)/data\n$`).FindSubmatch(said)
	if link == nil {
		t.Fatalf("no link in %q", said)
	}
	project, err := strconv.ParseInt(string(link[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// reading is the path of a recording of a few seconds; there are some.
func reading(t *testing.T, i int) string {
	t.Helper()
	names := []string{"1688-142285-0002", "2033-164914-0001", "2414-128291-0000", "1688-142285-0003", "1688-142285-0004", "1688-142285-0005"}
	return oracle.Data(t, "speech", "librispeech", names[i%len(names)]+".flac")
}

// template returns a labelling configuration of testdata/label-studio/templates.
func template(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(oracle.Data(t, "label-studio", "templates", name+".xml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// tokens connects backends with each kind of token, and with one that is wrong.
func tokens(t *testing.T, h *house) {
	for name, token := range map[string]string{"legacy token": legacy, "personal access token": h.personal} {
		t.Run(name, func(t *testing.T) {
			b := h.serve(t, strings.ReplaceAll(name, " ", "-"), serving{token: token})
			p := h.project(t, name, template(t, "automatic-speech-recognition"))
			h.connect(t, p, b)
			h.upload(t, p, "reading.flac", reading(t, 1))
			k := b.settled(t, p, 1, 30*time.Second)[0]
			got := texts(items(t, k.Predictions[0].Result))
			if want := h.transcribe(t, reading(t, 1)).Text(); len(got) != 1 || got[0] != want {
				t.Errorf("got %q, want %q", got, want)
			}
			b.process.end(15)
			h.keepsSecret(t, b, token)
		})
	}
	t.Run("a wrong token is said where people look", func(t *testing.T) {
		wrong := strings.Repeat("f", 40)
		b := h.serve(t, "wrong-token", serving{token: wrong})
		p := h.project(t, "wrong token", template(t, "automatic-speech-recognition"))
		h.connect(t, p, b)
		h.upload(t, p, "reading.flac", reading(t, 2))
		eventually(t, "the problem shows", 30*time.Second, func() bool {
			p := b.status(t, p).Problem
			return p != nil && strings.Contains(p.What, "401") && strings.Contains(p.What+p.Hint, "LABEL_STUDIO_API_KEY")
		})
		b.process.end(15)
		h.keepsSecret(t, b, wrong)
	})
}

// keepsSecret looks for a token in everything that a backend has written.
func (h *house) keepsSecret(t *testing.T, b *backend, token string) {
	t.Helper()
	raw, err := os.ReadFile(b.process.log)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), token) {
		t.Error("the token is in the log")
	}
}
