package recordings_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/internal/tones"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/models"
	"github.com/asr-backend/asr-backend/service/internal/servicetest"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/recordings"
	"github.com/asr-backend/asr-backend/transcript"
)

// set gives project 1 other extra params and returns it.
func (f *fixture) set(extra string) *projects.Project {
	f.t.Helper()
	if err := f.Registry.Set(f.t.Context(), 1, labelstudio.KeyExtraParams, extra); err != nil {
		f.t.Fatal(err)
	}
	loaded, err := f.Registry.Configure(f.t.Context(), 1, segments)
	if err != nil {
		f.t.Fatal(err)
	}
	p, err := f.Registry.Resolve(f.t.Context(), loaded)
	if err != nil {
		f.t.Fatal(err)
	}
	return p
}

// remove removes a job that failed: here nothing gives it up.
func (f *fixture) remove(job jobs.Job) {
	f.t.Helper()
	if err := f.Jobs.Remove(f.t.Context(), job.Key); err != nil {
		f.t.Fatal(err)
	}
}

// A job has no list of hotwords, which may be long: it runs with that of its project.
func TestAJobRunsWithTheHotwordsOfItsProject(t *testing.T) {
	f := newFixture(t)
	p := f.set(`{"hotwords":["one two","R2D2 :3"],"hotword_weight":2,"nbest":2}`)
	rec := recordings.Of(p, 10, f.Upload("a.wav", tones.Recording{Seconds: 3}.WAV()))
	if payload := string(f.enqueue(rec).Payload); strings.Contains(payload, "one two") || strings.Contains(payload, "R2D2") || !strings.Contains(payload, `"nbest":2`) {
		t.Errorf("the job record is %s", payload)
	}
	if len(p.Settings.Hotwords) != 2 {
		t.Errorf("the project has the hotwords %q", p.Settings.Hotwords)
	}
	if err := f.work(); err != nil {
		t.Fatal(err)
	}
	got, err := f.Transcript(t.Context(), 1, rec.Key())
	if err != nil {
		t.Fatal(err)
	}
	d := got.Diagnostics
	if got.ModelVersion != p.TranscriptVersion || !strings.HasSuffix(d.Decoding, ", 2 hotwords") {
		t.Errorf("version %s, found by %s", got.ModelVersion, d.Decoding)
	}
	if len(d.Warnings) != 1 || !strings.HasPrefix(d.Warnings[0], `1 of 2 hotwords cannot be written with the letters of the model: "R2D2"`) {
		t.Errorf("warnings %q", d.Warnings)
	}
}

// A recording that waits while the list changes is not transcribed with another list than its
// version says.
func TestAJobEndsIfTheHotwordsHaveChanged(t *testing.T) {
	f := newFixture(t)
	value := f.Upload("a.wav", tones.Recording{Seconds: 3}.WAV())
	for before, now := range map[string]string{
		`{"hotwords":["one"]}`:                            `{"hotwords":["one","two"]}`,
		`{"hotwords":["three :2"]}`:                       `{"hotwords":["three :3"]}`,
		`{"hotwords":["four"],"hotword_weight":2}`:        `{"hotwords":["four"],"hotword_weight":4}`,
		`{"hotwords":["one"],"max_region":9}`:             `{"max_region":9}`,
		`{"max_region":8}`:                                `{"hotwords":["two"],"max_region":8}`,
		`{"hotwords":["one"],"nbest":2,"max_region":7.5}`: `{"hotwords":["two"],"nbest":2,"max_region":7.5}`,
	} {
		first := f.set(before)
		waiting := f.enqueue(recordings.Of(first, 10, value))
		second := f.set(now)
		var outdated *recordings.OutdatedError
		if err := f.work(); !errors.As(err, &outdated) || outdated.Wanted != first.TranscriptVersion || outdated.Now != second.TranscriptVersion {
			t.Errorf("%s and then %s: %v", before, now, err)
		}
		f.remove(waiting)
		rec := recordings.Of(second, 10, value)
		if job := f.enqueue(rec); job.State != jobs.Queued {
			t.Fatalf("%s and then %s: the next request finds %+v", before, now, job)
		}
		if err := f.work(); err != nil {
			t.Errorf("%s and then %s, asked again: %v", before, now, err)
		}
		if got, err := f.Transcript(t.Context(), 1, rec.Key()); err != nil || got.ModelVersion != second.TranscriptVersion || got.Text() == "" {
			t.Errorf("%s and then %s, asked again: %v, %v", before, now, got, err)
		}
	}
	// A list in another notation is the same, and other settings are those of the job.
	rec := recordings.Of(f.set(`{"hotwords":["one two"],"max_region":11}`), 10, value)
	waiting := f.enqueue(rec)
	f.set(`{"hotwords":["one two :1.25"],"hotword_weight":1.25}`)
	var outdated *recordings.OutdatedError
	if err := f.work(); !errors.As(err, &outdated) {
		t.Errorf("another weight: %v", err)
	}
	f.remove(waiting)
	rec = recordings.Of(f.set(`{"hotwords":["one two"],"hotword_weight":1.25,"max_region":12}`), 10, value)
	f.enqueue(rec)
	f.set(`{"hotwords":["one two :1.25"]}`)
	if err := f.work(); err != nil {
		t.Errorf("the same list: %v", err)
	}
}

// What hotwords are for, with the model of the program: the text of a recording, alternatives in
// its results, and a region with hotwords of its own.
func TestHotwordsChangeTheText(t *testing.T) {
	f := newFixtureWith(t, servicetest.Options{Model: models.EmbeddedName})
	const said, mistaken = "block books", "black books"
	sound, err := os.ReadFile(filepath.Join(oracle.Root(t), "samples", "reading.opus"))
	if err != nil {
		t.Fatal(err)
	}
	value := f.Upload("reading.opus", sound)
	plain := f.set("")
	span := labelstudio.Span{Start: 23500 * time.Millisecond, End: 30 * time.Second}
	text := func(p *projects.Project) string {
		t.Helper()
		region, err := f.Region(t.Context(), p, recordings.Of(p, 10, value), span, func(*transcript.Transcript) bool { return false })
		if err != nil {
			t.Fatal(err)
		}
		return region.Text()
	}
	if got := text(plain); !strings.Contains(got, mistaken) {
		t.Errorf("without hotwords a region has %q", got)
	}
	expecting, err := plain.Expecting([]string{said})
	if err != nil {
		t.Fatal(err)
	}
	if got := text(expecting); !strings.Contains(got, said) {
		t.Errorf("with hotwords a region has %q", got)
	}
	p := f.set(`{"hotwords":["` + said + `"],"nbest":3}`)
	rec := recordings.Of(p, 10, value)
	f.enqueue(rec)
	if err := f.work(); err != nil {
		t.Fatal(err)
	}
	got, err := f.Transcript(t.Context(), 1, rec.Key())
	if err != nil || !strings.Contains(got.Text(), said) {
		t.Errorf("%q, %v", got.Text(), err)
	}
	out, err := f.Build(t.Context(), p, p.Plans, []string{rec.Key()}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range out.Items {
		if it.Type == "textarea" && strings.Count(string(it.Meta), `"alternatives":`) != 1 {
			t.Errorf("%q has the meta %.300s", it.Value.Text, it.Meta)
		}
	}
}
