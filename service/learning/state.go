package learning

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/asr-backend/asr-backend/learn"
	"github.com/asr-backend/asr-backend/service/projects"
)

// keyState is the value of a project that holds its State, as JSON.
const keyState = "learning"

// State is what is known of how a project learns. Its names in JSON are what GET /projects/7 shows.
type State struct {
	// Versions are those that were made, the oldest first, whether they were taken up or not.
	Versions []Version `json:"versions,omitempty"`
	// Removed are phrases that a person does not want.
	Removed []string `json:"removed_phrases,omitempty"`
	// Substitutions are what predictions have in place of what people wrote.
	Substitutions []learn.Substitution `json:"substitutions,omitempty"`
	// Last is the last run.
	Last *Run `json:"last_run,omitempty"`
	// RolledBack says that a person went back to an earlier version: until somebody asks for a
	// run, new ones are judged and not taken up.
	RolledBack bool `json:"rolled_back,omitempty"`
	// Again says that a person asked for a run while one was under way.
	Again bool `json:"again,omitempty"`
}

// Version is what was learnt in a run.
type Version struct {
	Version string    `json:"version"` // empty stands for nothing
	At      time.Time `json:"at"`
	// Corrections, Recordings, Words and Documents are what it was made of.
	Corrections int `json:"corrections"`
	Recordings  int `json:"recordings"`
	Words       int `json:"words"`
	Documents   int `json:"documents,omitempty"`
	// Phrases is how many are expected with it.
	Phrases int    `json:"phrases"`
	TakenUp bool   `json:"taken_up"`
	Reason  string `json:"reason"`
	// Judgement is that of the run that made it. Judged is the word error rate on the recordings
	// that judge, of the last run in which it was kept, and JudgedOn how many passages these had; 0
	// stands for a version that was never judged.
	Judgement learn.Judgement `json:"judgement"`
	Judged    float64         `json:"judged_word_error_rate"`
	JudgedOn  int             `json:"judged_passages"`
	// Kept says that it can be gone back to.
	Kept bool `json:"kept"`
	// Annotations and Texts, by name, are those that it was made of.
	Annotations []int64  `json:"annotations,omitempty"`
	Texts       []string `json:"texts,omitempty"`
}

// Run is a run that ended.
type Run struct {
	At      time.Time `json:"at"`
	TookS   float64   `json:"took_s"`
	Why     Trigger   `json:"why"`
	Version string    `json:"version,omitempty"`
	TakenUp bool      `json:"taken_up"`
	Reason  string    `json:"reason"`
	// Corrections is how many there were, and LeftOut how many of their passages were left out, by
	// reason.
	Corrections int                  `json:"corrections"`
	Passages    int                  `json:"passages"`
	LeftOut     map[learn.Reason]int `json:"left_out,omitempty"`
	// Documents are texts that were learnt from or, with a reason, were not.
	Documents map[string]string `json:"documents,omitempty"`
}

// Bounds of what is remembered.
const (
	keptVersions = 5  // that were taken up and can be gone back to
	mostVersions = 40 // of which is known how good they were
)

// State returns how a project learns.
func (l *Learning) State(ctx context.Context, project int64) (*State, error) {
	q, err := l.Queue.Get()
	if err != nil {
		return nil, err
	}
	text, _, err := q.Values(projects.Name(project)).Get(ctx, keyState)
	if err != nil {
		return nil, fmt.Errorf("read how project %d learns: %w", project, err)
	}
	return parseState(text), nil
}

// parseState reads a State. One that cannot be read counts as none: it is a record of the past, and
// which version is used does not depend on it.
func parseState(text string) *State {
	s := &State{}
	if text == "" || json.Unmarshal([]byte(text), s) != nil {
		return &State{}
	}
	return s
}

// change changes the State of a project. It may call do more than once.
func (l *Learning) change(ctx context.Context, project int64, do func(*State)) error {
	q, err := l.Queue.Get()
	if err != nil {
		return err
	}
	err = q.Values(projects.Name(project)).Update(ctx, keyState, func(old string) (string, error) {
		s := parseState(old)
		do(s)
		s.bound()
		raw, err := json.Marshal(s)
		return string(raw), err
	})
	if err != nil {
		return fmt.Errorf("note how project %d learns: %w", project, err)
	}
	return nil
}

// bound forgets the oldest versions, and that those which are not among the last that were taken up
// can be gone back to.
func (s *State) bound() {
	kept := 0
	for i := len(s.Versions) - 1; i >= 0; i-- {
		v := &s.Versions[i]
		if v.Kept = v.Kept && kept < keptVersions; v.Kept {
			kept++
			continue
		}
		v.Annotations, v.Texts = nil, nil
	}
	for len(s.Versions) > mostVersions {
		i := slices.IndexFunc(s.Versions, func(v Version) bool { return !v.Kept })
		s.Versions = slices.Delete(s.Versions, max(i, 0), max(i, 0)+1)
	}
}

// find returns a version that can be gone back to, or nil.
func (s *State) find(version string) *Version {
	for i := range s.Versions {
		if v := &s.Versions[i]; v.Kept && v.Version == version {
			return v
		}
	}
	return nil
}

// before returns the version that was used before another one, as far as it is kept; empty for none.
func (s *State) before(version string) string {
	last := ""
	for _, v := range s.Versions {
		if !v.Kept {
			continue
		}
		if v.Version == version {
			return last
		}
		last = v.Version
	}
	return last
}
