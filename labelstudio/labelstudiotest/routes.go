package labelstudiotest

import (
	"io"
	"net/http"
)

// serveEverything registers all routes. A slash at the end of a path is gone by then.
func (s *Server) serveEverything() {
	for pattern, h := range map[string]func(request) reply{
		"GET /health":             s.health,
		"GET /api/version":        s.version,
		"POST /api/token/refresh": s.exchange,
	} {
		s.routes.Handle(pattern, s.json(h))
	}
	for pattern, h := range map[string]func(request) reply{
		"GET /api/current-user/whoami":                    s.whoami,
		"GET /api/projects":                               s.listProjects,
		"POST /api/projects":                              s.createProject,
		"GET /api/projects/{project}":                     s.getProject,
		"PATCH /api/projects/{project}":                   s.patchProject,
		"GET /api/projects/{project}/export":              s.exportTasks,
		"POST /api/projects/{project}/import":             s.importTasks,
		"POST /api/projects/{project}/import/predictions": s.importPredictions,
		"GET /api/tasks":                                  s.listTasks,
		"GET /api/tasks/{task}":                           s.getTask,
		"DELETE /api/tasks/{task}":                        s.removeTask,
		"PATCH /api/tasks/{task}":                         s.patchTask,
		"GET /api/tasks/{task}/annotations":               s.listAnnotations,
		"POST /api/tasks/{task}/annotations":              s.createAnnotation,
		"GET /api/predictions":                            s.listPredictions,
		"POST /api/predictions":                           s.createPrediction,
		"PATCH /api/predictions/{prediction}":             s.patchPrediction,
		"DELETE /api/predictions/{prediction}":            s.deletePrediction,
		"GET /api/ml":                                     s.listBackends,
		"POST /api/ml":                                    s.saveBackend,
		"PATCH /api/ml/{backend}":                         s.saveBackend,
		"GET /api/webhooks":                               s.listWebhooks,
		"POST /api/webhooks":                              s.createWebhook,
		"GET /api/storages":                               s.listStorages,
	} {
		s.routes.Handle(pattern, s.guard(s.json(h)))
	}
	for pattern, h := range map[string]http.HandlerFunc{
		"GET /data/upload/{path...}":      s.upload,
		"GET /data/local-files":           s.localFile,
		"GET /storage-data/uploaded":      s.stored,
		"GET /tasks/{task}/resolve":       s.resolve,
		"GET /tasks/{task}/presign":       s.resolve,
		"GET /projects/{project}/resolve": s.resolve,
		"GET /projects/{project}/presign": s.resolve,
	} {
		s.routes.Handle(pattern, s.guard(h))
	}
}

func (s *Server) json(h func(request) reply) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client is gone
		}
		h(request{r, body}).write(w)
	})
}

// guard lets requests with a token pass.
func (s *Server) guard(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if why := s.refuse(r); why != "" {
			w.Header().Set("WWW-Authenticate", "Token")
			s.fail(http.StatusUnauthorized, why).write(w)
			return
		}
		h.ServeHTTP(w, r)
	})
}

func (s *Server) health(request) reply {
	return reply{http.StatusOK, map[string]string{"status": "UP"}}
}

func (s *Server) version(request) reply {
	return reply{http.StatusOK, map[string]string{"release": s.options.Version}}
}

// UserEmail is the address of the one user, whose identifier is 1.
const UserEmail = "ann@example.com"

func (s *Server) whoami(request) reply {
	return reply{http.StatusOK, map[string]any{"id": 1, "email": UserEmail, "username": "", "first_name": "", "last_name": ""}}
}
