package recordings_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ctc"
	"github.com/asr-backend/asr-backend/internal/oracle"
	"github.com/asr-backend/asr-backend/internal/tones"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/models"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/internal/servicetest"
	"github.com/asr-backend/asr-backend/service/modelpool"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/recordings"
	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/transcribe"

	"github.com/prometheus/client_golang/prometheus"
)

// keeping is a fixture that counts the windows that the model runs over.
type keeping struct {
	*fixture
	ran      atomic.Int64
	registry *prometheus.Registry
}

func newKeeping(t *testing.T, o servicetest.Options) *keeping {
	t.Helper()
	k := &keeping{registry: prometheus.NewRegistry()}
	o.Observe, o.Metrics = func(r asr.Run) { k.ran.Add(int64(r.Windows)) }, k.registry
	k.fixture = newFixtureWith(t, o)
	return k
}

// result transcribes a recording and returns its key, the stored transcript and how many windows the
// model ran over.
func (k *keeping) result(p *projects.Project, value string) (key string, raw []byte, ran int64) {
	k.t.Helper()
	rec := recordings.Of(p, 10, value)
	return k.resultOf(k.enqueue(rec).Key)
}

func (k *keeping) resultOf(key string) (string, []byte, int64) {
	k.t.Helper()
	before := k.ran.Load()
	if err := k.work(); err != nil {
		k.t.Fatal(err)
	}
	raw, err := k.Jobs.Result(k.t.Context(), key)
	if err != nil {
		k.t.Fatal(err)
	}
	return key, raw, k.ran.Load() - before
}

// keeps returns how many windows a job keeps.
func (k *keeping) keeps(key string) int {
	k.t.Helper()
	w, _, err := k.Jobs.Windows(k.t.Context(), key)
	if err != nil {
		k.t.Fatal(err)
	}
	return len(w)
}

