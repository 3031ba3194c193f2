package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Storage is an import storage of a project. Label Studio resolves the address of a recording
// only while its project has a storage of the same bucket; when it is deleted the tasks stay.
type Storage struct {
	ID    int64  `json:"id"`
	Type  string `json:"type"` // s3, gcs, azure, redis, localfiles
	Title string `json:"title"`
	// Of these, one is set.
	Bucket    string `json:"bucket"`    // S3 and GCS
	Container string `json:"container"` // Azure
	Path      string `json:"path"`      // Redis and local files
}

// Serves reports whether Label Studio looks into the storage for what is in a bucket, given as
// "s3://bucket".
func (s Storage) Serves(bucket string) bool {
	_, name, ok := strings.Cut(bucket, "://")
	return ok && name != "" && (name == s.Bucket || name == s.Container || s.Type == "redis" && name == s.Path)
}

// Local reports whether it is a Local Files storage.
func (s Storage) Local() bool { return s.Type == "localfiles" }

// Storages returns the import storages of a project. Label Studio leaves out those of a kind that
// it fails to list, without saying so.
func (c *Client) Storages(ctx context.Context, project int64) ([]Storage, error) {
	var list []Storage
	err := c.do(ctx, call{op: fmt.Sprintf("list the storages of project %d", project), method: http.MethodGet, path: "/api/storages/",
		query: url.Values{"project": {strconv.FormatInt(project, 10)}}, reply: &list})
	return list, err
}
