package recordings

import (
	"github.com/asr-backend/asr-backend/labelstudio/media"
	"github.com/asr-backend/asr-backend/service/projects"
)

// Kind is the kind of job that transcribes a recording.
const Kind = "transcribe"

// Recording says where a recording is and how it is transcribed. It is the arguments of the
// job that does it.
type Recording struct {
	// Value is as the task has it, or the reference to a long data URI; see media.Reference.
	Value     string `json:"value"`
	TaskID    int64  `json:"task"` // the first of the project that asked
	ProjectID int64  `json:"project"`
	// Login is with whose credentials the project opens its media. They are those of the
	// project; see projects.Registry.Login.
	Login string `json:"login,omitempty"`
	// Password stands in jobs of earlier programs only.
	Password string `json:"password,omitempty"`
	// Settings and Split choose how it is transcribed, Version is what that comes to. Hotwords
	// are not among the settings, as there may be thousands: they are those of the project.
	Settings projects.Settings `json:"settings"`
	Split    bool              `json:"split"`
	Version  string            `json:"version"`

	// inline is the data URI that Value refers to, where it is at hand: too large for a job.
	inline string
	// shared is set for a job of an earlier program, which was for all projects.
	shared bool
}

// Of returns the recording that a task of a project has at an address.
func Of(p *projects.Project, task int64, value string) Recording {
	rec := Recording{Value: value, TaskID: task, ProjectID: p.ID, Login: p.Login,
		Settings: p.Settings, Split: p.Split(), Version: p.TranscriptVersion}
	rec.Settings.Hotwords = nil
	if reference, ok := media.Reference(value); ok {
		rec.Value, rec.inline = reference, value
	}
	return rec
}

// Kind implements jobs.Args.
func (Recording) Kind() string { return Kind }

// Project implements jobs.Args.
func (r Recording) Project() string { return projects.Name(r.ProjectID) }

// Key implements jobs.Args: the same for every task of the project that shows the recording.
// Another project has a key of its own, since it may not be allowed to open the address.
func (r Recording) Key() string {
	prefix := Kind + "/" + r.Version + "/"
	switch {
	case r.shared:
		return prefix + projects.Fingerprint(r.Value)
	case r.Login != "":
		return prefix + projects.Fingerprint(r.Value, r.ProjectID, r.Login)
	}
	return prefix + projects.Fingerprint(r.Value, r.ProjectID)
}
