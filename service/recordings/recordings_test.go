package recordings_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/tones"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/internal/servicetest"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/recordings"
	"github.com/asr-backend/asr-backend/transcript"

	"github.com/google/go-cmp/cmp"
)

// fixture is a folder of recordings, the toy model and a queue.
type fixture struct {
	*recordings.Recordings
	*servicetest.Fixture
	t *testing.T
}

const segments = servicetest.Segments

func newFixture(t *testing.T) *fixture {
	t.Helper()
	return newFixtureWith(t, servicetest.Options{})
}

func newFixtureWith(t *testing.T, o servicetest.Options) *fixture {
	t.Helper()
	f := servicetest.New(t, o)
	return &fixture{f.Recordings, f, t}
}

func (f *fixture) project(config string) *projects.Project {
	f.t.Helper()
	p, err := f.Registry.Resolve(f.t.Context(), labelstudio.NewProject(1, config, nil))
	if err != nil {
		f.t.Fatal(err)
	}
	return p
}

// work takes the next transcription and works on it.
func (f *fixture) work() error {
	f.t.Helper()
	return f.Work(f.Worker())
}

func TestARecordingIsTranscribedOnceForAllTasks(t *testing.T) {
	f := newFixture(t)
	tone := tones.Recording{Seconds: 8}
	p, value := f.project(segments), f.Upload("a.wav", tone.WAV())
	first, second := recordings.Of(p, 10, value), recordings.Of(p, 11, value)
	if first.Key() != second.Key() {
		t.Fatalf("keys %s and %s", first.Key(), second.Key())
	}
	for _, rec := range []recordings.Recording{first, second} {
		if job, err := f.Enqueue(t.Context(), rec, priority.Batch); err != nil || job.State != jobs.Queued {
			t.Fatalf("enqueued %+v, %v", job, err)
		}
	}
	keys := []string{first.Key()}
	if state, err := f.State(t.Context(), 1, keys); state != recordings.Waiting || err != nil {
		t.Errorf("state %v, %v", state, err)
	}
	if _, err := f.Transcript(t.Context(), 1, first.Key()); !errors.Is(err, recordings.ErrNotTranscribed) {
		t.Errorf("a transcript before its time: %v", err)
	}
	if err := f.work(); err != nil {
		t.Fatal(err)
	}
	if state, err := f.State(t.Context(), 1, keys); state != recordings.Transcribed || err != nil {
		t.Errorf("state %v, %v", state, err)
	}
	got, err := f.Transcript(t.Context(), 1, first.Key())
	if err != nil || got.Text() != tone.Text() || got.Source != "a.wav" || got.ModelVersion != p.TranscriptVersion {
		t.Errorf("transcript %q of %s by %s, %v", got.Text(), got.Source, got.ModelVersion, err)
	}
	out, err := f.Build(t.Context(), p, p.Plans, keys, nil, nil)
	if err != nil || !out.Predict || out.Score <= 0 || len(out.Items) != 2*len(tone.Regions()) {
		t.Errorf("built %+v, %v", out, err)
	}
	if len(f.Running()) != 0 {
		t.Errorf("still running: %+v", f.Running())
	}
	if state, _ := f.State(t.Context(), 1, []string{"transcribe/none/here"}); state != recordings.GivenUp {
		t.Errorf("a transcription that is no longer kept is %v", state)
	}
}

// The keys of jobs are on users' disks.
func TestKeysStayThoseOfEarlierPrograms(t *testing.T) {
	rec := recordings.Recording{Value: "/data/upload/7/late.wav", ProjectID: 7, Version: "tones-95c925a43bdb"}
	rec.Login = "studio"
	if rec.Key() != "transcribe/tones-95c925a43bdb/b519fbf171c4" { // see service/testdata/datadir
		t.Errorf("key with a login %s", rec.Key())
	}
}

func TestAVersionThatCanNoLongerBeMadeFails(t *testing.T) {
	f := newFixture(t)
	p := f.project(segments)
	rec := recordings.Of(p, 10, f.Upload("a.wav", tones.Recording{Seconds: 3}.WAV()))
	rec.Version = "tones-000000000000"
	if _, err := f.Enqueue(t.Context(), rec, priority.Batch); err != nil {
		t.Fatal(err)
	}
	var outdated *recordings.OutdatedError
	if err := f.work(); !errors.As(err, &outdated) || outdated.Now != p.TranscriptVersion {
		t.Errorf("got %v", err)
	}
}

func hasText(t *transcript.Transcript) bool { return t.Text() != "" }

func TestARegionComesFromTheTranscriptThatIsThere(t *testing.T) {
	f := newFixture(t)
	p, value := f.project(segments), f.Upload("a.wav", tones.Recording{Seconds: 8}.WAV())
	rec := recordings.Of(p, 10, value)
	span := labelstudio.Span{Start: 4 * time.Second, End: 7 * time.Second} // one at 5.0 s, two at 5.8 s, three at 6.6 s
	now, err := f.Region(t.Context(), p, rec, span, hasText)
	if err != nil || now.Text() != "one two three" {
		t.Errorf("a region of a recording without transcript: %q, %v", now.Text(), err)
	}
	if _, err := f.Enqueue(t.Context(), rec, priority.Batch); err != nil {
		t.Fatal(err)
	}
	if err := f.work(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(f.Studio.MediaDir, "upload")); err != nil { // not needed any more
		t.Fatal(err)
	}
	stored, err := f.Region(t.Context(), p, rec, span, hasText)
	if err != nil || len(stored.Text()) <= len("one two three") {
		t.Errorf("the whole transcript: %q, %v", stored.Text(), err)
	}
}

