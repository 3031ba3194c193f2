package labelstudiotest

import (
	"net/http"
	"strings"
)

// Storage is an import storage of a project.
type Storage struct {
	ID      int64 // 0: the next one
	Project int64
	Bucket  string
}

func (s Storage) key() (id, owner int64) { return s.ID, s.Project }

// AddStorage connects a storage of type S3. From then on only projects with a storage of the same bucket can
// open cloud files, as in Label Studio. Nothing is synced.
func (s *Server) AddStorage(v Storage) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.assign(&v.ID)
	s.storages.add(v)
	s.strict = true
	return v.ID
}

// DeleteStorage deletes a storage. Its tasks stay.
func (s *Server) DeleteStorage(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.storages.remove(id)
}

// holds reports whether a project has a storage for a cloud file. The caller holds the lock.
func (s *Server) holds(project int64, uri string) bool {
	if !s.strict {
		return true
	}
	for _, v := range s.storages.of[project] {
		if strings.HasPrefix(uri, "s3://"+v.Bucket+"/") {
			return true
		}
	}
	return false
}

func (s *Server) listStorages(r request) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []map[string]any{}
	for _, v := range s.storages.of[r.number("project")] {
		out = append(out, map[string]any{"id": v.ID, "type": "s3", "project": v.Project, "title": v.Bucket, "bucket": v.Bucket, "prefix": nil})
	}
	return reply{http.StatusOK, out}
}
