package priority_test

import (
	"encoding/json"
	"testing"

	"github.com/asr-backend/asr-backend/priority"
)

// The names are stored with jobs and are labels of metrics.
func TestClassesAreStoredByName(t *testing.T) {
	if !(priority.Background < priority.Batch && priority.Batch < priority.Expedited && priority.Expedited < priority.Opened && priority.Opened < priority.Interactive) {
		t.Error("the greater class must go first")
	}
	all := []priority.Class{priority.Background, priority.Batch, priority.Expedited, priority.Opened, priority.Interactive}
	raw, err := json.Marshal(all)
	if want := `["background","batch","expedited","opened","interactive"]`; err != nil || string(raw) != want {
		t.Errorf("%s, %v, want %s", raw, err, want)
	}
	var back []priority.Class
	if err := json.Unmarshal(raw, &back); err != nil || len(back) != priority.Classes {
		t.Fatalf("%v, %v", back, err)
	}
	for i, c := range back {
		if c != all[i] || int(c) != i {
			t.Errorf("%v became %v", all[i], c)
		}
	}
}

func TestUnknownClassesAreRefused(t *testing.T) {
	if raw, err := json.Marshal(priority.Class(priority.Classes)); err == nil {
		t.Errorf("written as %s", raw)
	}
	for _, name := range []string{`""`, `"urgent"`, `2`} {
		c := priority.Opened
		if err := json.Unmarshal([]byte(name), &c); err == nil || c != priority.Opened {
			t.Errorf("%s was read as %v, %v", name, c, err)
		}
	}
	if s := priority.Class(7).String(); s != "class 7" {
		t.Errorf("named %q", s)
	}
}
