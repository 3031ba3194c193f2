package control

import (
	"net/url"
	"testing"

	"github.com/asr-backend/asr-backend/service/overview"

	"github.com/google/go-cmp/cmp"
)

func TestSelectionsAreRead(t *testing.T) {
	want := Selection{Tasks: []int64{1, 2}, Project: 3, States: []overview.State{"failed", "not pushed"}, Force: true}
	got, err := ParseJSON([]byte(`{"tasks":[1,2],"project":3,"states":["failed","not pushed"],"force":true}`))
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("JSON: %v, want (-), got (+):\n%s", err, d)
	}
	form, _ := url.ParseQuery("task=1&task=2&project=3&state=failed&state=not+pushed&force=true&return=/status")
	got, err = ParseForm(form)
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("form: %v, want (-), got (+):\n%s", err, d)
	}
	for _, bad := range []string{``, `[]`, `{"task":1}`, `{"tasks":["x"]}`, `{"tasks":[1]}{}`, `{"tasks":[1]} x`} {
		if s, err := ParseJSON([]byte(bad)); err == nil {
			t.Errorf("%s was read as %+v", bad, s)
		}
	}
	for _, bad := range []string{"task=x", "task=0", "task=-1", "project=x", "force=perhaps"} {
		form, _ := url.ParseQuery(bad)
		if s, err := ParseForm(form); err == nil {
			t.Errorf("%s was read as %+v", bad, s)
		}
	}
}

func TestSelectionsThatMakeNoSenseAreRefused(t *testing.T) {
	for name, s := range map[string]Selection{
		"nothing":            {},
		"states alone":       {States: []overview.State{"failed"}},
		"an unknown state":   {Project: 1, States: []overview.State{"lost"}},
		"more than the most": {Tasks: make([]int64, MaxTasks+1)},
	} {
		if err := s.check(); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestReportsAreBounded(t *testing.T) {
	r := &Report{Counts: map[string]int{}}
	for i := range int64(MaxListed + 10) {
		outcome := Cancelled
		if i == MaxListed+5 {
			outcome = Failed
		}
		r.add(Outcome{Task: i, Outcome: outcome})
	}
	r.close()
	if len(r.Outcomes) != MaxListed || r.Omitted != 10 || r.Outcomes[0].Outcome != Failed || r.Counts[Cancelled] != MaxListed+9 {
		t.Errorf("%d listed, %d omitted, first %+v, %v", len(r.Outcomes), r.Omitted, r.Outcomes[0], r.Counts)
	}
}

func FuzzParseJSON(f *testing.F) {
	f.Add([]byte(`{"tasks":[1,2],"project":3,"states":["failed"],"force":true}`))
	f.Add([]byte(`{"tasks":[9223372036854775808]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if s, err := ParseJSON(raw); err == nil {
			_ = s.check()
		}
	})
}

func FuzzParseForm(f *testing.F) {
	f.Add("task=1&state=failed&return=/status?project=1")
	f.Fuzz(func(t *testing.T, raw string) {
		form, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		if s, err := ParseForm(form); err == nil {
			_ = s.check()
		}
	})
}
