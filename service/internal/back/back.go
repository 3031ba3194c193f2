// Package back leads a browser from an action back to the status page. A form of that page sends
// the place it came from in its field "return".
package back

import (
	"net/http"
	"net/url"
	"strings"
)

// page is where forms come from.
const page = "/status"

// Field is the field of a form that says where to go back to.
const Field = "return"

// To answers a form that was sent to a route. to is a place of the status page; all else leads to
// its beginning. The address is relative, since a proxy may serve both under a path of its own.
func To(w http.ResponseWriter, route, to string) {
	w.Header().Set("Location", strings.Repeat("../", strings.Count(route, "/")-1)+strings.TrimPrefix(place(to), "/"))
	w.WriteHeader(http.StatusSeeOther)
}

// place returns a place of the status page.
func place(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Path != page {
		return page
	}
	return (&url.URL{Path: page, RawQuery: u.Query().Encode(), Fragment: u.Fragment}).String()
}
