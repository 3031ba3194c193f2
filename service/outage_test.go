package service_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/testlog"
	"github.com/asr-backend/asr-backend/internal/tones"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
	"github.com/asr-backend/asr-backend/service"
)

// answering are ways in which Label Studio, or somebody in its place, answers in an outage.
var answering = map[string]http.HandlerFunc{
	"a token that was revoked":  labelstudiotest.Answer(401, `{"detail":"Invalid token."}`),
	"a user who was taken away": labelstudiotest.Answer(403, `{"detail":"You do not have permission to perform this action."}`),
	"a page in place of JSON":   func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>We will be back soon.") },
	"a redirect to log in": func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/user/login/?next=/", http.StatusFound)
	},
	"a proxy that knows nobody": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "default backend - 404", 404) },
	"a proxy alone":             labelstudiotest.Answer(502, `<html>`),
}

func TestOutageOfLabelStudioEndsWithinSeconds(t *testing.T) {
	for name, answer := range answering {
		for _, length := range []time.Duration{20 * time.Second, 3 * time.Minute} {
			t.Run(fmt.Sprint(name, " for ", length), func(t *testing.T) {
				inWorld(t, nil, func(w *world) {
					p := w.connected("")
					w.ready()
					w.Intercept(func(rw http.ResponseWriter, r *http.Request, _ http.Handler) { answer(rw, r) })
					ids := w.record(p, 8)
					w.EmitCreated(p, ids...)
					time.Sleep(length)
					w.Intercept(nil)
					w.settled(10*time.Second, ids...)
					if n := w.metric("asr_backend_jobs_given_up_total"); n != 0 {
						t.Errorf("%v jobs were given up", n)
					}
				})
			})
		}
	}
}

// A process that is started with the right token does not wait for what the one before it had
// put off.
func TestRestartWithANewTokenEndsTheOutage(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.connected("")
		w.ready()
		w.stop()
		w.options.LabelStudio.Token = labelstudio.NewSecret("fedcba9876543210fedcba9876543210fedcba98")
		w.start()
		w.ready()
		ids := w.record(p, 8)
		w.EmitCreated(p, ids...)
		time.Sleep(10 * time.Minute)
		w.stop()
		w.options.LabelStudio.Token = labelstudio.NewSecret(token)
		w.start()
		w.settled(20*time.Second, ids...)
	})
}

// Label Studio answers, and what it fetches recordings from does not.
func TestOutageOfAStorageEndsWithinSeconds(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.connected("")
		w.ready()
		var ids []int64
		for i := range 8 { // nothing is mounted, and nothing answers
			ids = append(ids, w.AddTasks(p, map[string]any{"audio": fmt.Sprintf("/data/upload/%d/r%d.wav", p, i)})...)
		}
		w.EmitCreated(p, ids...)
		time.Sleep(3 * time.Minute)
		for i := range 8 {
			w.Upload(p, fmt.Sprintf("r%d.wav", i), tones.Recording{Seconds: 5, First: i % 4}.WAV())
		}
		// A download that began just before tries the network five times, over 19 s with the longest
		// pauses, and its job comes again 5 s later.
		w.settled(25*time.Second, ids...)
	})
}

// A job may wait for its first attempt for longer than failing ones are tried again.
func TestAJobThatWaitedForLongOutlivesAnOutage(t *testing.T) {
	if testing.Short() {
		t.Skip("takes hours of the bubble's time")
	}
	inWorld(t, func(w *world, o *service.Options) { w.slow, o.GiveUp = 2*time.Hour, time.Hour }, func(w *world) {
		p := w.connected("")
		w.ready()
		ids := w.record(p, 1)
		w.EmitCreated(p, ids...)
		w.until("transcribing", time.Minute, func() bool { return w.state(ids[0]).State == "transcribing" })
		w.Intercept(func(rw http.ResponseWriter, r *http.Request, _ http.Handler) {
			labelstudiotest.Answer(502, "<html>")(rw, r)
		})
		w.until("tried", 24*time.Hour, func() bool {
			s := w.state(ids[0])
			return s.State == "not pushed" || s.State == "to be pushed" && s.Retries > 0
		})
		w.Intercept(nil)
		w.settled(20*time.Second, ids...)
	})
}

