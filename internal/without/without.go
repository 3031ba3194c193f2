// Package without takes out of errors and addresses what a message must not repeat: names
// for which the user has another word, and secrets.
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

// Secrets writes an address without its user, password, query and fragment. A query may be
// a signature that opens a file.
func Secrets(u *url.URL) string {
	plain := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, Opaque: u.Opaque}
	return plain.String()
}

// URL returns an error of net/http without the address in it, which may hold secrets.
func URL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
