package labelstudio

import (
	"encoding/json"
	"time"
)

// Prediction is one suggestion for a task, as it leaves in a reply.
type Prediction struct {
	// ModelVersion is the one that Setup returned. Empty leaves it to Label Studio, which
	// then fills in the one it got from /setup; it never leaves as null, which fails the
	// whole batch.
	ModelVersion string
	// Score is in 0..1. Uncertainty sampling shows the lowest first.
	Score  float64
	Result []Item
	// Reason is why there is no prediction, for the person who asked. Nothing else of a
	// prediction with a reason counts. Label Studio stores nothing of it, shows it in answer to
	// Send Test Request, and writes it to its log.
	Reason string
}

// PartialVersion is the version under which a prediction is stored of what has been transcribed so
// far, until there is the one of a version. No version of a model ends so.
func PartialVersion(version string) string { return version + "-partial" }

// NotNow is the answer for a task that has no prediction now, with its reason.
func NotNow(reason string) Predictions { return Predictions{{Reason: reason}} }

// Predictions are the suggestions for one task. No prediction means "not now": Label
// Studio stores nothing and asks again; NotNow says so with a reason. One with an empty Result
// means "there is nothing here": it is stored, and the task is not asked for again at this
// version.
type Predictions []Prediction

// StoredPrediction is a prediction as Label Studio keeps it.
type StoredPrediction struct {
	ID        int64
	Task      int64
	CreatedAt time.Time
	Prediction
}

// UnmarshalJSON reads a stored prediction; versions that are numbers become their text.
func (p *StoredPrediction) UnmarshalJSON(b []byte) error {
	var w struct {
		ID      number     `json:"id"`
		Task    number     `json:"task"`
		Created timestamp  `json:"created_at"`
		Version label      `json:"model_version"`
		Score   score      `json:"score"`
		Result  list[Item] `json:"result"`
	}
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	*p = StoredPrediction{
		ID: int64(w.ID), Task: int64(w.Task), CreatedAt: time.Time(w.Created),
		Prediction: Prediction{ModelVersion: string(w.Version), Score: float64(w.Score), Result: w.Result},
	}
	return nil
}

// Annotation is what a person made of a task.
type Annotation struct {
	ID, Task, Project int64
	Result            []Item
	// WasCancelled marks a skipped task, GroundTruth one to judge others by.
	WasCancelled, GroundTruth bool
	// Rejected says that a reviewer did not accept it, in editions that have reviews.
	Rejected    bool
	LeadTime    time.Duration // how long the person took
	CompletedBy int64         // the person, zero when not said
	// ParentPrediction is the prediction that the annotation started from, or zero.
	ParentPrediction     int64
	CreatedAt, UpdatedAt time.Time
}

// Copied reports whether Label Studio has made the annotation of a prediction by itself, in "Create annotations
// from predictions": nobody has spent time on it, which Label Studio notes of what people submit.
func (a *Annotation) Copied() bool { return a.ParentPrediction != 0 && a.LeadTime == 0 }

// UnmarshalJSON reads an annotation and tolerates missing and null fields.
func (a *Annotation) UnmarshalJSON(b []byte) error {
	var w struct {
		ID               number     `json:"id"`
		Task             number     `json:"task"`
		Project          number     `json:"project"`
		Result           list[Item] `json:"result"`
		WasCancelled     flag       `json:"was_cancelled"`
		GroundTruth      flag       `json:"ground_truth"`
		LeadTime         seconds    `json:"lead_time"`
		CompletedBy      number     `json:"completed_by"`
		ParentPrediction number     `json:"parent_prediction"`
		Created          timestamp  `json:"created_at"`
		Updated          timestamp  `json:"updated_at"`

		LastAction label           `json:"last_action"`
		Reviews    json.RawMessage `json:"reviews"`
	}
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	*a = Annotation{
		ID: int64(w.ID), Task: int64(w.Task), Project: int64(w.Project), Result: w.Result,
		WasCancelled: bool(w.WasCancelled), GroundTruth: bool(w.GroundTruth),
		LeadTime: time.Duration(w.LeadTime), CompletedBy: int64(w.CompletedBy),
		ParentPrediction: int64(w.ParentPrediction),
		CreatedAt:        time.Time(w.Created), UpdatedAt: time.Time(w.Updated),
		Rejected: w.LastAction == "rejected" || rejected(w.Reviews),
	}
	return nil
}

// rejected reports whether the last of an annotation's reviews is a refusal.
func rejected(reviews json.RawMessage) bool {
	var all []struct {
		Accepted *bool     `json:"accepted"`
		Created  timestamp `json:"created_at"`
	}
	if json.Unmarshal(reviews, &all) != nil {
		return false
	}
	refused, last := false, time.Time{}
	for _, r := range all {
		if at := time.Time(r.Created); !at.Before(last) {
			refused, last = r.Accepted != nil && !*r.Accepted, at
		}
	}
	return refused
}

// score, seconds and timestamp tolerate null and other types, which read as zero.
type (
	score     float64
	seconds   time.Duration
	timestamp time.Time
)

func (s *score) UnmarshalJSON(b []byte) error {
	var v float64
	_ = json.Unmarshal(b, &v)
	*s = score(v)
	return nil
}

func (s *seconds) UnmarshalJSON(b []byte) error {
	d, _ := parseSeconds(b)
	*s = seconds(d)
	return nil
}

func (t *timestamp) UnmarshalJSON(b []byte) error {
	var v time.Time
	_ = json.Unmarshal(b, &v)
	*t = timestamp(v)
	return nil
}
