package modelpool_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/internal/sealed"
	"github.com/asr-backend/asr-backend/service/modelpool"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// toys opens toy models and counts how often.
type toys struct {
	t      *testing.T
	opened atomic.Int32
	fail   atomic.Pointer[error]
}

func (y *toys) open(name, variant string) (*asr.Bundle, error) {
	y.opened.Add(1)
	if err := y.fail.Load(); err != nil {
		return nil, *err
	}
	return asr.OpenBundle(oracle.Data(y.t, "models", "toys", name), variant)
}

func newPool(t *testing.T, o modelpool.Options) *modelpool.Pool {
	t.Helper()
	o.Library, o.Recognizer = oracle.Library(), asr.Options{Provider: ort.CPU, Threads: 1}
	p, err := modelpool.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return p
}

func TestIdentitiesNeedNoLibraryAndAreRememberedBetweenRestarts(t *testing.T) {
	y := &toys{t: t}
	file := filepath.Join(t.TempDir(), "new", "digests.json")
	first := newPool(t, modelpool.Options{Open: y.open, DigestFile: file})
	id, err := first.Identity(t.Context(), modelpool.Key{Name: "tones"})
	if err != nil || id.Name != "tones" || len(id.Digest) != 64 {
		t.Fatalf("got %+v, %v", id, err)
	}
	if again, err := first.Identity(t.Context(), modelpool.Key{Name: "tones"}); again != id || err != nil || y.opened.Load() != 1 {
		t.Errorf("asked again: %+v, %v after %d reads", again, err, y.opened.Load())
	}
	raw, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(raw), id.Digest) {
		t.Fatalf("remembered %s, %v", raw, err)
	}
	// The digest comes from the file, for as long as the model's files are the same.
	lie := strings.Repeat("0", 64)
	known := map[string]string{}
	if _, err := sealed.Read(file, &known); err != nil || len(known) != 1 {
		t.Fatalf("remembered %v, %v", known, err)
	}
	for key := range known {
		known[key] = lie
	}
	if err := sealed.Write(file, known); err != nil {
		t.Fatal(err)
	}
	second := newPool(t, modelpool.Options{Open: y.open, DigestFile: file})
	if got, err := second.Identity(t.Context(), modelpool.Key{Name: "tones"}); err != nil || got.Digest != lie {
		t.Errorf("after a restart: %+v, %v", got, err)
	}
}

// A digest with a flipped bit is no other version of the model: all predictions would be made
// anew for it.
func TestDamagedDigestsAreComputedAgain(t *testing.T) {
	y := &toys{t: t}
	file := filepath.Join(t.TempDir(), "digests.json")
	id, err := newPool(t, modelpool.Options{Open: y.open, DigestFile: file}).Identity(t.Context(), modelpool.Key{Name: "tones"})
	if err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	digit := bytes.Index(good, []byte(id.Digest))
	for name, content := range map[string][]byte{
		"a flipped bit":      append(append(bytes.Clone(good[:digit]), good[digit]^1), good[digit+1:]...),
		"cut off":            good[:len(good)/2],
		"nothing":            {},
		"an earlier version": bytes.ReplaceAll(good, []byte(`,"crc32c"`), []byte(`,"other"`)),
	} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := newPool(t, modelpool.Options{Open: y.open, DigestFile: file}).Identity(t.Context(), modelpool.Key{Name: "tones"})
		if err != nil || got != id {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, id)
		}
		if renewed, err := os.ReadFile(file); err != nil || !bytes.Equal(renewed, good) {
			t.Errorf("%s: afterwards the file is %q, %v", name, renewed, err)
		}
	}
}

func TestAnIdentityIsWaitedForOnlyAsLongAsTheCallerCan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := &toys{t: t}
		p := newPool(t, modelpool.Options{Open: func(name, variant string) (*asr.Bundle, error) {
			time.Sleep(20 * time.Second)
			return y.open(name, variant)
		}})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if _, err := p.Identity(ctx, modelpool.Key{Name: "tones"}); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "model tones is being read") {
			t.Errorf("got %v", err)
		}
		if _, err := p.Identity(t.Context(), modelpool.Key{Name: "tones"}); err != nil || y.opened.Load() != 1 {
			t.Errorf("the second caller: %v after %d reads", err, y.opened.Load())
		}
	})
}

func TestIdleModelsMakeRoom(t *testing.T) {
	oracle.NeedLibrary(t)
	y := &toys{t: t}
	p := newPool(t, modelpool.Options{Open: y.open, MaxModels: 1, Registry: prometheus.NewRegistry()})
	_, release, err := p.Use(t.Context(), modelpool.Key{Name: "tones"})
	if err != nil {
		t.Fatal(err)
	}
	// A model in use stays, beyond the limit.
	_, other, err := p.Use(t.Context(), modelpool.Key{Name: "logits"})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Ready(modelpool.Key{Name: "tones"}); err != nil {
		t.Errorf("a model in use was closed: %v", err)
	}
	if d, ok := p.Device(modelpool.Key{Name: "tones"}); !ok || d.Provider != ort.CPU {
		t.Errorf("device %+v, %v", d, ok)
	}
	release()
	other()
	_, third, err := p.Use(t.Context(), modelpool.Key{Name: "leaky"})
	if err != nil {
		t.Fatal(err)
	}
	defer third()
	for _, name := range []string{"tones", "logits"} {
		if err := p.Ready(modelpool.Key{Name: name}); !errors.Is(err, modelpool.ErrLoading) {
			t.Errorf("%s: %v, want it closed", name, err)
		}
		if _, ok := p.Device(modelpool.Key{Name: name}); ok {
			t.Errorf("%s still has a device", name)
		}
	}
}

func TestAFailureStandsForAWhileAndIsThenTriedAgain(t *testing.T) {
	oracle.NeedLibrary(t)
	synctest.Test(t, func(t *testing.T) {
		y := &toys{t: t}
		missing := errors.New("it is not here; pull it")
		y.fail.Store(&missing)
		p := newPool(t, modelpool.Options{Open: y.open})
		for range 100 {
			if _, _, err := p.Use(t.Context(), modelpool.Key{Name: "tones"}); !errors.Is(err, missing) {
				t.Fatalf("got %v", err)
			}
		}
		if n := y.opened.Load(); n != 1 {
			t.Errorf("tried %d times at once", n)
		}
		kept := make(chan struct{})
		go func() {
			defer close(kept)
			p.Keep(t.Context(), modelpool.Key{Name: "tones"})
		}()
		<-p.Attempted()
		if err := p.Ready(modelpool.Key{Name: "tones"}); !errors.Is(err, missing) {
			t.Errorf("ready: %v", err)
		}
		time.Sleep(time.Hour)
		y.fail.Store(nil)
		<-kept
		if err := p.Ready(modelpool.Key{Name: "tones"}); err != nil {
			t.Errorf("once it is there: %v", err)
		}
	})
}

func TestClosingStopsWhatIsBeingLoaded(t *testing.T) {
	oracle.NeedLibrary(t)
	y := &toys{t: t}
	p, err := modelpool.New(modelpool.Options{Open: y.open, Library: oracle.Library(), Recognizer: asr.Options{Provider: ort.CPU, Threads: 1}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := p.Use(ctx, modelpool.Key{Name: "tones"}); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that has left: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func TestOptionsWithoutOpenAreRejected(t *testing.T) {
	if _, err := modelpool.New(modelpool.Options{}); err == nil {
		t.Error("a pool without models was made")
	}
}
