package media

import (
	"net/url"
	"path"
	"strings"
)

// Storage returns what of a storage in Label Studio a recording is in: "s3://bucket", or "local
// files" and a folder. It is false for recordings that Label Studio serves without a storage of
// the project, or that are read from a mounted folder.
func (f *Fetcher) Storage(value string) (root string, ok bool) {
	s, err := f.classify(Request{Value: value, Task: 1, Project: 1})
	if err != nil {
		return "", false
	}
	switch s.kind {
	case Cloud:
		return bucket(strings.TrimSpace(value))
	case Resolved:
		_, query, _ := strings.Cut(s.routes[0], "?")
		values, _ := url.ParseQuery(query)
		return bucket(unwrapped(values.Get("fileuri")))
	case LocalFile:
		return LocalFiles + " in " + path.Dir("/" + s.document)[1:] + "/", f.roots.documents == nil
	}
	return "", false
}

// LocalFiles is what Storage returns first for those of a Local Files storage.
const LocalFiles = "local files"

// bucket returns the beginning of a URI up to its bucket, container or the like.
func bucket(uri string) (string, bool) {
	scheme, rest, ok := strings.Cut(uri, "://")
	name, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + name, ok && name != "" && !hasControls(uri)
}
