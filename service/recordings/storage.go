package recordings

import (
	"fmt"
	"slices"
	"strings"

	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/media"
)

// NoStorageError says that a project has no storage (any more) through which Label Studio would
// open a recording. It has all its recordings in Storage.
type NoStorageError struct {
	Project int64
	Storage string // as in media.Fetcher.Storage
}

// Error names project and storage, and is the same for all recordings in it.
func (e *NoStorageError) Error() string {
	return fmt.Sprintf("project %d has no storage for %s: it was deleted in Label Studio, or was never connected to this project", e.Project, e.Storage)
}

// Hint says what to do.
func (e *NoStorageError) Hint() string {
	return "connect it in the project's Settings, Cloud Storage; its recordings are then transcribed within an hour, or at once with Retrieve Predictions"
}

// Serve reports whether one of a project's storages may have what Storage returns.
func Serve(storages []api.Storage, root string) bool {
	return slices.ContainsFunc(storages, func(s api.Storage) bool {
		if strings.HasPrefix(root, media.LocalFiles) {
			return s.Local() // below a folder that is known to Label Studio alone
		}
		return s.Serves(root)
	})
}
