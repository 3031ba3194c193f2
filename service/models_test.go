package service_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/service"
)

// slowly makes a model slow to load: its name and size are known at once, the rest takes
// its time.
func slowly(o *service.Options, d time.Duration) {
	open := o.OpenModel
	var opened atomic.Int32
	o.OpenModel = func(name, variant string) (*asr.Bundle, error) {
		if opened.Add(1) > 1 { // the first time is for the version
			time.Sleep(d)
		}
		return open(name, variant)
	}
}

func TestConnectingSucceedsWhileTheModelLoads(t *testing.T) {
	inWorld(t, func(_ *world, o *service.Options) { slowly(o, 3*time.Minute) }, func(w *world) {
		start := time.Now()
		p := w.connected("")
		if took := time.Since(start); took > time.Second {
			t.Errorf("connecting took %v", took)
		}
		status, body := w.call("GET", "/ready", nil)
		if status != 503 || !strings.Contains(string(body), "the model is being loaded") {
			t.Errorf("/ready: %d %s", status, body)
		}
		ids := w.record(p, 2)
		if n := w.retrieve(p, ids...); n != 0 {
			t.Errorf("%d predictions without a model", n)
		}
		// No job is taken meanwhile: a process that is killed now has crashed on none.
		for _, id := range ids {
			if s := w.state(id); s.State != "waiting" {
				t.Errorf("task %d without a model: %+v", id, s)
			}
		}
		w.settled(10*time.Minute, ids...)
		if status, _ := w.call("GET", "/ready", nil); status != 200 {
			t.Errorf("/ready: %d", status)
		}
	})
}

// A large model is read for its digest when it is met for the first time. Label Studio
// waits three seconds for /setup.
func TestAModelThatIsSlowToReadIsSaidInTime(t *testing.T) {
	inWorld(t, func(_ *world, o *service.Options) {
		open := o.OpenModel
		o.OpenModel = func(name, variant string) (*asr.Bundle, error) {
			time.Sleep(20 * time.Second)
			return open(name, variant)
		}
	}, func(w *world) {
		p := w.project("")
		start := time.Now()
		err := w.connect(p, "")
		if took := time.Since(start); err == nil || !strings.HasPrefix(err.Error(), "503 model tones is being read for the first time") || took > 3*time.Second {
			t.Errorf("%v after %v", err, took)
		}
		time.Sleep(20 * time.Second)
		if err := w.connect(p, ""); err != nil {
			t.Errorf("once it was read: %v", err)
		}
	})
}

func TestAMissingModelIsSaidAndFoundOnceItIsThere(t *testing.T) {
	var there atomic.Bool
	inWorld(t, func(_ *world, o *service.Options) {
		open := o.OpenModel
		o.OpenModel = func(name, variant string) (*asr.Bundle, error) {
			if !there.Load() {
				return nil, &asr.ModelError{Model: name, Err: errors.New("it is not here; pull it")}
			}
			return open(name, variant)
		}
	}, func(w *world) {
		p := w.project("")
		if err := w.connect(p, ""); err == nil || !strings.Contains(err.Error(), "400 model tones: it is not here; pull it") {
			t.Errorf("connecting gave %v", err)
		}
		time.Sleep(time.Second) // the first try is over
		for _, path := range []string{"/health", "/status", "/metrics", "/versions"} {
			if status, _ := w.call("GET", path, nil); status != 200 {
				t.Errorf("%s: %d", path, status)
			}
		}
		if status, body := w.call("GET", "/ready", nil); status != 503 || !strings.Contains(string(body), "pull it") {
			t.Errorf("/ready: %d %s", status, body)
		}
		if s := w.status(); s.Ready || !strings.Contains(s.NotReady, "pull it") {
			t.Errorf("/status: %+v", s)
		}
		time.Sleep(time.Hour)
		there.Store(true)
		w.ready() // by itself, within a minute
		if err := w.connect(p, ""); err != nil {
			t.Errorf("once it was there: %v", err)
		}
		ids := w.record(p, 1)
		w.EmitCreated(p, ids...)
		w.settled(time.Minute, ids...)
		if n := w.log.Count("model not loaded"); n != 1 {
			t.Errorf("said %d times", n)
		}
	})
}

func TestAMissingLibraryIsSaidAndFoundOnceItIsThere(t *testing.T) {
	dir := t.TempDir()
	library := filepath.Join(dir, filepath.Base(oracle.Library()))
	inWorld(t, func(_ *world, o *service.Options) { o.Library = library }, func(w *world) {
		p := w.connected("") // the version needs no library
		if status, body := w.call("GET", "/ready", nil); status != 503 {
			t.Errorf("/ready: %d %s", status, body)
		}
		ids := w.record(p, 3)
		if n := w.retrieve(p, ids...); n != 0 {
			t.Errorf("%d predictions", n)
		}
		s := w.state(ids[0])
		if s.State != "waiting" || !strings.Contains(s.Reason, library) || !strings.Contains(s.Hint, "asr-backend doctor") {
			t.Errorf("state %+v", s)
		}
		time.Sleep(10 * time.Minute)
		if err := os.Symlink(oracle.Library(), library); err != nil {
			t.Fatal(err)
		}
		w.ready()
		w.settled(time.Hour, ids...)
	})
}