func TestWordsOfTextsGetTheirTimes(t *testing.T) {
	f := newFixture(t)
	p := f.project(segments)
	rec := recordings.Of(p, 10, f.Upload("a.wav", tones.Recording{Seconds: 60}.WAV())) // one at 1.0 s, every 0.8 s
	second := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	a, err := f.Align(t.Context(), rec, []recordings.Text{
		{Start: second(4.6), End: second(6.2), Text: "one two"},
		{Start: second(0.6), End: second(2.2), Text: "one"}, // two is not in it
		{Start: second(40), End: second(40.2), Text: "[a door]"},
	}, priority.Batch)
	if err != nil || a.Whole != nil {
		t.Fatalf("%+v, %v", a, err)
	}
	var got []string
	for _, words := range a.Words {
		var at []string
		for _, w := range words {
			at = append(at, fmt.Sprintf("%s %.1f", w.Text, (w.Start+w.End).Seconds()/2))
		}
		got = append(got, strings.Join(at, ", "))
	}
	if d := cmp.Diff([]string{"one 5.0, two 5.8", "one 1.0", ""}, got); d != "" {
		t.Errorf("want (-), got (+):\n%s", d)
	}
	a, err = f.Align(t.Context(), rec, []recordings.Text{{Text: "one three four"}}, priority.Batch)
	if err != nil || a.Whole == nil || len(a.Words[0]) != 3 {
		t.Errorf("a text of the whole recording: %+v, %v", a, err)
	}
}

func TestResultsOfSeveralRecordingsScoreByLength(t *testing.T) {
	f := newFixture(t)
	p := f.project(`<View><Audio name="a" value="$a"/><TextArea name="ta" toName="a"/><Audio name="b" value="$b"/><TextArea name="tb" toName="b"/></View>`)
	if len(p.Plans) != 2 {
		t.Fatalf("%d plans", len(p.Plans))
	}
	var keys []string
	for i, seconds := range []int{3, 8} {
		rec := recordings.Of(p, 10, f.Upload(fmt.Sprint(i, ".wav"), tones.Recording{Seconds: seconds}.WAV()))
		if _, err := f.Enqueue(t.Context(), rec, priority.Batch); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, rec.Key())
	}
	var running sync.WaitGroup
	for range keys {
		running.Go(func() {
			if err := f.work(); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	both, err := f.Build(t.Context(), p, p.Plans, keys, nil, nil)
	if err != nil || len(both.Items) != 2 {
		t.Fatalf("%+v, %v", both, err)
	}
	one, err := f.Build(t.Context(), p, []*labelconfig.Plan{p.Plans[0]}, keys[:1], nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	two, err := f.Build(t.Context(), p, []*labelconfig.Plan{p.Plans[1]}, keys[1:], nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := (3*one.Score + 8*two.Score) / 11; both.Score < want-1e-9 || both.Score > want+1e-9 {
		t.Errorf("score %v, want %v", both.Score, want)
	}
	if longest, err := f.Registry.Longest(t.Context(), p.ID); err != nil || longest != 8*time.Second {
		t.Errorf("the longest of recordings of 3 and 8 s has %v, %v", longest, err)
	}
	if v := both.Prediction("v"); v.ModelVersion != "v" || v.Score != both.Score {
		t.Errorf("prediction %+v", v)
	}
}

// Media passwords are the project's: a job that waits takes the one that is right when it runs.
func TestProtectedMediaAreOpenedWithTheProjectsPassword(t *testing.T) {
	f := newFixture(t)
	var password string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, given, _ := r.BasicAuth(); user != "studio" || given != password {
			w.Header().Set("WWW-Authenticate", "Basic")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		http.ServeContent(w, r, "a.wav", time.Time{}, bytes.NewReader(tones.Recording{Seconds: 3}.WAV()))
	}))
	defer server.Close()
	p := f.project(segments)
	p.Login, p.Password = "studio", labelstudio.NewSecret("open-sesame")
	set := func() {
		t.Helper()
		if err := f.Registry.SetLogin(t.Context(), p.Project); err != nil {
			t.Fatal(err)
		}
	}
	set()
	rec := recordings.Of(p, 10, server.URL+"/a.wav")
	job, err := f.Enqueue(t.Context(), rec, priority.Batch)
	if err != nil {
		t.Fatal(err)
	}
	if payload := string(job.Payload); strings.Contains(payload, "sesame") || !strings.Contains(payload, `"login":"studio"`) {
		t.Errorf("the job record is %s", payload)
	}
	p.Password = labelstudio.NewSecret("changed")
	set()
	password = "changed"
	if err := f.work(); err != nil {
		t.Errorf("with the password of now: %v", err)
	}
	// A job of an earlier program, whose project has sent no request since.
	p.ID, rec.ProjectID = 2, 2
	rec.Value, rec.Password, password = server.URL+"/b.wav", "of the job", "of the job"
	if _, err := f.Enqueue(t.Context(), rec, priority.Batch); err != nil {
		t.Fatal(err)
	}
	if err := f.work(); err != nil {
		t.Errorf("with the password of an old job: %v", err)
	}
	// A project without credentials sends none.
	rec = recordings.Of(f.project(segments), 10, server.URL+"/c.wav")
	if _, err := f.Enqueue(t.Context(), rec, priority.Batch); err != nil {
		t.Fatal(err)
	}
	if err := f.work(); err == nil || strings.Contains(err.Error(), "of the job") {
		t.Errorf("without credentials: %v", err)
	}
}
