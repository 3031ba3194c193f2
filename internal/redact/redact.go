// Package redact takes secrets out of web addresses, before they are printed or logged.
package redact

import (
	"errors"
	"net/url"
)

// URL writes an address without its user, password, query and fragment. A query may be a
// signature that opens a file.
func URL(u *url.URL) string {
	plain := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, Opaque: u.Opaque}
	return plain.String()
}

// Error returns the cause of an error of net/http or net/url, which names the address.
// Other errors are returned as they are.
func Error(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
