package labelstudio

import "encoding/json"

// Action is what happened, in Label Studio's words.
type Action string

// The actions that reach a project's webhook. StartTraining is the button in the
// project's model settings.
const (
	ProjectUpdated     Action = "PROJECT_UPDATED"
	TasksCreated       Action = "TASKS_CREATED"
	TasksDeleted       Action = "TASKS_DELETED"
	AnnotationCreated  Action = "ANNOTATION_CREATED"
	AnnotationsCreated Action = "ANNOTATIONS_CREATED"
	AnnotationUpdated  Action = "ANNOTATION_UPDATED"
	AnnotationsDeleted Action = "ANNOTATIONS_DELETED"
	LabelLinkCreated   Action = "LABEL_LINK_CREATED"
	LabelLinkUpdated   Action = "LABEL_LINK_UPDATED"
	LabelLinkDeleted   Action = "LABEL_LINK_DELETED"
	StartTraining      Action = "START_TRAINING"
)

// Known reports whether Label Studio sends the action to backends.
func (a Action) Known() bool {
	switch a {
	case ProjectUpdated, TasksCreated, TasksDeleted,
		AnnotationCreated, AnnotationsCreated, AnnotationUpdated, AnnotationsDeleted,
		LabelLinkCreated, LabelLinkUpdated, LabelLinkDeleted, StartTraining:
		return true
	}
	return false
}

// Event is the body of POST /webhook.
type Event struct {
	Action Action
	// ProjectID is zero and LabelConfig empty when the webhook sends no payload.
	ProjectID   int64
	LabelConfig string
	// Title and ModelVersion are the project's; the version is the live backend's title
	// or the version whose predictions annotators see.
	Title, ModelVersion string
	// Tasks are those that were created or annotated; deleted ones have only an id.
	Tasks []Task
	// Annotations are those that were made or changed; deleted ones have only an id.
	// Their tasks are in Tasks.
	Annotations []Annotation
}

// HasPayload reports whether the webhook says more than the action. One set up without
// payload leaves it to the receiver to ask the API what is new.
func (e *Event) HasPayload() bool { return e.ProjectID != 0 }

// UnmarshalJSON reads an event. One annotation or task comes under the singular key as an
// object, several of them under the plural key or, for annotations made from predictions,
// as lists under the singular key.
func (e *Event) UnmarshalJSON(b []byte) error {
	var w struct {
		Action      label            `json:"action"`
		Project     json.RawMessage  `json:"project"`
		Task        list[Task]       `json:"task"`
		Tasks       list[Task]       `json:"tasks"`
		Annotation  list[Annotation] `json:"annotation"`
		Annotations list[Annotation] `json:"annotations"`
	}
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	project := objectFields(w.Project)
	var id number
	_ = id.UnmarshalJSON(project["id"])
	*e = Event{
		Action: Action(w.Action), ProjectID: int64(id),
		LabelConfig: textOf(project["label_config"]),
		Title:       textOf(project["title"]), ModelVersion: textOf(project["model_version"]),
		Tasks:       append(w.Task, w.Tasks...),
		Annotations: append(w.Annotation, w.Annotations...),
	}
	return nil
}
