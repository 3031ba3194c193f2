package corrections

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/tones"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/manifest"
	"github.com/asr-backend/asr-backend/priority"
	"github.com/asr-backend/asr-backend/service/internal/servicetest"
	"github.com/asr-backend/asr-backend/service/recordings"
	"github.com/asr-backend/asr-backend/transcript"
)

const (
	segments  = servicetest.Segments
	wholeText = `<View><Audio name="audio" value="$audio"/><TextArea name="transcription" toName="audio"/></View>`
)

// fixture is the toy model, a recording of one minute that has been transcribed, and no
// Label Studio.
type fixture struct {
	*Corrections
	*servicetest.Fixture
	t       *testing.T
	project *labelstudio.Project
	task    labelstudio.Task
}

func newFixture(t *testing.T, config string) *fixture {
	t.Helper()
	f := &fixture{Fixture: servicetest.New(t, servicetest.Options{}), t: t}
	value := f.Upload("a.wav", tones.Recording{Seconds: 60}.WAV())
	f.task = labelstudio.Task{ID: 5, Project: 1, Data: labelstudio.Data{"audio": json.RawMessage(fmt.Sprintf("%q", value))}}
	var err error
	if f.Corrections, err = New(Options{Queue: f.Queue, Projects: f.Registry, Recordings: f.Fixture.Recordings}); err != nil {
		t.Fatal(err)
	}
	if f.project, err = f.Registry.Configure(t.Context(), 1, config); err != nil {
		t.Fatal(err)
	}
	p, err := f.Registry.Resolve(t.Context(), f.project)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Fixture.Recordings.Enqueue(t.Context(), recordings.Of(p, 5, value), priority.Batch); err != nil {
		t.Fatal(err)
	}
	f.work(f.Fixture.Recordings.Worker())
	return f
}

// work works on the next job of a worker.
func (f *fixture) work(w jobs.Worker) {
	f.t.Helper()
	if err := f.Work(w); err != nil {
		f.t.Fatal(err)
	}
}

// waiting returns how many jobs want words.
func (f *fixture) waiting() int { return len(f.Jobs.List(jobs.Filter{Kind: Kind})) }

// annotate records an annotation with these regions: "START END TEXT".
func (f *fixture) annotate(id int64, regions ...string) {
	f.t.Helper()
	var items []string
	for i, r := range regions {
		var start, end float64
		if _, err := fmt.Sscan(r, &start, &end); err != nil {
			f.t.Fatal(err)
		}
		text := strings.Join(strings.Fields(r)[2:], " ")
		items = append(items, fmt.Sprintf(`{"id":"r%d","from_name":"labels","to_name":"audio","type":"labels","value":{"start":%g,"end":%g,"labels":["Speech"]}}`, i, start, end),
			fmt.Sprintf(`{"id":"r%d","from_name":"transcription","to_name":"audio","type":"textarea","value":{"start":%g,"end":%g,"text":[%q]}}`, i, start, end, text))
	}
	f.record(id, "["+strings.Join(items, ",")+"]")
}

func (f *fixture) record(id int64, result string) { f.recordWith(id, result, `"lead_time":3.5`) }

// recordWith records an annotation with more fields.
func (f *fixture) recordWith(id int64, result, fields string) {
	f.t.Helper()
	var a labelstudio.Annotation
	if err := json.Unmarshal(fmt.Appendf(nil, `{"id":%d,"task":5,"result":%s,%s}`, id, result, fields), &a); err != nil {
		f.t.Fatal(err)
	}
	if err := f.Record(f.t.Context(), f.project, []labelstudio.Task{f.task}, []labelstudio.Annotation{a}); err != nil {
		f.t.Fatal(err)
	}
}

// words returns the words of an annotation and the middle of each, by text.
func (f *fixture) words(id int64) string {
	f.t.Helper()
	c, err := f.Load(f.t.Context(), 1, id)
	if err != nil || c == nil {
		f.t.Fatalf("correction %d: %v, %v", id, c, err)
	}
	var texts []string
	for _, p := range c.Corrected {
		var words []string
		for _, w := range p.Words {
			words = append(words, fmt.Sprintf("%s %.1f", w.Text, math.Round((w.Start+w.End)*5)/10))
		}
		texts = append(texts, strings.Join(words, ", "))
	}
	return strings.Join(texts, "; ")
}

