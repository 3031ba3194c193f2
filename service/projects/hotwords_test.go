package projects_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/asr/beam"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/service/projects"

	"github.com/google/go-cmp/cmp"
)

// phrases is a list of so many hotwords, in JSON.
func phrases(n int) string {
	return `["a"` + strings.Repeat(`,"a"`, n-1) + `]`
}

func TestHotwordsAreJudged(t *testing.T) {
	for raw, want := range map[string]string{
		`{"hotwords":["Grete Hermann","Copenhagen :2.5"],"hotword_weight":0.1,"nbest":100}`: "",
		`{"hotwords":[],"hotword_weight":0,"nbest":0}`:                                      "",
		`{"hotwords":` + phrases(10_000) + `}`:                                              "",
		`{"hotwords":` + phrases(10_001) + `}`:                                              "hotwords: 10001 phrases; want at most 10000",
		`{"hotwords":"Copenhagen"}`:                                                         `"hotwords": got a string, want a list`,
		`{"hotwords":["a",2]}`:                                                              `"hotwords": got a number, want a string`,
		`{"hotwords":["a","..."]}`:                                                          `hotwords: phrase "..." has no letters`,
		`{"hotwords":["a :0"]}`:                                                             `hotwords: the weight "0" of "a" is not a number from 0 to 20`,
		`{"hotwords":["a :20.5"]}`:                                                          `hotwords: the weight "20.5" of "a" is not a number from 0 to 20`,
		`{"hotwords":["a :NaN"]}`:                                                           `hotwords: the weight "NaN" of "a" is not a number from 0 to 20`,
		`{"hotwords":["a :high"]}`:                                                          `hotwords: the weight "high" of "a" is not a number from 0 to 20`,
		`{"hotwords":["` + strings.Repeat("a", 401) + `"]}`:                                 "want not more than 400 bytes",
		`{"hotword_weight":0.05}`:                                                           "hotword_weight: 0.05; want 0.1 to 20",
		`{"hotword_weight":-1}`:                                                             "hotword_weight: -1; want 0.1 to 20",
		`{"hotword_weight":20.5}`:                                                           "hotword_weight: 20.5; want 0.1 to 20",
		`{"nbest":-1}`:                                                                      "nbest: -1; want 1 to 100",
		`{"nbest":101}`:                                                                     "nbest: 101; want 1 to 100",
		`{"nbest":1.5}`:                                                                     `"nbest": got a number, want a whole number`,
	} {
		_, err := projects.ParseSettings(json.RawMessage(raw), projects.Settings{Model: "one"})
		switch {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "extra params: ")):
			t.Errorf("%.80s: %v, want %q", raw, err, want)
		}
	}
}

