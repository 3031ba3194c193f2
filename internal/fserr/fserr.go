// Package fserr takes errors of the file system apart.
package fserr

import (
	"errors"
	"io/fs"
	"os"
)

// Cause returns err without the path in it, for a message that names the file in the user's
// words, or without a temporary name that nobody knows.
func Cause(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	if link, ok := errors.AsType[*os.LinkError](err); ok {
		return link.Err
	}
	return err
}