func TestWordsOfACorrectionAreTimedOnce(t *testing.T) {
	f := newFixture(t, segments)
	f.annotate(9, "0.6 2.2 one two", "4.6 6.2 one two") // one at 1.0 s, two at 1.8 s; again from 5.0 s
	if n := f.waiting(); n != 1 {
		t.Fatalf("%d jobs for one recording", n)
	}
	f.work(f.Worker())
	if got := f.words(9); got != "one 1.0, two 1.8; one 5.0, two 5.8" {
		t.Errorf("words %q", got)
	}
	f.annotate(9, "0.6 2.2 one two", "4.6 6.2 one two")
	if n := f.waiting(); n != 0 {
		t.Errorf("%d jobs for texts whose words are known", n)
	}
	f.annotate(9, "0.6 2.2 one two", "4.6 6.2 two")
	f.work(f.Worker())
	if got := f.words(9); got != "one 1.0, two 1.8; two 5.8" {
		t.Errorf("after a change: %q", got)
	}
	if n := f.waiting(); n != 0 {
		t.Errorf("%d jobs are left", n)
	}
}

func TestAnAnnotationThatChangedMeanwhileKeepsItsNewText(t *testing.T) {
	f := newFixture(t, segments)
	f.annotate(9, "0.6 2.2 one")
	f.annotate(9, "0.6 2.2 one two")
	f.work(f.Worker()) // both jobs, in some order
	f.work(f.Worker())
	if got := f.words(9); got != "one 1.0, two 1.8" {
		t.Errorf("words %q", got)
	}
}

func TestErrorRatesFollowCorrections(t *testing.T) {
	f := newFixture(t, wholeText)
	text := func(s string) string {
		return fmt.Sprintf(`[{"from_name":"transcription","to_name":"audio","type":"textarea","value":{"text":[%q]}}]`, s)
	}
	rates := func() (version string, words, errs int) {
		t.Helper()
		all, err := f.ErrorRates(t.Context(), 1)
		if err != nil || len(all) > 1 {
			t.Fatalf("%v, %v", all, err)
		}
		for v, r := range all {
			e := r.Errors
			version, words, errs = v, e.Words, e.Substitutions+e.Deletions+e.Insertions
		}
		return version, words, errs
	}
	said := tones.Recording{Seconds: 60}.Text()
	n := len(strings.Fields(said))
	f.record(9, text(said))
	if version, words, errs := rates(); !strings.HasPrefix(version, "tones-") || words != n || errs != 0 {
		t.Errorf("unchanged: %s, %d words, %d errors", version, words, errs)
	}
	if f.waiting() != 0 {
		t.Error("a text as it was predicted is timed")
	}
	f.record(9, text(strings.Replace(said, "three", "tree", 1)))
	f.record(10, text(said))
	if _, words, errs := rates(); words != 2*n || errs != 1 {
		t.Errorf("two annotations, one word changed: %d words, %d errors", words, errs)
	}
	f.record(11, "[]")
	if c, err := f.Load(t.Context(), 1, 11); c != nil || err != nil {
		t.Errorf("an annotation without text: %+v, %v", c, err)
	}
	// What is stored is read again.
	fresh, err := New(f.Options)
	if err != nil {
		t.Fatal(err)
	}
	f.Corrections = fresh
	if _, words, errs := rates(); words != 2*n || errs != 1 {
		t.Errorf("after a restart: %d words, %d errors", words, errs)
	}
	of := f.TaskRates(t.Context(), 1)
	if rate, ok := of(5); !ok || rate != 1/float64(2*n) {
		t.Errorf("the task's rate is %g, %v", rate, ok)
	}
	if rate, ok := of(6); ok {
		t.Errorf("a task that nobody has corrected has the rate %g", rate)
	}
	f.record(10, text(strings.Replace(said, "three", "tree", 1)))
	if rate, _ := of(5); rate != 2/float64(2*n) {
		t.Errorf("after another change the task's rate is %g", rate)
	}
	if err := f.Forget(t.Context(), 1, []labelstudio.Annotation{{ID: 9}, {ID: 10}, {ID: 77}}); err != nil {
		t.Fatal(err)
	}
	if version, _, _ := rates(); version != "" {
		t.Errorf("after all are deleted: %s", version)
	}
	if rate, ok := of(5); ok {
		t.Errorf("after all are deleted the task's rate is %g", rate)
	}
}

