package learning_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/lm"
	"github.com/asr-backend/asr-backend/service/learning"
	"github.com/asr-backend/asr-backend/wer"
)

// knows reports whether anything that is stored of what the project has learnt has a word.
func (f *team) knows(word string) bool {
	f.t.Helper()
	versions, err := f.knowledge.Versions(f.t.Context(), 1)
	if err != nil {
		f.t.Fatal(err)
	}
	state, err := f.State(f.t.Context(), 1)
	if err != nil {
		f.t.Fatal(err)
	}
	raw, err := json.Marshal(state)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, name := range versions {
		v, err := f.knowledge.Get(f.t.Context(), 1, name)
		if err != nil {
			f.t.Fatal(err)
		}
		for _, model := range [][]byte{v.Used.Model, v.Judged.Model} {
			m, err := lm.OpenBytes(model)
			if err != nil {
				f.t.Fatal(err)
			}
			for _, w := range m.Vocabulary() {
				if w == word {
					return true
				}
			}
		}
		phrases, err := json.Marshal(v)
		if err != nil {
			f.t.Fatal(err)
		}
		raw = append(raw, phrases...)
	}
	return slices.Contains(wer.Normalize(string(raw)), word)
}

// only returns a word that a person wrote in a correction alone.
func (f *team) only(task int) string {
	f.t.Helper()
	others := map[string]bool{}
	for i, text := range f.texts {
		if i != task {
			for _, w := range wer.Normalize(text) {
				others[w] = true
			}
		}
	}
	for _, w := range wer.Normalize(f.texts[task]) {
		if len(w) > 6 && !others[w] {
			return w
		}
	}
	f.t.Fatal("no such word")
	return ""
}

