// Package statuspage shows what the service does to the people who plan its work: what there is
// in JSON, a page for browsers, and a table for spreadsheets.
//
// # The page
//
// One page lists all projects, and one each project's tasks. What is shown follows from the
// address alone (package overview reads filters, search, order and pages from it), so it can be
// bookmarked, and every link and form works without JavaScript. A script of our own fetches the
// page again every few seconds and changes only what differs, so that nobody loses their place,
// what they have typed, marked or ticked. Without it the page reloads itself.
//
// # What it trusts
//
// Titles, names of files and reasons come from outside. html/template escapes them, the policy in
// the header allows one script and one style by their digests and nothing from anywhere else, and
// in a table for spreadsheets no cell begins a formula.
package statuspage

import (
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/service/overview"
	"github.com/asr-backend/asr-backend/service/problems"
	"github.com/asr-backend/asr-backend/service/progress"
	"github.com/asr-backend/asr-backend/service/reconcile"
	"github.com/asr-backend/asr-backend/service/training"
)

// Status is what /status says. Programs read it: fields may be added, and none changes its name or
// its meaning.
type Status struct {
	Version    string             `json:"version"`
	Started    time.Time          `json:"started"`
	Ready      bool               `json:"ready"`
	NotReady   string             `json:"not_ready,omitempty"`      // why
	ReadyHint  string             `json:"not_ready_hint,omitempty"` // what to do
	Model      ModelStatus        `json:"model"`
	Store      string             `json:"store,omitempty"`      // what is wrong with it
	StoreHint  string             `json:"store_hint,omitempty"` // what to do
	API        string             `json:"label_studio,omitempty"`
	APIProblem string             `json:"label_studio_problem,omitempty"`
	Running    []progress.Running `json:"running"`
	Waiting    int64              `json:"waiting"` // recordings
	Projects   []ProjectStatus    `json:"projects"`
	// Deleted is how many projects are left out, since Label Studio does not know them any more.
	Deleted int `json:"projects_deleted,omitempty"`
}

// ModelStatus is what computes.
type ModelStatus struct {
	Name       string        `json:"name"`
	Provider   ort.Provider  `json:"provider,omitempty"`
	Reason     string        `json:"reason,omitempty"` // why there is no GPU
	Precision  asr.Precision `json:"precision,omitempty"`
	GPU        string        `json:"gpu,omitempty"`            // its name, memory, driver and cuDNN
	Difference float64       `json:"gpu_difference,omitempty"` // see asr.Device
	Speed      float64       `json:"gpu_rtfx,omitempty"`
	Threads    int           `json:"threads,omitempty"`
	Batch      int           `json:"batch,omitempty"`
	Decoding   string        `json:"decoding,omitempty"` // how texts are found without hotwords
}

// ProjectStatus is a project as the service sees it.
type ProjectStatus struct {
	ID       int64             `json:"id"`
	Title    string            `json:"title,omitempty"`
	URL      string            `json:"url,omitempty"` // of the project in Label Studio
	Version  string            `json:"model_version,omitempty"`
	Decoding string            `json:"decoding,omitempty"` // how texts are found; empty until the model is loaded
	Serves   []string          `json:"serves,omitempty"`
	Notes    []string          `json:"notes,omitempty"`
	Problem  *problems.Problem `json:"problem,omitempty"`
	// Page is what keeps Label Studio's page from showing the project's recordings.
	Page    *PageProblem           `json:"page_problem,omitempty"`
	Tasks   []overview.Task        `json:"tasks"`
	Omitted int                    `json:"tasks_omitted,omitempty"` // that match and are not listed
	Counts  map[overview.State]int `json:"counts"`                  // of all tasks, by state
	// Attention is how many of all tasks need somebody, and Matching how many a query matches.
	Attention int `json:"attention,omitempty"`
	Matching  int `json:"tasks_matching"`
	// Reconciled is the last look for tasks that no event announced.
	Reconciled *reconcile.Look `json:"reconciled,omitempty"`
	ErrorsBy   []VersionRate   `json:"word_error_rates,omitempty"`
	// Learning is what the project has learnt; nil: that is not known.
	Learning *Learning `json:"learning,omitempty"`
	// Training is how the model of the one project of the page is trained; nil where no command is set and
	// none has run.
	Training *training.Status `json:"training,omitempty"`
	// Missing is since when Label Studio does not know the project; zero: it does.
	Missing time.Time `json:"missing_since,omitzero"`
}

// VersionRate is the word error rate of a version, by what people corrected.
type VersionRate struct {
	Version string  `json:"model_version"`
	Words   int     `json:"words"`
	Rate    float64 `json:"rate"`
	// Annotations are how many there are: changed, submitted unchanged, or copied from predictions in bulk,
	// of which the last do not count in the rate.
	Annotations map[string]int `json:"annotations"` // by corrections.Outcome
}

// PageProblem is something that keeps Label Studio's page from showing recordings, and what to
// do about it.
type PageProblem struct {
	What string `json:"what"`
	Hint string `json:"hint"`
}