func TestACorrectionThatIsTooLongIsKeptWithTheReason(t *testing.T) {
	f := newFixture(t, wholeText)
	long := `[{"from_name":"transcription","to_name":"audio","type":"textarea","value":{"text":["` + strings.Repeat("a ", MaxWords) + `%s"]}}]`
	f.record(9, fmt.Sprintf(long, "b"))
	c, err := f.Load(t.Context(), 1, 9)
	if err != nil || c == nil || !strings.Contains(c.NotCompared, "250000 words") || c.Task != 5 || len(c.Corrected)+len(c.Predicted) != 0 {
		t.Errorf("%+v, %v", c, err)
	}
	if all, err := f.ErrorRates(t.Context(), 1); err != nil || len(all) != 0 || f.waiting() != 0 {
		t.Errorf("it counts: %v, %v; %d jobs time its words", all, err, f.waiting())
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, httptest.NewRequest("GET", "/corrections?project=1", nil))
	if !strings.Contains(w.Body.String(), `"predicted":[],"corrected":[]`) {
		t.Errorf("it is read as %s", w.Body)
	}
	f.record(9, fmt.Sprintf(long, ""))
	if all, err := f.ErrorRates(t.Context(), 1); err != nil || len(all) != 1 {
		t.Errorf("one word less: %v, %v", all, err)
	}
	f.record(9, fmt.Sprintf(long, "b"))
	if err := f.Forget(t.Context(), 1, []labelstudio.Annotation{{ID: 9}}); err != nil {
		t.Fatal(err)
	}
	if c, err := f.Load(t.Context(), 1, 9); c != nil || err != nil {
		t.Errorf("after it is deleted: %+v, %v", c, err)
	}
}

func TestKeysOfJobsStayThoseOfEarlierPrograms(t *testing.T) {
	a := retime{Recording: recordings.Recording{Value: "v", TaskID: 5, ProjectID: 1}, Annotation: 9, Plan: 2, Digest: "0123456789ab", Passages: []int{0}}
	if a.Key() != "retime/1/9/2/0123456789ab" || a.Kind() != "retime" || a.Project() != "1" {
		t.Errorf("%s of kind %s and project %s", a.Key(), a.Kind(), a.Project())
	}
	raw, err := json.Marshal(a)
	for _, want := range []string{`"value":"v"`, `"task":5`, `"project":1`, `"annotation":9`, `"plan":2`, `"content":"0123456789ab"`, `"stretches":[0]`} {
		if err != nil || !strings.Contains(string(raw), want) {
			t.Errorf("no %s in %s, %v", want, raw, err)
		}
	}
}

func TestCorrectionsAreReadWithTheTimesOfAllWords(t *testing.T) {
	f := newFixture(t, segments)
	get := func(query string) (int, []Correction) {
		t.Helper()
		w := httptest.NewRecorder()
		f.ServeHTTP(w, httptest.NewRequest("GET", "/corrections?"+query, nil))
		var out []Correction
		for line := range strings.Lines(w.Body.String()) {
			var c Correction
			if err := json.Unmarshal([]byte(line), &c); err != nil && w.Code == 200 {
				t.Fatalf("line %q: %v", line, err)
			}
			out = append(out, c)
		}
		return w.Code, out
	}
	words := func(p Passage) string {
		var out []string
		for _, w := range p.Words {
			out = append(out, fmt.Sprintf("%s %.1f", w.Text, math.Round((w.Start+w.End)*5)/10))
		}
		return strings.Join(out, ", ")
	}
	// The first region is as it was predicted, and says so in its meta; the second is not.
	predicted := `{"id":"a","from_name":"transcription","to_name":"audio","type":"textarea","value":{"start":0.9,"end":3.5,"text":["one two three four"]},` +
		`"meta":{"words":[["one",0.98,1.02,1],["two",1.78,1.82,1],["three",2.58,2.62,1],["four",3.38,3.42,1]]}}`
	f.record(10, "["+predicted+`,{"id":"b","from_name":"transcription","to_name":"audio","type":"textarea","value":{"start":4.6,"end":6.2,"text":["two"]}}]`)
	f.annotate(9, "0.6 2.2 one two")
	if status, all := get("project=1"); status != 200 || len(all) != 2 || all[0].Annotation != 9 || all[1].Annotation != 10 {
		t.Fatalf("%d, %+v", status, all)
	} else if p := all[1].Corrected; !p[0].Timed || words(p[0]) != "one 1.0, two 1.8, three 2.6, four 3.4" || p[1].Timed {
		t.Errorf("before the job: %+v", p)
	}
	f.work(f.Worker())
	f.work(f.Worker())
	if _, all := get("project=1"); words(all[0].Corrected[0]) != "one 1.0, two 1.8" || words(all[1].Corrected[1]) != "two 5.8" {
		t.Errorf("after the job: %+v", all)
	}
	if status, all := get("project=2"); status != 200 || len(all) != 0 {
		t.Errorf("a project without corrections: %d, %+v", status, all)
	}
	for _, query := range []string{"", "project=", "project=x", "project=-1"} {
		if status, _ := get(query); status != 400 {
			t.Errorf("%q: %d", query, status)
		}
	}
}