func TestWhatWasDeletedIsForgotten(t *testing.T) {
	f := newTeam(t, 10)
	f.transcribe(to(10))
	for i := range 9 {
		f.correct(i, f.texts[i])
	}
	first := f.learn()
	f.correct(9, f.texts[9])
	second := f.learn()
	if !first.TakenUp || !second.TakenUp {
		t.Fatalf("not taken up: %+v, %+v", first, second)
	}
	const task = 4
	word := f.only(task)
	if !f.knows(word) {
		t.Fatalf("%q was not learnt", word)
	}
	if err := f.corrections.Forget(t.Context(), 1, []labelstudio.Annotation{{ID: 100 + task}}); err != nil {
		t.Fatal(err)
	}
	third := f.learn()
	if f.knows(word) {
		t.Errorf("%q is still known after %+v", word, third)
	}
	report, err := f.Report(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	kept := 0
	for _, v := range report.Versions {
		if v.Kept {
			kept++
		}
	}
	if kept > 1 || report.Learnt == first.Version || report.Learnt == second.Version {
		t.Errorf("%d versions are kept, %s is used", kept, report.Learnt)
	}
	if err := f.Forget(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if versions, err := f.knowledge.Versions(t.Context(), 1); len(versions) > 0 || err != nil || f.project().Transcription.Knowledge != nil {
		t.Errorf("after all was forgotten: %v, %v", versions, err)
	}
}

func TestAVersionCanBeGoneBackTo(t *testing.T) {
	f := newTeam(t, 10)
	f.transcribe(to(10))
	plain := f.project().Version
	for i := range 9 {
		f.correct(i, f.texts[i])
	}
	first := f.learn()
	withFirst := f.project().Version
	f.correct(9, f.texts[9])
	second := f.learn()
	withSecond := f.project().Version
	if !first.TakenUp || !second.TakenUp || first.Version == second.Version || withFirst == withSecond {
		t.Fatalf("%+v\n%+v", first, second)
	}
	back := func(to, want string) {
		t.Helper()
		if _, err := f.Rollback(t.Context(), 1, to); err != nil {
			t.Fatal(err)
		}
		if got := f.project().Version; got != want {
			t.Errorf("after going back to %q the version is %s, want %s", to, got, want)
		}
	}
	back("", withFirst)
	back("", plain)
	if _, err := f.Rollback(t.Context(), 1, ""); err == nil {
		t.Error("there is something before nothing")
	}
	back(second.Version, withSecond)
	if _, err := f.Rollback(t.Context(), 1, "0123456789ab"); err == nil || !strings.Contains(err.Error(), "not kept") {
		t.Errorf("a version that there never was: %v", err)
	}
	back(first.Version, withFirst)
	// Until somebody asks, nothing is taken up.
	f.correct(9, f.texts[9])
	if quiet := f.learnBecause(learning.Quiet); quiet.TakenUp || f.project().Version != withFirst || !strings.Contains(quiet.Reason, "a person went back") {
		t.Errorf("after a rollback: %+v", quiet)
	}
	if asked := f.learn(); !asked.TakenUp || f.project().Version == withFirst {
		t.Errorf("when somebody asks: %+v", asked)
	}
}

func TestExtraParamsChooseWhatIsUsed(t *testing.T) {
	f := newTeam(t, 10)
	f.transcribe(to(10))
	plain := f.project().Version
	for i := range 9 {
		f.correct(i, f.texts[i])
	}
	first := f.learn()
	learnt := f.project().Version
	set := func(extra string) {
		t.Helper()
		if err := f.Registry.Set(t.Context(), 1, labelstudio.KeyExtraParams, extra); err != nil {
			t.Fatal(err)
		}
	}
	set(`{"learn":"off"}`)
	if off := f.learn(); f.project().Version != plain || off.TakenUp || !strings.Contains(off.Reason, "off") {
		t.Errorf("off: %s, %+v", f.project().Version, off)
	}
	set(`{"learn":"` + first.Version + `"}`)
	f.correct(9, f.texts[9])
	if pinned := f.learnBecause(learning.Enough); pinned.TakenUp || f.project().Version != learnt {
		t.Errorf("pinned: %s, %+v", f.project().Version, pinned)
	}
	set(`{"learn":"0123456789ab"}`)
	if _, err := f.transcribeOne(0); err == nil || !strings.Contains(err.Error(), "0123456789ab") {
		t.Errorf("a version that there never was: %v", err)
	}
	set("")
	if f.project().Version != learnt {
		t.Error("the version that was learnt is not used again")
	}
}

func TestTextsAreLearntFrom(t *testing.T) {
	f := newTeam(t, 2)
	folder := filepath.Join(f.Folder, "1")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"agenda.txt": "Quillan\nTrigger Argee\n", ".hidden": "Hidden\n", "latin1.txt": "Caf\xe9\n",
		"talk.srt": "1\n00:00:01,000 --> 00:00:02,000\nThe plasmoid is here\n", "broken.srt": "no times\n", "empty.txt": " \n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.knowledge.PutText(t.Context(), 1, "glossary.txt", "Mantelish\n"); err != nil {
		t.Fatal(err)
	}
	run := f.learn()
	if !run.TakenUp {
		t.Fatalf("%+v", run)
	}
	for name, want := range map[string]string{"agenda.txt": "read", "talk.srt": "read", "glossary.txt": "read", "latin1.txt": "it is not UTF-8", "empty.txt": "it is empty"} {
		if run.Documents[name] != want {
			t.Errorf("%s: %q, want %q", name, run.Documents[name], want)
		}
	}
	if note := run.Documents["broken.srt"]; note == "" || note == "read" || run.Documents[".hidden"] != "" {
		t.Errorf("broken.srt: %q; .hidden: %q", note, run.Documents[".hidden"])
	}
	for _, word := range []string{"quillan", "argee", "plasmoid", "mantelish"} {
		if !f.knows(word) {
			t.Errorf("%s is not known", word)
		}
	}
	if err := f.ChangePhrases(t.Context(), 1, []string{"mantelish"}, nil); err != nil {
		t.Fatal(err)
	}
	if err := f.Work(f.Learning.Worker()); err != nil {
		t.Fatal(err)
	}
	report, err := f.Report(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range report.Phrases {
		if p.Text == "Mantelish" {
			t.Error("a phrase that was removed is still expected")
		}
	}
	if len(report.Phrases) == 0 || !slices.Equal(report.Removed, []string{"mantelish"}) {
		t.Errorf("phrases %v, removed %v", report.Phrases, report.Removed)
	}
}

// The text at an address is read anew each time, from where a recording may be read.
func TestTheTextAtAnAddressIsLearntFrom(t *testing.T) {
	f := newTeam(t, 1)
	text, status := "Zendrix gateway\n", http.StatusOK
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}))
	defer web.Close()
	set := func(address string) *learning.Run {
		t.Helper()
		if err := f.Registry.Set(t.Context(), 1, labelstudio.KeyExtraParams, fmt.Sprintf(`{"text_url":%q}`, address)); err != nil {
			t.Fatal(err)
		}
		return f.learn()
	}
	if run := set(web.URL + "/terms.txt"); !run.TakenUp || run.Documents["text_url"] != "read" || !f.knows("zendrix") {
		t.Fatalf("%+v", run)
	}
	text = "Kolvane valve\n"
	if run := f.learn(); !run.TakenUp || !f.knows("kolvane") {
		t.Errorf("another text: %+v", run)
	}
	status = http.StatusNotFound
	if run := f.learn(); run.TakenUp || !strings.Contains(run.Documents["text_url"], "404") || !f.knows("kolvane") {
		t.Errorf("while it is away: %+v", run)
	}
	if err := f.Registry.Set(t.Context(), 1, labelstudio.KeyExtraParams, ""); err != nil {
		t.Fatal(err)
	}
	if run := f.learn(); !run.TakenUp || f.knows("kolvane") {
		t.Errorf("without an address: %+v", run)
	}
	for _, address := range []string{"file:///etc/passwd", "terms.txt", "ftp://host/a.txt", "http://"} {
		if err := f.Registry.Set(t.Context(), 1, labelstudio.KeyExtraParams, fmt.Sprintf(`{"text_url":%q}`, address)); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Registry.Present(t.Context(), 1); err == nil || !strings.Contains(err.Error(), "text_url") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// Somebody may ask while the project learns: what they changed is learnt then.
func TestWhoAsksMeanwhileIsNotForgotten(t *testing.T) {
	f := newTeam(t, 1)
	if err := f.knowledge.PutText(t.Context(), 1, "glossary.txt", "Velmora\nZendrix\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Enqueue(t.Context(), 1, learning.Asked); err != nil {
		t.Fatal(err)
	}
	l, err := f.Take(learning.Kind)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.ChangePhrases(t.Context(), 1, []string{"Zendrix"}, nil); err != nil {
		t.Fatal(err)
	}
	if err := f.Learning.Worker().Work(l.Context(), t.Context(), l); err != nil {
		t.Fatal(err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	if err := f.Work(f.Learning.Worker()); err != nil {
		t.Fatal(err)
	}
	if jobs := f.Jobs.List(jobs.Filter{Kind: learning.Kind}); len(jobs) > 0 {
		t.Errorf("it learns once more: %v", jobs)
	}
}
