package labelstudiotest

import (
	"net/http"
	"strconv"
	"time"
)

// state is what Label Studio keeps in its database.
type state struct {
	projects    table[Project]
	tasks       table[Task]
	predictions table[Prediction]
	annotations table[Annotation]
	backends    table[Backend]
	webhooks    table[Webhook]
	storage     map[string]string // signed addresses by cloud URI
	storages    table[Storage]
	strict      bool // cloud files need a storage

	personal  string
	access    map[string]time.Time // the ends of access tokens
	exchanges int
	revoked   bool
	noLegacy  bool
}

func newState() state {
	return state{
		projects: newTable[Project](), tasks: newTable[Task](), predictions: newTable[Prediction](), annotations: newTable[Annotation](),
		backends: newTable[Backend](), webhooks: newTable[Webhook](), storage: map[string]string{}, storages: newTable[Storage](), access: map[string]time.Time{},
	}
}

// Segments is the labelling configuration of a project that is added without one: that of
// the template Automatic Speech Recognition using Segments.
const Segments = `<View><Labels name="labels" toName="audio"><Label value="Speech"/><Label value="Noise"/></Labels>` +
	`<Audio name="audio" value="$audio"/><TextArea name="transcription" toName="audio" rows="2" editable="true" perRegion="true" required="true"/></View>`

// Project is a project.
type Project struct {
	ID     int64 // 0: the next one
	Title  string
	Config string // empty: Segments
	// ModelVersion is of the predictions that the project uses; empty: the title of its first backend.
	ModelVersion string
	// Login and Password open the media of its tasks by HTTP Basic authentication.
	Login, Password string
	Created         time.Time // zero: now
}

// AddProject adds a project and returns its identifier. No event is sent.
func (s *Server) AddProject(p Project) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.assign(&p.ID)
	if p.Config == "" {
		p.Config = Segments
	}
	if p.Created.IsZero() {
		p.Created = time.Now()
	}
	s.projects.add(p)
	return p.ID
}

// Projects returns all projects, the oldest first.
func (s *Server) Projects() []Project {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.projects.all()
}

// ChangeProject changes a project. No event is sent: Emit sends PROJECT_UPDATED.
func (s *Server) ChangeProject(id int64, change func(*Project)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s.projects.rows[id])
}

// DeleteProject deletes a project and its tasks. Its backends and webhooks stay.
func (s *Server) DeleteProject(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tasks.owned(id) {
		s.deleteTask(t.ID)
	}
	s.projects.remove(id)
}

// encodeProject writes a project as replies and events hold it, with the lock held.
func (s *Server) encodeProject(p *Project) map[string]any {
	predictions, annotations := 0, 0
	for _, t := range s.tasks.of[p.ID] {
		predictions += len(s.predictions.of[t.ID])
		annotations += len(s.annotations.of[t.ID])
	}
	version := p.ModelVersion
	if b := s.backends.of[p.ID]; version == "" && len(b) > 0 {
		version = b[0].Title // the live model
	}
	return map[string]any{
		"id": p.ID, "title": p.Title, "label_config": p.Config, "model_version": version, "created_at": stamp(p.Created),
		"task_number": len(s.tasks.of[p.ID]), "total_predictions_number": predictions, "total_annotations_number": annotations,
		"task_data_login": orNull(p.Login), "task_data_password": orNull(p.Password), "show_collab_predictions": true,
	}
}

// name is a project as requests to backends name it.
func (p *Project) name() string {
	return strconv.FormatInt(p.ID, 10) + "." + strconv.FormatInt(p.Created.Unix(), 10)
}

// patchProject changes the version of predictions that a project uses.
func (s *Server) patchProject(r request) reply {
	var in struct {
		Version *string `json:"model_version"`
	}
	if err := r.parse(&in); err != nil || in.Version == nil {
		return s.fail(http.StatusBadRequest, "the stand-in changes model_version only")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.projects.rows[r.number("project")]
	if p == nil {
		return s.missing("Project")
	}
	known := *in.Version == ""
	for _, b := range s.backends.of[p.ID] {
		known = known || b.Title == *in.Version
	}
	for _, t := range s.tasks.of[p.ID] {
		for _, one := range s.predictions.of[t.ID] {
			known = known || one.Version == *in.Version
		}
	}
	if !known {
		return s.invalid("model_version", "Model version doesn't exist either as live model or as static predictions.")
	}
	p.ModelVersion = *in.Version
	return reply{http.StatusOK, s.encodeProject(p)}
}

func (s *Server) listProjects(r request) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.projects.all()
	first, last, ok := page(r, len(all), 30)
	if !ok {
		return s.fail(http.StatusNotFound, "Invalid page.")
	}
	results := []any{}
	for _, p := range all[first:last] {
		results = append(results, s.encodeProject(&p))
	}
	return reply{http.StatusOK, map[string]any{"count": len(all), "results": results}}
}

func (s *Server) getProject(r request) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.projects.rows[r.number("project")]
	if p == nil {
		return s.missing("Project")
	}
	return reply{http.StatusOK, s.encodeProject(p)}
}

func (s *Server) createProject(r request) reply {
	var in struct {
		Title  string `json:"title"`
		Config string `json:"label_config"`
	}
	if err := r.parse(&in); err != nil {
		return s.fail(http.StatusBadRequest, err.Error())
	}
	id := s.AddProject(Project{Title: in.Title, Config: in.Config})
	s.mu.Lock()
	defer s.mu.Unlock()
	body := s.encodeProject(s.projects.rows[id])
	for _, count := range []string{"task_number", "total_predictions_number", "total_annotations_number"} {
		body[count] = nil // not counted yet
	}
	return reply{http.StatusCreated, body}
}

// page returns the range of a list that a request asks for, and false if there is no such
// page. The first page is always there.
func page(r request, total, size int) (first, last int, ok bool) {
	q := r.URL.Query()
	if n, err := strconv.Atoi(q.Get("page_size")); err == nil && n > 0 {
		size = n
	}
	pages := max(1, (total+size-1)/size)
	n := 1
	switch text := q.Get("page"); text {
	case "":
	case "last":
		n = pages
	default:
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 || n > pages {
			return 0, 0, false
		}
	}
	return (n - 1) * size, min(n*size, total), true
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}