// What the service answers is what export-manifest --words reads.
func TestCorrectionsCompleteAManifest(t *testing.T) {
	f := newFixture(t, segments)
	f.annotate(9, "0.6 2.2 one two", "4.6 6.2 two")
	f.work(f.Worker())
	w := httptest.NewRecorder()
	f.ServeHTTP(w, httptest.NewRequest("GET", "/corrections?project=1", nil))
	words, err := manifest.ReadWords(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	s := manifest.Spoken{Annotation: 9, Transcript: &transcript.Transcript{Duration: time.Minute, Segments: []transcript.Segment{
		{Start: 600 * time.Millisecond, End: 2200 * time.Millisecond, Text: "one two", Channel: transcript.Mixed},
		{Start: 4600 * time.Millisecond, End: 6200 * time.Millisecond, Text: "two", Channel: transcript.Mixed},
		{Start: 8 * time.Second, End: 9 * time.Second, Text: "another annotation's", Channel: transcript.Mixed},
	}}}
	if n := words.Fill(&s); n != 1 || len(s.Transcript.Segments[0].Words) != 2 || len(s.Transcript.Segments[1].Words) != 1 {
		t.Errorf("%d segments are left without words in %+v", n, s.Transcript.Segments)
	}
}

// Annotations that nobody has opened say nothing about predictions. Those that were submitted unchanged do.
func TestCopiesOfPredictionsAreNoCorrections(t *testing.T) {
	f := newFixture(t, wholeText)
	text := func(s string) string {
		return fmt.Sprintf(`[{"from_name":"transcription","to_name":"audio","type":"textarea","value":{"text":[%q]}}]`, s)
	}
	said := tones.Recording{Seconds: 60}.Text()
	n := len(strings.Fields(said))
	const copied = `"parent_prediction":4,"lead_time":null`
	f.recordWith(9, text(said), copied)
	f.recordWith(10, text(said), `"parent_prediction":4,"lead_time":12.5`)
	f.recordWith(11, text(strings.Replace(said, "three", "tree", 1)), copied) // changed by another program since
	f.recordWith(12, text(said), `"lead_time":null`)                          // imported
	all, err := f.ErrorRates(t.Context(), 1)
	if err != nil || len(all) != 1 {
		t.Fatalf("%v, %v", all, err)
	}
	for _, r := range all {
		if want := map[Outcome]int{Copied: 1, Unchanged: 2, Changed: 1}; !maps.Equal(r.Outcomes, want) || r.Errors.Words != 3*n || r.Errors.Substitutions != 1 {
			t.Errorf("%+v, want %v and errors of three annotations of %d words", r, want, n)
		}
	}
	answer := httptest.NewRecorder()
	f.ServeHTTP(answer, httptest.NewRequest("GET", "/corrections?project=1", nil))
	if body := answer.Body.String(); strings.Contains(body, `"annotation":9,`) || !strings.Contains(body, `"annotation":10,`) || !strings.Contains(body, `"outcome":"changed"`) {
		t.Errorf("the corrections:\n%s", body)
	}
}