func TestHotwordsHaveTheirWeights(t *testing.T) {
	s, err := projects.ParseSettings(json.RawMessage(`{"hotwords":["Grete Hermann","Copenhagen :2.5","ratio 3:2"],"hotword_weight":4,"nbest":3}`), projects.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	o := s.Transcription(false, "off")
	want := []beam.Phrase{{Text: "Grete Hermann", Weight: 4}, {Text: "Copenhagen", Weight: 2.5}, {Text: "ratio 3:2", Weight: 4}}
	if d := cmp.Diff(want, o.Hotwords); d != "" || o.NBest != 3 {
		t.Errorf("%d texts; want (-), got (+):\n%s", o.NBest, d)
	}
}

// project returns a project with extra params.
func project(t *testing.T, r *projects.Registry, extra string) *projects.Project {
	t.Helper()
	p := labelstudio.NewProject(1, segments, nil)
	p.ExtraParams = json.RawMessage(extra)
	out, err := r.Resolve(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAVersionChangesWithHotwordsAndAlternatives(t *testing.T) {
	r, _, stop := registry(t, t.TempDir(), false)
	defer stop()
	base := project(t, r, "")
	for name, extra := range map[string]string{
		"an empty list":             `{"hotwords":[]}`,
		"a weight without hotwords": `{"hotword_weight":3}`,
		"one text":                  `{"nbest":1}`,
	} {
		if p := project(t, r, extra); p.Version != base.Version || p.TranscriptVersion != base.TranscriptVersion {
			t.Errorf("%s changes the version", name)
		}
	}
	seen := map[string]string{base.Version: "none", base.TranscriptVersion: "none"}
	for name, extra := range map[string]string{
		"a phrase":             `{"hotwords":["Hermann"]}`,
		"another":              `{"hotwords":["Copenhagen"]}`,
		"both":                 `{"hotwords":["Hermann","Copenhagen"]}`,
		"a weight of its own":  `{"hotwords":["Hermann :2.5"]}`,
		"a weight of all":      `{"hotwords":["Hermann"],"hotword_weight":3}`,
		"alternatives":         `{"nbest":2}`,
		"more alternatives":    `{"nbest":3}`,
		"hotwords and several": `{"hotwords":["Hermann"],"nbest":2}`,
	} {
		p := project(t, r, extra)
		for _, v := range []string{p.Version, p.TranscriptVersion} {
			if other, ok := seen[v]; ok {
				t.Errorf("%s has the version of %s", name, other)
			}
			seen[v] = name
		}
	}
	if a, b := project(t, r, `{"hotwords":["Hermann :2.5"]}`), project(t, r, `{"hotwords":["Hermann"],"hotword_weight":2.5}`); a.Version != b.Version {
		t.Error("the version shows where a weight was given")
	}
}

// Settings that are kept without their hotwords get those of now.
func TestHotwordsOfNow(t *testing.T) {
	r, _, stop := registry(t, t.TempDir(), false)
	defer stop()
	kept := projects.Settings{Model: "two", HotwordWeight: 9, NBest: 4}
	set := func(extra string) {
		t.Helper()
		if err := r.Set(t.Context(), 1, labelstudio.KeyExtraParams, extra); err != nil {
			t.Fatal(err)
		}
	}
	for extra, want := range map[string]projects.Settings{
		"":                                   {Model: "two", NBest: 4},
		`{"hotwords":["Hermann"],"nbest":2}`: {Model: "two", NBest: 4, Hotwords: []string{"Hermann"}},
		`"{\"hotwords\":[\"a\"],\"hotword_weight\": 3}"`: {Model: "two", NBest: 4, Hotwords: []string{"a"}, HotwordWeight: 3},
	} {
		set(extra)
		got := kept
		if err := r.Hotwords(t.Context(), 1, &got); err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("%s: %v, want (-), got (+):\n%s", extra, err, cmp.Diff(want, got))
		}
	}
	set(`{"hotwords":["..."]}`)
	var unserved *projects.NotServedError
	if err := r.Hotwords(t.Context(), 1, &kept); !errors.As(err, &unserved) || unserved.Project != 1 {
		t.Errorf("settings with a mistake: %v", err)
	}
}

// More hotwords are for one request: the project, its version and its list stay as they are.
func TestAProjectThatExpectsMore(t *testing.T) {
	r, _, stop := registry(t, t.TempDir(), false)
	defer stop()
	p := project(t, r, `{"hotwords":["Hermann"],"hotword_weight":3}`)
	if same, err := p.Expecting(nil); same != p || err != nil {
		t.Errorf("without more: %v, %v", same, err)
	}
	more, err := p.Expecting([]string{"Copenhagen", "Bohr :2"})
	if err != nil {
		t.Fatal(err)
	}
	want := []beam.Phrase{{Text: "Hermann", Weight: 3}, {Text: "Copenhagen", Weight: 3}, {Text: "Bohr", Weight: 2}}
	if d := cmp.Diff(want, more.Transcription.Hotwords); d != "" {
		t.Errorf("want (-), got (+):\n%s", d)
	}
	if more.Version != p.Version || more.TranscriptVersion != p.TranscriptVersion {
		t.Error("the version changes")
	}
	if len(p.Transcription.Hotwords) != 1 || !slices.Equal(p.Settings.Hotwords, []string{"Hermann"}) {
		t.Errorf("the project expects %v", p.Transcription.Hotwords)
	}
	var full []string
	for i := range 10_000 {
		full = append(full, fmt.Sprint(i))
	}
	for want, list := range map[string][]string{
		`hotwords: the weight "x" of "a" is not a number from 0 to 20`: {"a :x"},
		`hotwords: phrase "?" has no letters`:                          {"a", "?"},
		"hotwords: 10001 phrases; want at most 10000":                  full,
	} {
		if _, err := p.Expecting(list); err == nil || err.Error() != want {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