func (k *keeping) counter(name string) float64 {
	k.t.Helper()
	all, err := k.registry.Gather()
	if err != nil {
		k.t.Fatal(err)
	}
	for _, f := range all {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	k.t.Fatalf("there is no %s", name)
	return 0
}

func (k *keeping) restart(key string) {
	k.t.Helper()
	job, err := k.Jobs.Get(k.t.Context(), key)
	if err != nil {
		k.t.Fatal(err)
	}
	if job, err = k.Restart(k.t.Context(), job, jobs.RestartOptions{Class: priority.Batch, Done: true}); err != nil || job.State != jobs.Queued {
		k.t.Fatalf("%+v, %v", job, err)
	}
}

// A version with other hotwords, alternatives and regions is made of the rows that were kept, and is
// the one that the model would give, to the bit.
func TestANewVersionIsDecodedFromKeptRows(t *testing.T) {
	for name, c := range map[string]struct {
		model string
		sound func() []byte
		first string
		then  []string
	}{
		"a language model": {models.EmbeddedName, func() []byte { return read(t, oracle.Data(t, "speech", "radio", "gb0.flac")) },
			"", []string{`{"hotwords":["taxation :3","Governor"],"nbest":3}`, `{"max_region":5}`}},
		"the best piece of each row": {"tones", tones.Recording{Seconds: 70}.WAV,
			"", []string{`{"hotwords":["one four","three :2"],"nbest":2}`, `{"max_region":3}`}},
		"two channels": {"tones", func() []byte {
			return tones.Stereo(tones.Recording{Seconds: 60}, tones.Recording{Seconds: 60, First: 2})
		},
			`{"channels":"split"}`, []string{`{"channels":"split","hotwords":["one four"]}`}},
		"twice the same channel": {"tones", func() []byte { return tones.Stereo(tones.Recording{Seconds: 60}, tones.Recording{Seconds: 60}) },
			`{"channels":"split"}`, []string{`{"channels":"split","hotwords":["one four"]}`}},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKeeping(t, servicetest.Options{Model: c.model})
			value := k.Upload("a.wav", c.sound())
			previous, before, all := k.result(k.set(c.first), value)
			kept := k.keeps(previous)
			if all < 2 || kept < int(all) || k.counter("asr_backend_recordings_decoded_again_total") != 0 {
				t.Fatalf("the model ran over %d windows, %d are kept", all, kept)
			}
			for i, settings := range c.then {
				p := k.set(settings)
				key, again, ran := k.result(p, value)
				if ran != 0 || string(again) == string(before) {
					t.Errorf("%s: the model ran over %d windows", settings, ran)
				}
				if k.keeps(key) != kept || k.keeps(previous) != 0 {
					t.Errorf("%s: %d windows are kept, and %d of the version before; want %d", settings, k.keeps(key), k.keeps(previous), kept)
				}
				if n := k.counter("asr_backend_recordings_decoded_again_total"); n != float64(i+1) {
					t.Errorf("%s: %v recordings were decoded again", settings, n)
				}
				s, _ := k.Jobs.Peek(key)
				if sum, _ := recordings.ParseSummary(s.Summary); sum.Rows == "" || sum.Speed != 0 {
					t.Errorf("%s: summary %+v", settings, sum)
				}
				previous, before = key, again
			}
			// From the beginning, on demand.
			k.restart(previous)
			_, scratch, ran := k.resultOf(previous)
			if ran != all || string(scratch) != string(before) {
				t.Errorf("from the beginning the model runs over %d windows of %d, or its transcript differs", ran, all)
			}
			if n := k.counter("asr_backend_recordings_decoded_again_total"); n != float64(len(c.then)) || k.keeps(previous) != kept {
				t.Errorf("%v recordings were decoded again, %d windows are kept", n, k.keeps(previous))
			}
			// Back to the first version, whose transcript is kept, and forced.
			k.set(c.first)
			first := recordings.Of(k.set(c.first), 10, value).Key()
			k.restart(first)
			if _, _, ran := k.resultOf(first); ran != all {
				t.Errorf("a forced restart ran over %d windows of %d", ran, all)
			}
		})
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRowsAreUsedForTheSameBytesAlone(t *testing.T) {
	k := newKeeping(t, servicetest.Options{})
	value := k.Upload("a.wav", tones.Recording{Seconds: 60}.WAV())
	_, _, all := k.result(k.set(""), value)
	k.Upload("a.wav", tones.Recording{Seconds: 60, First: 1}.WAV())
	if _, _, ran := k.result(k.set(`{"max_region":3}`), value); ran != all {
		t.Errorf("other bytes at the same address: %d windows of %d were run", ran, all)
	}
	if _, _, ran := k.result(k.set(`{"max_region":4}`), value); ran != 0 {
		t.Errorf("the same bytes: %d windows were run", ran)
	}
	if _, _, ran := k.result(k.set(`{"channels":"0"}`), value); ran != all {
		t.Errorf("rows of another channel: %d windows of %d were run", ran, all)
	}
}

// What is missing or damaged costs the windows that it is.
func TestWindowsThatAreMissingOrDamagedAreRun(t *testing.T) {
	k := newKeeping(t, servicetest.Options{})
	value := k.Upload("a.wav", tones.Recording{Seconds: 100}.WAV())
	first, _, all := k.result(k.set(""), value)
	if all < 5 {
		t.Fatalf("%d windows", all)
	}
	windows, _, err := k.Jobs.Windows(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	job, err := k.Jobs.Get(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	// The same, as another version has kept it.
	other := "transcribe/tones-000000000000/" + first[strings.LastIndexByte(first, '/')+1:]
	if _, _, err := k.Jobs.Enqueue(t.Context(), jobs.Spec{Key: other, Project: job.Project, Kind: job.Kind, Class: priority.Batch, Payload: job.Payload}); err != nil {
		t.Fatal(err)
	}
	l, err := k.Fixture.Take(recordings.Kind)
	if err != nil {
		t.Fatal(err)
	}
	step := int(asr.DefaultWindow.Rows - 2*asr.DefaultWindow.Context)
	for i, data := range windows {
		switch i {
		case step:
			continue
		case 2 * step:
			data = data[:len(data)-1]
		case 3 * step: // without candidates, as greedy texts on some devices
			rows, err := ctc.ParseSaved(data, 6)
			if err != nil {
				t.Fatal(err)
			}
			data = (&ctc.Saved{Rows: rows.Rows}).Encode()
		}
		if err := l.PutWindow(t.Context(), i, data); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.FinishWith(t.Context(), nil, jobs.Note{Summary: job.Summary, Keep: "transcribe/" + other[strings.LastIndexByte(other, '/')+1:]}); err != nil {
		t.Fatal(err)
	}
	if err := k.Jobs.DropWindows(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if _, err := k.KeptRows(t.Context(), k.set(""), first, 0); !errors.Is(err, recordings.ErrNoRows) {
		t.Errorf("damaged rows: %v", err)
	}
	p := k.set(`{"hotwords":["one four"],"nbest":2}`)
	key, got, ran := k.result(p, value)
	if ran != 3 || k.keeps(key) != len(windows) || k.keeps(other) != 0 {
		t.Errorf("%d windows were run, want 3; %d are kept", ran, k.keeps(key))
	}
	k.restart(key)
	if _, want, ran := k.resultOf(key); ran != all || string(got) != string(want) {
		t.Errorf("%d windows were run, or the transcript differs", ran)
	}
}

// A recording that is being decoded again goes on after a crash, from rows of its own and those that are
// still kept.
func TestDecodingAgainIsTakenUpAfterACrash(t *testing.T) {
	k := newKeeping(t, servicetest.Options{})
	value := k.Upload("a.wav", tones.Recording{Seconds: 60}.WAV())
	first, _, _ := k.result(k.set(""), value)
	kept, _, err := k.Jobs.Windows(t.Context(), first)
	if err != nil || len(kept) < 3 {
		t.Fatalf("%d windows are kept, %v", len(kept), err)
	}
	key := k.enqueue(recordings.Of(k.set(`{"hotwords":["one four"]}`), 10, value)).Key
	l, err := k.Fixture.Take(recordings.Kind)
	if err != nil {
		t.Fatal(err)
	}
	step := int(asr.DefaultWindow.Rows - 2*asr.DefaultWindow.Context)
	if err := l.PutWindow(t.Context(), step, kept[step]); err != nil {
		t.Fatal(err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	_, got, ran := k.resultOf(key)
	if ran != 0 || k.keeps(key) != len(kept) || k.keeps(first) != 0 {
		t.Errorf("%d windows were run, %d are kept", ran, k.keeps(key))
	}
	k.restart(key)
	if _, want, _ := k.resultOf(key); string(got) != string(want) {
		t.Error("the transcript differs")
	}
}

func TestKeptRowsAreThoseThatASearchGets(t *testing.T) {
	k := newKeeping(t, servicetest.Options{})
	value := k.Upload("a.wav", tones.Stereo(tones.Recording{Seconds: 60}, tones.Recording{Seconds: 60, First: 2}))
	first := k.set(`{"channels":"split"}`)
	firstKey, _, _ := k.result(first, value)
	p := k.set(`{"channels":"split","hotwords":["one four"]}`)
	key, _, _ := k.result(p, value)
	recognizer, release, err := k.Models.Use(t.Context(), modelpool.Key{Name: "tones"})
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	tr, err := transcribe.New(recognizer, first.Transcription)
	if err != nil {
		t.Fatal(err)
	}
	want := map[int][]string{}
	if _, err := tr.Transcribe(t.Context(), transcribe.Source{Path: filepath.Join(k.Studio.MediaDir, "upload", "1", "a.wav")}, transcribe.Request{Request: asr.Request{
		Search: func(channel int, row timeline.Row, r *ctc.Row, pieces []ctc.Candidate, sure float32) error {
			want[channel] = append(want[channel], fmt.Sprint(row, r.Blank, pieces, sure))
			return nil
		}}}); err != nil {
		t.Fatal(err)
	}
	for _, of := range []string{firstKey, key, "transcribe/another-version/" + key[strings.LastIndexByte(key, '/')+1:]} {
		for channel := range 2 {
			rows, err := k.KeptRows(t.Context(), p, of, channel)
			if err != nil {
				t.Fatal(err)
			}
			if len(rows.Blanks) != len(want[channel]) {
				t.Fatalf("%d rows of channel %d, want %d", len(rows.Blanks), channel, len(want[channel]))
			}
			for i := range rows.Blanks {
				pieces, sure := rows.Candidates.Row(i)
				if got := fmt.Sprint(timeline.Row(i), rows.Blanks[i], pieces, sure); got != want[channel][i] {
					t.Fatalf("channel %d: %s, want %s", channel, got, want[channel][i])
				}
			}
		}
	}
	// Those of a part, for which the model runs: some more on either side, and in the middle the same
	// but for the sound around them.
	computed, err := k.RowsOf(t.Context(), p, key, 1, 300, 400)
	if err != nil {
		t.Fatal(err)
	}
	if computed.First > 300 || computed.End() < 400 || computed.First < 200 || computed.End() > 500 {
		t.Errorf("rows %d to %d for 300 to 400", computed.First, computed.End())
	}
	part := computed.Cut(300, 400)
	differ := 0
	for i := range part.Blanks {
		pieces, sure := part.Candidates.Row(i)
		if fmt.Sprint(300+timeline.Row(i), part.Blanks[i], pieces, sure) != want[1][300+i] {
			differ++
		}
	}
	if differ > 0 {
		t.Errorf("%d of %d rows differ", differ, len(part.Blanks))
	}
	otherProject := &projects.Project{Project: &labelstudio.Project{ID: 2}, Settings: p.Settings}
	otherModel := *p
	otherModel.Settings.Model = "other"
	for name, err := range map[string]error{
		"another project":   second(k.KeptRows(t.Context(), otherProject, key, 0)),
		"another recording": second(k.KeptRows(t.Context(), p, key+"0", 0)),
		"another model":     second(k.KeptRows(t.Context(), &otherModel, key, 0)),
	} {
		if !errors.Is(err, recordings.ErrNoRows) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := k.Jobs.DropWindows(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if _, err := k.KeptRows(t.Context(), p, key, 0); !errors.Is(err, recordings.ErrNoRows) {
		t.Errorf("rows that were dropped: %v", err)
	}
}

func second(_ *asr.KeptRows, err error) error { return err }

func TestRowsAreNotKept(t *testing.T) {
	for name, o := range map[string]servicetest.Options{
		"where that is off": {NoKeptRows: true},
		"of a transducer":   {Model: filepath.Join("..", "..", "transducer", "tdt", "sherpa")},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKeeping(t, o)
			value := k.Upload("a.wav", tones.Recording{Seconds: 30}.WAV())
			key, _, all := k.result(k.set(""), value)
			if all == 0 || k.keeps(key) != 0 || k.Jobs.Stats().Kept != 0 {
				t.Errorf("of %d windows %d are kept", all, k.keeps(key))
			}
			if _, err := k.KeptRows(t.Context(), k.set(""), key, 0); !errors.Is(err, recordings.ErrNoRows) {
				t.Errorf("KeptRows: %v", err)
			}
			if _, _, ran := k.result(k.set(`{"max_region":3}`), value); ran != all {
				t.Errorf("%d windows of %d were run again", ran, all)
			}
		})
	}
}
