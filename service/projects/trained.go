package projects

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/asr-backend/asr-backend/asr"
)

// keyTrained is the value of a project that holds its Trained, as JSON; empty, or no value, stands
// for none. It is part of the version of its predictions.
const keyTrained = "trained_model"

// Trained is a model that was trained on the corrections of a project, and is used in place of
// another one.
type Trained struct {
	// From is the model that the settings name, and Model the one that is used then. While the
	// settings name another one, that is used as it is.
	From  string `json:"from"`
	Model string `json:"model"`
}

// Trained returns the trained model of a project; the zero value if it has none.
func (r *Registry) Trained(ctx context.Context, project int64) (Trained, error) {
	return r.trained(ctx, project, fresh)
}

func (r *Registry) trained(ctx context.Context, project int64, age time.Duration) (t Trained, err error) {
	text, err := r.early(ctx, project, keyTrained, age)
	if err != nil || text == "" {
		return t, err
	}
	if err := json.Unmarshal([]byte(text), &t); err != nil {
		// To go on with another model would replace every prediction.
		return t, fmt.Errorf("which model project %d has trained cannot be read: %w", project, err)
	}
	return t, nil
}

// SetTrained stores the trained model of a project; the zero value stands for none. It returns once
// that is stored.
func (r *Registry) SetTrained(ctx context.Context, project int64, t Trained) error {
	text := ""
	if t != (Trained{}) {
		raw, err := json.Marshal(t)
		if err != nil {
			return err
		}
		text = string(raw)
	}
	if err := r.setEarly(ctx, project, keyTrained, text); err != nil {
		return fmt.Errorf("set the trained model of project %d: %w", project, err)
	}
	return nil
}

// use puts the trained model of a project into settings that name the one it takes the place of. It
// returns the model that the settings named.
func (r *Registry) use(ctx context.Context, project int64, s *Settings, age time.Duration) (chosen string, err error) {
	chosen = s.Model
	t, err := r.trained(ctx, project, age)
	if err == nil && t.Model != "" && r.canonical(t.From) == r.canonical(chosen) {
		s.Model = t.Model
	}
	return chosen, err
}

func (r *Registry) canonical(model string) string {
	if r.options.Canonical == nil {
		return model
	}
	return r.options.Canonical(model)
}

// TrainedModelError says that the trained model of a project cannot be used. The project does not go
// back to the other model by itself: that would replace every prediction, and the folder of models may
// only be missing for a while.
type TrainedModelError struct {
	Project int64
	Trained Trained
	Err     error
}

// Error is a sentence for whoever runs the service.
func (e *TrainedModelError) Error() string {
	return fmt.Sprintf("the project uses model %s, which was trained on its corrections: %v", e.Trained.Model, e.Err)
}

// Hint says what to do.
func (e *TrainedModelError) Hint() string {
	return fmt.Sprintf(`put its folder back, or go back to %s: asr-backend learn --project %d --model ""`, e.Trained.From, e.Project)
}

// Unwrap returns the cause.
func (e *TrainedModelError) Unwrap() error { return e.Err }

// explain returns an error of a model as one of a trained model, if it is one.
func explain(err error, project int64, chosen string, s *Settings) error {
	if _, ok := errors.AsType[*asr.ModelError](err); !ok || s.Model == chosen {
		return err
	}
	return &TrainedModelError{project, Trained{From: chosen, Model: s.Model}, err}
}
