package statuspage_test

import (
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/service/statuspage"
	"github.com/asr-backend/asr-backend/service/training"
)

// trained is a page of a project whose model was trained.
func trained(change func(*training.Status)) *statuspage.View {
	v := view()
	v.Alone.Training = &training.Status{On: true, Model: attack, From: "small-en", Log: []string{"epoch 1", attack},
		Runs: []training.Run{{At: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), Model: attack, Reason: "it goes from 26.1 % to 25.2 %" + attack, TakenUp: true}}}
	change(v.Alone.Training)
	v.Control, v.Links.Below = true, "../"
	return v
}

func TestTrainingIsShown(t *testing.T) {
	for name, c := range map[string]struct {
		change   func(*training.Status)
		want     []string
		action   string
		noButton bool
	}{
		"done":    {func(*training.Status) {}, []string{"Model " + attack + " is used, which was trained from small-en", "it goes from 26.1 % to 25.2 %", "epoch 1 " + attack}, "../learn/train", false},
		"running": {func(s *training.Status) { s.Running = true }, []string{"The training command is running"}, "../learn/train/stop", false},
		"waiting": {func(s *training.Status) { s.Waits, s.Problem, s.Hint = true, "Label Studio is away", attack }, []string{"waits for its turn", "failed: Label Studio is away " + attack}, "../learn/train/stop", false},
		"off":     {func(s *training.Status) { s.On, s.Runs = false, nil }, []string{"Nothing has been trained yet"}, "", true},
	} {
		page, doc := write(t, trained(c.change))
		said := sectionOf(t, doc, "training")
		for _, want := range c.want {
			if !strings.Contains(said, strings.Join(strings.Fields(want), " ")) {
				t.Errorf("%s: %q is missing in %s", name, want, said)
			}
		}
		var actions []string
		for _, f := range elements(doc, "form") {
			if strings.HasPrefix(f["action"], "../learn/train") {
				actions = append(actions, f["action"])
			}
		}
		for _, b := range elements(doc, "button") {
			if strings.HasPrefix(b["formaction"], "../learn/train") {
				actions = append(actions, b["formaction"])
			}
		}
		if c.noButton != (len(actions) == 0) || !c.noButton && actions[len(actions)-1] != c.action {
			t.Errorf("%s: actions %q, want %q last", name, actions, c.action)
		}
		if strings.Contains(page, "<img") {
			t.Errorf("%s: what comes from outside is not text", name)
		}
	}
}
