package learning

import (
	"slices"
	"testing"

	"github.com/asr-backend/asr-backend/learn"

	"github.com/google/go-cmp/cmp"
)

// made is a version that a run made of annotations.
func made(name string, taken bool, annotations ...int64) Version {
	return Version{Version: name, TakenUp: taken, Kept: taken && name != "", Judged: 0.2, JudgedOn: 10, Annotations: annotations}
}

func (s *State) then(v Version, earlier map[string]float64, gone ...string) {
	s.made(v, &learn.Outcome{}, gone, earlier)
	s.bound()
}

func kept(s *State) (out []string) {
	for _, v := range s.Versions {
		if v.Kept {
			out = append(out, v.Version)
		}
	}
	return out
}

func TestAVersionThatIsFoundAgainStaysKept(t *testing.T) {
	s := &State{}
	s.then(made("a", true, 1), nil)
	s.then(made("b", true, 1, 2), map[string]float64{"a": 0.3})
	s.then(made("b", false, 1, 2, 3), map[string]float64{"a": 0.35, "b": 0.15}) // nothing new
	if got := kept(s); !slices.Equal(got, []string{"a", "b"}) || len(s.Versions) != 2 {
		t.Fatalf("kept %v of %+v", got, s.Versions)
	}
	b := s.Versions[1]
	if !b.TakenUp || b.Judged != 0.15 || !slices.Equal(b.Annotations, []int64{1, 2, 3}) || s.Versions[0].Judged != 0.35 {
		t.Errorf("%+v", s.Versions)
	}
	if got := s.before("b"); got != "a" {
		t.Errorf("before b is %q", got)
	}
	// One that is taken up again is kept once, where it is now.
	s.then(made("a", true, 1), nil)
	if got := kept(s); !slices.Equal(got, []string{"b", "a"}) || s.before("a") != "b" || s.before("b") != "" {
		t.Errorf("kept %v", got)
	}
}

func TestCandidatesThatAreNotTakenUpAreNotedOnce(t *testing.T) {
	s := &State{}
	s.then(made("a", true, 1), nil)
	for range 3 {
		s.then(made("b", false, 1, 2), nil)
	}
	s.then(made("c", false, 1, 2, 3), nil)
	var names []string
	for _, v := range s.Versions {
		names = append(names, v.Version)
	}
	if d := cmp.Diff([]string{"a", "b", "c"}, names); d != "" || s.find("b") != nil {
		t.Error(d)
	}
}

func TestVersionsOfWhatIsGoneAreNotKept(t *testing.T) {
	s := &State{}
	s.then(made("a", true, 1), nil)
	s.then(made("b", true, 1, 2), nil)
	gone := s.gone(&material{there: map[int64]bool{1: true, 3: true}})
	if !slices.Equal(gone, []string{"b"}) {
		t.Fatalf("gone: %v", gone)
	}
	s.then(made("c", true, 1, 3), nil, gone...)
	if got := kept(s); !slices.Equal(got, []string{"a", "c"}) || s.before("c") != "a" {
		t.Errorf("kept %v", got)
	}
	// What is found again without what is gone may stay: it has nothing of it.
	gone = s.gone(&material{there: map[int64]bool{1: true}})
	s.then(made("c", false, 1), nil, gone...)
	if got := kept(s); !slices.Equal(got, []string{"a", "c"}) || len(s.gone(&material{there: map[int64]bool{1: true}})) > 0 {
		t.Errorf("kept %v", got)
	}
}

func TestFewVersionsAreKept(t *testing.T) {
	s := &State{}
	for i := range mostVersions + 20 {
		s.then(made(string(rune('A'+i)), i%2 == 0, int64(i)), nil)
	}
	if len(s.Versions) != mostVersions || len(kept(s)) != keptVersions {
		t.Errorf("%d versions, %d of them are kept", len(s.Versions), len(kept(s)))
	}
	for _, v := range s.Versions {
		if !v.Kept && v.Annotations != nil {
			t.Errorf("%s is not kept, and yet its annotations are known", v.Version)
		}
	}
}
