package projects_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/service/modelpool"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/queue"

	"github.com/google/go-cmp/cmp"
)

// segments is the stock template ASR using Segments.
const segments = `<View><Labels name="labels" toName="audio"><Label value="Speech"/><Label value="Noise"/></Labels>` +
	`<Audio name="audio" value="$audio"/><TextArea name="transcription" toName="audio" rows="2" editable="true" perRegion="true" required="true"/></View>`

// models knows two models.
type models struct{}

func (models) Identity(_ context.Context, key modelpool.Key) (asr.Identity, error) {
	name := key.Name
	if name != "one" && name != "two" {
		return asr.Identity{}, errors.New("there is no model " + name)
	}
	return asr.Identity{Name: name, Digest: "digest of " + name, Window: asr.DefaultWindow}, nil
}

// registry returns a registry on a queue in a folder, and a function that stops it.
func registry(t *testing.T, dir string, run bool) (*projects.Registry, *queue.Queue, func()) {
	t.Helper()
	q := queue.New(jobs.Options{Dir: dir, Reserve: 1 << 20})
	r, err := projects.New(projects.Options{Queue: q, Models: models{}, Defaults: projects.Settings{Model: "one"}, LearntFile: filepath.Join(dir, "learnt.json")})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	if run {
		running.Go(func() { q.Run(ctx) })
		running.Go(func() { r.Run(ctx) })
		if q.Wait(ctx) == nil {
			t.Fatal("not opened")
		}
	}
	return r, q, sync.OnceFunc(func() {
		cancel()
		running.Wait()
		if err := q.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestSettingsAreReadOverTheDefaults(t *testing.T) {
	defaults := projects.Settings{Model: "one", MaxRegion: 20}
	for raw, want := range map[string]string{
		``:                      "",
		`null`:                  "",
		`""`:                    "",
		`{}`:                    "",
		`{"channels":"split"}`:  "",
		`"{\"max_region\":12}"`: "",
		`{"speaker":1}`:         `extra params: "speaker" is not known; known are model, decoder, channels`,
		`{"max_region":0.5}`:    "extra params: max_region: 0.5 seconds; want 1 to 600",
		`{"channels":"left"}`:   "extra params: ",
		`{"decoder":"tdt"}`:     "",
		`{"decoder":"best"}`:    `extra params: decoder: "best"; want one of auto, ctc, rnnt, tdt`,
		`{"model":"../../etc"}`: `extra params: model: "../../etc" is not the name of a model`,
		`{} {}`:                 "extra params: want one JSON object and nothing after it",
		`[1]`:                   "extra params: want a JSON object such as",
	} {
		s, err := projects.ParseSettings(json.RawMessage(raw), defaults)
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %q", raw, err, want)
		}
		if err == nil && s.Model != "one" {
			t.Errorf("%s: the default was lost: %+v", raw, s)
		}
	}
	if _, err := projects.New(projects.Options{Defaults: projects.Settings{MinPause: 99}}); err == nil {
		t.Error("defaults that no project may choose were accepted")
	}
}

// The version of a project that chooses nothing, of generation 2 and the default windows, written down: a change of it makes every
// user's Label Studio ask for everything again.
func TestVersionsStayThoseOfEarlierPrograms(t *testing.T) {
	r, _, stop := registry(t, t.TempDir(), false)
	defer stop()
	p, err := r.Resolve(t.Context(), labelstudio.NewProject(1, segments, nil))
	if err != nil {
		t.Fatal(err)
	}
	if p.Version != "one-6cfc455a705d" || p.TranscriptVersion != "one-80f41f5ff3ce" {
		t.Errorf("versions %s and %s", p.Version, p.TranscriptVersion)
	}
	if len(p.Plans) != 1 || p.Why != "" || p.Split() {
		t.Errorf("plans %v, why %q, split %v", p.Plans, p.Why, p.Split())
	}
}

func TestAVersionChangesWhenAnswersWould(t *testing.T) {
	r, _, stop := registry(t, t.TempDir(), false)
	defer stop()
	resolve := func(config, extra string) *projects.Project {
		p := labelstudio.NewProject(1, config, nil)
		p.ExtraParams = json.RawMessage(extra)
		out, err := r.Resolve(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	first := resolve(segments, "")
	whole := resolve(`<View><Audio name="audio" value="$audio"/><TextArea name="transcription" toName="audio"/></View>`, "")
	if whole.Version == first.Version || whole.TranscriptVersion != first.TranscriptVersion {
		t.Error("another page wants other results of the same transcripts")
	}
	if p := resolve(segments, `{"words":false}`); p.Version == first.Version || p.TranscriptVersion != first.TranscriptVersion {
		t.Error("results without words are other results of the same transcripts")
	}
	if p := resolve(segments, `{"max_region":7}`); p.Version == first.Version || p.TranscriptVersion == first.TranscriptVersion {
		t.Error("shorter regions are other transcripts")
	}
	if p := resolve(segments, `{"model":"two"}`); !strings.HasPrefix(p.Version, "two-") || p.TranscriptVersion == first.TranscriptVersion {
		t.Errorf("another model gives %s", p.Version)
	}
	if p := resolve(strings.ReplaceAll(segments, "rows=\"2\"", "rows=\"5\""), "{}"); p.Version != first.Version {
		t.Error("the height of a field changes the version")
	}
	if a, b := resolve(strings.ReplaceAll(segments, "$audio", "http://a/$audio"), ""), resolve(strings.ReplaceAll(segments, "$audio", "http://b/$audio"), ""); a.Version == b.Version {
		t.Error("recordings at other addresses have the same version")
	}
	p := labelstudio.NewProject(1, segments, nil)
	p.ExtraParams = json.RawMessage(`{"model":"three"}`)
	if _, err := r.Resolve(t.Context(), p); err == nil || !strings.Contains(err.Error(), "there is no model three") {
		t.Errorf("a model that is not there: %v", err)
	}
}

func TestValuesOutlastARestart(t *testing.T) {
	dir := t.TempDir()
	r, q, stop := registry(t, dir, true)
	defer stop()
	for _, id := range []int64{12, 3} {
		if err := r.Set(t.Context(), id, labelstudio.KeyLabelConfig, segments); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Set(t.Context(), 0, labelstudio.KeyLabelConfig, segments); err != nil { // by hand
		t.Fatal(err)
	}
	if d := cmp.Diff([]int64{3, 12}, r.List(t.Context())); d != "" {
		t.Errorf("want (-), got (+):\n%s", d)
	}
	open, err := q.Get()
	for i := 0; err == nil && i < 1000; i++ {
		if _, ok, _ := open.Values("3").Get(t.Context(), labelstudio.KeyLabelConfig); ok {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	// What Run has not written is written when it stops.
	if err := r.Set(t.Context(), 3, labelstudio.KeyExtraParams, `{"model":"two"}`); err != nil {
		t.Fatal(err)
	}
	stop()

	r, _, stop = registry(t, dir, true)
	defer stop()
	if d := cmp.Diff([]int64{3, 12}, r.List(t.Context())); d != "" {
		t.Errorf("after a restart: want (-), got (+):\n%s", d)
	}
	p, err := r.Load(t.Context(), 3)
	if err != nil || p.LabelConfig != segments || string(p.ExtraParams) != `{"model":"two"}` {
		t.Errorf("loaded %+v, %v", p, err)
	}
	if got := r.Concerned(t.Context(), 0); !slices.Equal(got, []int64{3, 12}) {
		t.Errorf("an event of all projects concerns %v", got)
	}
	if got := r.Concerned(t.Context(), 5); !slices.Equal(got, []int64{5}) {
		t.Errorf("an event of project 5 concerns %v", got)
	}
}

func TestValuesAreKnownBeforeTheQueueOpens(t *testing.T) {
	r, _, stop := registry(t, t.TempDir(), false)
	defer stop()
	p, err := r.Configure(t.Context(), 7, segments)
	if err != nil || p.LabelConfig != segments {
		t.Fatalf("%+v, %v", p, err)
	}
	if text, ok, err := r.Get(t.Context(), 7, labelstudio.KeyLabelConfig); text != segments || !ok || err != nil {
		t.Errorf("got %q, %v, %v", text, ok, err)
	}
	if got := r.List(t.Context()); !slices.Equal(got, []int64{7}) {
		t.Errorf("listed %v", got)
	}
}

func TestNamesOfProjects(t *testing.T) {
	if projects.Name(42) != "42" || projects.ParseName("42") != 42 || projects.ParseName("service") != 0 {
		t.Error("a name does not come back")
	}
}

func TestAConfigurationIsParsedOnce(t *testing.T) {
	r, _, stop := registry(t, t.TempDir(), false)
	defer stop()
	first, again := labelstudio.NewProject(1, segments, r), labelstudio.NewProject(2, segments, r)
	if first.Config != again.Config || len(first.Config.Controls) != 2 {
		t.Error("a configuration was parsed twice")
	}
	if p := labelstudio.NewProject(1, "<View>", r); p.ConfigErr == nil {
		t.Error("a configuration that ends early has no error")
	} else if again := labelstudio.NewProject(1, "<View>", r); again.ConfigErr != p.ConfigErr {
		t.Error("its error was found twice")
	}
	// Those that are remembered are bounded.
	for i := range 1000 {
		labelstudio.NewProject(1, fmt.Sprintf("<View><Header value=\"%d\"/></View>", i), r)
	}
	if p := labelstudio.NewProject(1, segments, r); p.Config == nil || len(p.Config.Controls) != 2 {
		t.Error("a configuration that was forgotten is not parsed again")
	}
}

func TestVersionsThatWereWrittenAreRemembered(t *testing.T) {
	dir := t.TempDir()
	r, q, stop := registry(t, dir, true)
	defer stop()
	open, err := q.Get()
	if err != nil {
		t.Fatal(err)
	}
	// What a program left that did not write versions down.
	for key, project := range map[string]string{"deliver/1/5/one-00000000000a": "1", "deliver/2/6/one-00000000000b": "2", "transcribe/one-00000000000c/0123": "2", "event/1/2": "1"} {
		if _, _, err := open.Enqueue(t.Context(), jobs.Spec{Key: key, Project: project, Kind: strings.Split(key, "/")[0]}); err != nil {
			t.Fatal(err)
		}
	}
	if err := open.Values("1").Set(t.Context(), labelstudio.KeyModelVersion, "one-00000000000d"); err != nil {
		t.Fatal(err)
	}
	p, err := r.Resolve(t.Context(), labelstudio.NewProject(1, segments, nil))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.Write(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	want := projects.Written{"one-00000000000a": true, "one-00000000000c": true, "one-00000000000d": true, p.Version: true, p.TranscriptVersion: true}
	if got, err := r.Written(t.Context(), 1); err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("%v, want (-), got (+):\n%s", err, cmp.Diff(want, got))
	}
	stop()
	r, _, stop = registry(t, dir, true)
	defer stop()
	if got, err := r.Written(t.Context(), 1); err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("after a restart: %v, want (-), got (+):\n%s", err, cmp.Diff(want, got))
	}
}