// remote is a service in real time that fetches recordings from its Label Studio, with the
// user's personal access token.
func remote(t *testing.T, o labelstudiotest.Options) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{t: t, log: &testlog.Buffer{}}
	o.Token, o.Backends = token, w
	w.Server = labelstudiotest.New(t, o)
	w.options = options(t, dir, w.Server, w.log)
	w.options.LabelStudio.Token = labelstudio.NewSecret(w.PersonalToken())
	w.options.Media.MediaDir, w.options.Media.Transport = "", &http.Transport{}
	w.options.Media.AllowPrivate = true
	w.start()
	t.Cleanup(w.stop)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log:\n%s", w.log)
		}
	})
	w.ready()
	return w
}

// The token is taken away while recordings are fetched, and given back.
func TestRecordingsOutliveATokenThatIsRefused(t *testing.T) {
	w := remote(t, labelstudiotest.Options{})
	p := w.connected("")
	refuse := labelstudiotest.Answer(401, `{"detail":"Token is blacklisted"}`)
	w.Intercept(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.HasPrefix(r.URL.Path, "/data/") || r.URL.Path == "/api/current-user/whoami" || r.URL.Path == "/api/token/refresh/" {
			refuse(rw, r)
			return
		}
		next.ServeHTTP(rw, r)
	})
	ids := w.record(p, 8)
	w.EmitCreated(p, ids...)
	var first service.TaskStatus
	w.until("refused", 20*time.Second, func() bool {
		for _, id := range ids {
			if s := w.state(id); s.Retries > 0 && strings.Contains(s.Reason, "401") {
				first = s
				return true
			}
		}
		return false
	})
	if first.State != "waiting" || !strings.Contains(first.Reason+first.Hint, "LABEL_STUDIO_API_KEY") || strings.Contains(first.Reason, "does not have the upload") {
		t.Errorf("a task whose recording is refused: %+v", first)
	}
	w.Intercept(nil)
	w.settled(time.Minute, ids...)
}

// A refusal that anybody may have made is not believed while Label Studio cannot be asked.
func TestRefusalInAnOutageIsNotBelieved(t *testing.T) {
	w := remote(t, labelstudiotest.Options{})
	p := w.connected("")
	w.Intercept(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.HasPrefix(r.URL.Path, "/data/") || r.URL.Path == "/api/current-user/whoami" {
			http.Error(rw, "default backend - 404", http.StatusNotFound)
			return
		}
		next.ServeHTTP(rw, r)
	})
	ids := w.record(p, 3)
	w.EmitCreated(p, ids...)
	w.until("tried", 20*time.Second, func() bool { return w.state(ids[0]).Retries > 0 })
	if s := w.state(ids[0]); s.State != "waiting" || strings.Contains(s.Reason, "does not have the upload") {
		t.Errorf("%+v", s)
	}
	w.Intercept(nil)
	w.settled(time.Minute, ids...)
}

// One project may open a storage, and another one that names the same recording may not.
func TestProjectWithoutAccessHasItsProblemAlone(t *testing.T) {
	w := remote(t, labelstudiotest.Options{})
	const uri = "s3://bucket/secret.wav"
	bucket := labelstudiotest.New(t, labelstudiotest.Options{})
	bucket.Handle("/a.wav", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "audio/wav")
		_, _ = rw.Write(tones.Recording{Seconds: 5}.WAV()) // the client is gone
	}))
	w.AddCloudFile(uri, bucket.URL+"/a.wav")
	allowed, other := w.connected(""), w.connected("")
	foreign := w.AddTasks(other, map[string]any{"audio": uri})
	ids := w.AddTasks(allowed, map[string]any{"audio": uri}, map[string]any{"audio": uri})
	w.Intercept(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		switch path := r.URL.Path; {
		case strings.HasPrefix(path, fmt.Sprintf("/tasks/%d/", foreign[0])), strings.HasPrefix(path, fmt.Sprintf("/projects/%d/", other)):
			labelstudiotest.Answer(403, `{"detail":"You do not have permission to perform this action."}`)(rw, r)
		case strings.HasPrefix(path, fmt.Sprintf("/tasks/%d/", ids[0])): // deleted
			labelstudiotest.Answer(404, `{"detail":"Not found."}`)(rw, r)
		default:
			next.ServeHTTP(rw, r)
		}
	})
	w.EmitCreated(other, foreign...)
	w.EmitCreated(allowed, ids...)
	w.settled(time.Minute, ids...)
	w.until("refused", time.Minute, func() bool { return strings.Contains(w.state(foreign[0]).Reason, "403") })
	if rows := w.Predictions(foreign[0]); len(rows) != 0 {
		t.Errorf("the project without access got %+v", rows)
	}
	if s := w.state(ids[1]); s.State != "pushed" || s.Reason != "" {
		t.Errorf("a task of the project with access: %+v", s)
	}
}
