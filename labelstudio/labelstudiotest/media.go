package labelstudiotest

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Upload puts a file where a project's uploads are and returns the value that tasks have.
func (s *Server) Upload(project int64, name string, content []byte) string {
	value := fmt.Sprintf("/data/upload/%d/%s", project, name)
	s.Put(value, content)
	return value
}

// Put puts a file where the value of a task, such as "/data/upload/7/a.wav", says that it
// is.
func (s *Server) Put(value string, content []byte) {
	path := filepath.Join(s.MediaDir, filepath.FromSlash(strings.TrimPrefix(value, "/data/")))
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, content, 0o644)
	}
	if err != nil {
		s.errorf("%v", err)
	}
}

// AddCloudFile makes a cloud storage hold a file, such as "s3://bucket/a.wav", at a signed
// address to which Label Studio redirects.
func (s *Server) AddCloudFile(uri, signed string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.storage[uri] = signed
}

// upload serves an upload. A missing one is an internal error: the check of permissions
// finds no upload to check.
func (s *Server) upload(w http.ResponseWriter, r *http.Request) {
	path := filepath.Join(s.MediaDir, "upload", filepath.FromSlash(r.PathValue("path")))
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		s.fail(http.StatusInternalServerError, "'NoneType' object has no attribute 'has_permission'").write(w)
		return
	}
	http.ServeFile(w, r, path)
}

// stored leaves an upload to nginx, which is not there.
func (s *Server) stored(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("filepath")
	if _, err := os.Stat(filepath.Join(s.MediaDir, filepath.FromSlash(name))); name == "" || err != nil {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	w.Header().Set("X-Accel-Redirect", "/file_download/"+url.PathEscape(name))
	w.WriteHeader(http.StatusOK)
}

func (s *Server) localFile(w http.ResponseWriter, r *http.Request) {
	if s.options.Documents == "" {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, "Serving local files can be dangerous, so it's disabled by default. You can enable it with LOCAL_FILES_SERVING_ENABLED environment variable")
		return
	}
	root, err := os.OpenRoot(s.options.Documents)
	if err != nil {
		s.errorf("%v", err)
		return
	}
	defer root.Close()
	http.ServeFileFS(w, r, root.FS(), r.URL.Query().Get("d"))
}

// resolve redirects to a file of a cloud storage.
func (s *Server) resolve(w http.ResponseWriter, r *http.Request) {
	uri := r.URL.Query().Get("fileuri")
	if raw, err := base64.URLEncoding.DecodeString(uri); err == nil {
		uri = string(raw)
	}
	project, err := strconv.ParseInt(r.PathValue("project"), 10, 64)
	s.mu.Lock()
	if task, _ := strconv.ParseInt(r.PathValue("task"), 10, 64); err != nil && s.tasks.rows[task] != nil {
		project = s.tasks.rows[task].Project
	}
	signed, ok := s.storage[uri]
	ok = ok && s.holds(project, uri)
	s.mu.Unlock()
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("Location", signed)
	w.WriteHeader(http.StatusSeeOther)
}
