// Package without takes out of errors the names in them: for a message that calls the thing
// by the user's word, or must not repeat it.
package without

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
)

// Path returns err without the path in it, which may be a temporary name that nobody knows.
func Path(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	if link, ok := errors.AsType[*os.LinkError](err); ok {
		return link.Err
	}
	return err
}

// URL returns an error of net/http without the address in it, which may hold secrets.
func URL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