func TestAWrongModelIsSaid(t *testing.T) {
	for _, name := range []string{"narrow", "two-rows", "cached", "nan"} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(_ *world, o *service.Options) { o.Defaults.Model = name }, func(w *world) {
				p := w.project("")
				_ = w.connect(p, "") // may be known to be wrong already
				w.until("refused", time.Minute, func() bool {
					_, body := w.call("GET", "/ready", nil)
					return strings.Contains(string(body), "model "+name)
				})
			})
		})
	}
}

// Two projects with models of their own, and room for one.
func TestProjectsChooseTheirModels(t *testing.T) {
	for _, room := range []int{1, 2} {
		inWorld(t, func(_ *world, o *service.Options) { o.MaxModels = room }, func(w *world) {
			w.ready()
			var all []int64
			versions := map[string]bool{}
			for _, model := range []string{"tones", "logits", "tones", "leaky"} {
				p := w.project("")
				if err := w.connect(p, `{"model":"`+model+`"}`); err != nil {
					t.Fatal(err)
				}
				versions[w.version(p)] = true
				if !strings.HasPrefix(w.version(p), model+"-") {
					t.Errorf("version %s of model %s", w.version(p), model)
				}
				ids := w.record(p, 2)
				w.EmitCreated(p, ids...)
				all = append(all, ids...)
			}
			if len(versions) != 3 {
				t.Errorf("%d versions of three models", len(versions))
			}
			w.settled(5*time.Minute, all...)
		})
	}
}

// The files of a model are replaced while it is not loaded.
func TestAReplacedModelGetsAVersionOfItsOwn(t *testing.T) {
	dir := t.TempDir()
	put := func(toy string) {
		for _, name := range []string{"model.onnx", "tokens.txt"} {
			raw, err := os.ReadFile(oracle.Data(t, "models", "toys", toy, name))
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, name), raw, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	put("tones")
	inWorld(t, func(_ *world, o *service.Options) {
		o.OpenModel = func(string, string) (*asr.Bundle, error) { return asr.OpenBundle(dir, "") }
	}, func(w *world) {
		p := w.connected("")
		first := w.version(p)
		ids := w.record(p, 1)
		w.EmitCreated(p, ids...)
		w.settled(time.Minute, ids...)
		// A restart with jobs in the queue for the model that was.
		late := w.record(p, 2)[1:]
		w.SetDown(true)
		w.EmitCreated(p, late...)
		time.Sleep(time.Minute)
		w.stop()
		put("logits")
		w.start()
		w.SetDown(false)
		if err := w.connect(p, ""); err != nil {
			t.Fatal(err)
		}
		if w.version(p) == first {
			t.Error("another model has the same version")
		}
		w.settled(time.Hour, late...)
	})
}

// Predictions stay what they are when somebody writes another name of the same model.
func TestAnAliasOfAModelChangesNothing(t *testing.T) {
	opened := atomic.Int64{}
	inWorld(t, func(_ *world, o *service.Options) {
		open := o.OpenModel
		o.OpenModel = func(name, variant string) (*asr.Bundle, error) {
			opened.Add(1)
			return open(name, variant)
		}
		o.CanonicalModel = func(name string) string {
			return map[string]string{"usual": "tones"}[name] + strings.TrimPrefix(name, "usual")
		}
	}, func(w *world) {
		p := w.connected("")
		ids := w.record(p, 2)
		w.EmitCreated(p, ids...)
		w.settled(time.Minute, ids...)
		before, loads := w.Predictions(ids[0])[0], opened.Load()
		for _, extra := range []string{`{"model":"usual"}`, `{"model":"tones"}`, ``} {
			if err := w.connect(p, extra); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Hour) // a look through the project
			w.settled(0, ids...)
			if now := w.Predictions(ids[0])[0]; now.ID != before.ID || now.Version != before.Version {
				t.Errorf("with %q: %+v, want %+v", extra, now, before)
			}
		}
		w.stop()
		w.options.Defaults.Model = "usual"
		w.start()
		w.ready()
		time.Sleep(2 * time.Hour)
		w.settled(0, ids...)
		if now := w.Predictions(ids[0])[0]; now.ID != before.ID || now.Version != before.Version || w.status().Model.Name != "tones" {
			t.Errorf("after a start: %+v, want %+v; the model is called %q", now, before, w.status().Model.Name)
		}
		if n := w.log.Count("recording transcribed"); n != 2 {
			t.Errorf("%d transcriptions of two recordings", n)
		}
		if n := opened.Load(); n != 2*loads {
			t.Errorf("the model was opened %d times by two processes, and %d times by the first one before", n, loads)
		}
	})
}
