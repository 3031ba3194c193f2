package media

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net"
	"net/url"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kind says where a recording is, in a word for metrics and messages.
type Kind string

// The kinds of values.
const (
	Unknown   Kind = "unknown"
	Direct    Kind = "direct"     // anywhere on the web
	Upload    Kind = "upload"     // through Label Studio's page
	LocalFile Kind = "local file" // Local Files storage
	Cloud     Kind = "cloud"      // a URI that Label Studio resolves
	Resolved  Kind = "resolved"   // a route of Label Studio that resolves one
	Proxied   Kind = "proxied"    // protected media behind Label Studio
	Hosted    Kind = "hosted"     // another path on Label Studio's host
	Inline    Kind = "inline"     // a data URI
)

// source is what a value means.
type source struct {
	kind Kind
	name string // for people and for the file's suffix
	// key is the same for the same recording; what it opens must not depend on more. What is
	// asked for with the token, or with a project's credentials, is kept for that project.
	key string
	// routes are tried one after the other. They begin at Label Studio's host if own.
	routes []string
	own    bool
	token  bool // send Label Studio's token to own routes
	// upload and document are paths below the mounted folders, or empty.
	upload, document string
	immutable        bool
	referred         bool // a reference to a data URI
}

// classify finds out what a value means.
func (f *Fetcher) classify(r Request) (source, error) {
	fail := func(kind Kind, hint string, args ...any) (source, error) {
		return source{kind: kind}, &Error{Kind: kind, Value: shown(r.Value), Hint: fmt.Sprintf(hint, args...)}
	}
	value := strings.TrimSpace(r.Value)
	if value == "" {
		return fail(Unknown, "The task's data has no recording.")
	}
	if rest, ok := dataURI(value); ok {
		return inline(r, value, rest)
	}
	if hasControls(value) || strings.ContainsRune(value, utf8.RuneError) {
		return fail(Unknown, foul)
	}
	scheme, _, hasScheme := strings.Cut(value, "://")
	if !hasScheme || strings.ContainsAny(scheme, "/?#.") {
		return f.onServer(r, value)
	}
	switch strings.ToLower(scheme) {
	case "http", "https":
		u, err := url.Parse(value)
		if err != nil || u.Host == "" {
			return fail(Direct, "This is no web address.")
		}
		if hasControls(u.Path) {
			return fail(Direct, foul)
		}
		if rest, ok := f.ownPath(u); ok {
			return f.onServer(r, rest)
		}
		return direct(r, u), nil
	case "file", "ftp", "ftps", "sftp":
		return fail(Unknown, "%s:// addresses are not fetched. Use Label Studio's Local Files storage, or https.", scheme)
	}
	return f.cloud(r, value)
}

const foul = "The address has control characters or broken text in it."

// hasControls reports whether a text has control characters. An address may have them
// escaped, as in "a%00.wav", so what is decoded of one is looked at again.
func hasControls(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }

func queryHasControls(u *url.URL) bool {
	for key, values := range u.Query() {
		if hasControls(key) || slices.ContainsFunc(values, hasControls) {
			return true
		}
	}
	return false
}

// direct is a recording on another host.
func direct(r Request, u *url.URL) source {
	u.Fragment = ""
	s := source{kind: Direct, name: base(u.Path), routes: []string{u.String()}, key: "direct " + u.String()}
	if r.Login != "" {
		// What one project's credentials open is not for others.
		s.key = fmt.Sprintf("direct of project %d %s", r.Project, u)
	}
	return s
}

// cloud is a URI of a storage that Label Studio knows. It has to be encoded: raw ones only
// work by accident.
func (f *Fetcher) cloud(r Request, uri string) (source, error) {
	s := source{kind: Cloud, name: base(uri), own: true, token: true}
	if r.Task == 0 && r.Project == 0 {
		return s, &Error{Kind: Cloud, Value: shown(uri), Hint: "Label Studio resolves it for a task or a project only, and the request names neither."}
	}
	s.key = fmt.Sprintf("cloud of project %d %s", r.Project, uri)
	if r.Project == 0 {
		s.key = fmt.Sprintf("cloud of task %d %s", r.Task, uri)
	}
	query := "?fileuri=" + url.QueryEscape(base64.URLEncoding.EncodeToString([]byte(uri)))
	if r.Task != 0 {
		s.routes = resolving("tasks", r.Task, query)
	}
	// The task may have been deleted since it asked for the recording, while others of the
	// project show it.
	s.routes = append(s.routes, resolving("projects", r.Project, query)...)
	return s, f.needServer(s, r)
}

// resolving returns the routes that resolve a URI for a task or a project: older servers know
// the first only, newer ones both. There are none for the number zero.
func resolving(parent string, id int64, query string) (routes []string) {
	if id == 0 {
		return nil
	}
	for _, verb := range []string{"presign", "resolve"} {
		routes = append(routes, fmt.Sprintf("/%s/%d/%s/%s", parent, id, verb, query))
	}
	return routes
}

// onServer is a path on Label Studio's host.
func (f *Fetcher) onServer(r Request, value string) (source, error) {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "" || u.Opaque != "" {
		u = &url.URL{Path: value} // a name with a '%' or ':' of its own
	}
	p := path.Clean("/" + u.Path)
	if len(f.own) > 0 {
		if below, ok := strings.CutPrefix(p, f.own[0].Path+"/"); ok {
			p = "/" + below
		}
	}
	if strings.HasSuffix(u.Path, "/") && p != "/" {
		p += "/"
	}
	s := onServer(p, u, r)
	switch {
	case hasControls(p), hasControls(s.name), hasControls(s.document), queryHasControls(u):
		return s, &Error{Kind: s.kind, Value: shown(r.Value), Hint: foul}
	case s.kind == Unknown:
		return s, &Error{Kind: s.kind, Value: shown(r.Value), Hint: "The path leaves its folder."}
	}
	return s, f.needServer(s, r)
}

// onServer knows Label Studio's media routes. Only they get the token.
func onServer(p string, u *url.URL, r Request) source {
	query := u.Query()
	project := fmt.Sprintf(" of project %d ", r.Project)
	uploads := func(rest string, first bool) source {
		rest = strings.TrimPrefix(path.Clean("/"+rest), "/")
		page := "/data/upload/" + escape(rest)
		stored := "/storage-data/uploaded/?filepath=" + url.QueryEscape("upload/"+rest)
		s := source{kind: Upload, name: uploaded(base(rest)), own: true, token: true, upload: rest, immutable: true,
			key: "upload" + project + rest, routes: []string{page, stored}}
		if !first {
			slices.Reverse(s.routes)
		}
		return s
	}
	for _, prefix := range []string{"/data/upload/", "/upload/"} {
		if rest, ok := strings.CutPrefix(p, prefix); ok {
			return uploads(rest, true)
		}
	}
	segments := strings.Split(strings.Trim(p, "/"), "/")
	route := escape(p) + "?" + query.Encode()
	numbered := len(segments) == 3 && isNumber(segments[1])
	switch {
	case p == "/storage-data/uploaded/" || p == "/storage-data/uploaded":
		if rest, ok := strings.CutPrefix(path.Clean("/"+query.Get("filepath")), "/upload/"); ok {
			return uploads(rest, false)
		}
		return source{kind: Upload, name: base(query.Get("filepath")), own: true, token: true, key: "stored" + project + route, routes: []string{route}}
	case p == "/data/local-files/" || p == "/data/local-files":
		d := query.Get("d")
		if d == "" {
			// Written by hand, with a '%' that escapes nothing.
			_, d, _ = strings.Cut(u.RawQuery, "d=")
			d, _, _ = strings.Cut(d, "&")
		}
		if leaves(d) {
			return source{kind: Unknown}
		}
		return source{kind: LocalFile, name: base(d), own: true, token: true, document: d,
			key: "document" + project + d, routes: []string{"/data/local-files/?d=" + url.QueryEscape(d)}}
	case numbered && (segments[0] == "tasks" || segments[0] == "projects") && (segments[2] == "resolve" || segments[2] == "presign"):
		name := unwrapped(query.Get("fileuri"))
		s := source{kind: Resolved, name: base(name), own: true, token: true, key: "resolved" + project + route, routes: []string{route}}
		if segments[0] == "tasks" { // which may be deleted
			s.routes = append(s.routes, resolving("projects", r.Project, "?"+query.Encode())...)
		}
		return s
	case numbered && segments[0] == "projects" && segments[2] == "file-proxy":
		name := unwrapped(query.Get("url"))
		return source{kind: Proxied, name: base(name), own: true, token: true, key: "proxied" + project + route, routes: []string{route}}
	}
	route = escape(p)
	if len(query) > 0 {
		route += "?" + query.Encode()
	}
	return source{kind: Hosted, name: base(p), own: true, key: "hosted " + route, routes: []string{route}}
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// leaves reports whether a path goes up out of the folder it is in.
func leaves(p string) bool {
	for part := range strings.SplitSeq(strings.ReplaceAll(p, `\`, "/"), "/") {
		if part == ".." {
			return true
		}
	}
	return false
}

func (f *Fetcher) needServer(s source, r Request) error {
	mounted := s.upload != "" && f.roots.media != nil || s.document != "" && f.roots.documents != nil
	if len(f.own) == 0 && !mounted {
		return &Error{Kind: s.kind, Value: shown(r.Value), Err: errNoServer}
	}
	return nil
}

// ownPath returns the path and query of an address on Label Studio. Local Files storage
// writes addresses with localhost when Label Studio does not know its own name, so those
// count too if they are its media routes.
func (f *Fetcher) ownPath(u *url.URL) (string, bool) {
	rest := func(p string) string {
		relative := url.URL{Path: p, RawQuery: u.RawQuery}
		return relative.String()
	}
	for _, own := range f.own {
		if !sameHost(u, own) {
			continue
		}
		if own.Path == "" {
			return rest(u.Path), true
		}
		if below, ok := strings.CutPrefix(u.Path, own.Path+"/"); ok {
			return rest("/" + below), true
		}
	}
	ip := net.ParseIP(u.Hostname())
	local := strings.EqualFold(u.Hostname(), "localhost") || ip != nil && ip.IsLoopback()
	if !local || len(f.own) == 0 {
		return "", false
	}
	kind := onServer(path.Clean("/"+u.Path)+"/", u, Request{}).kind
	return rest(u.Path), kind == Upload || kind == LocalFile || kind == Resolved
}

// ownAddresses are those of Label Studio, the one to use first.
func ownAddresses(o Options) ([]*url.URL, error) {
	if o.Server == nil {
		return nil, nil
	}
	own := []*url.URL{o.Server.Base()}
	for _, alias := range o.Aliases {
		u, err := url.Parse(strings.TrimRight(strings.TrimSpace(alias), "/"))
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return nil, fmt.Errorf("the address %q of Label Studio is none with http:// or https://", alias)
		}
		own = append(own, u)
	}
	return own, nil
}

// sameHost compares host and port. The scheme does not count: a proxy may add the TLS.
func sameHost(a, b *url.URL) bool {
	port := func(u *url.URL) string {
		switch {
		case u.Port() != "":
			return u.Port()
		case u.Scheme == "https":
			return "443"
		}
		return "80"
	}
	return strings.EqualFold(a.Hostname(), b.Hostname()) &&
		(port(a) == port(b) || a.Port() == "" && b.Port() == "")
}

// Name returns what people call the recording of a value, without asking anybody: the name of its
// file, without a path.
func (f *Fetcher) Name(value string) string {
	s, _ := f.classify(Request{Value: value}) // whatever is wrong is for Fetch to say
	if s.name == "" {
		return base(value)
	}
	return s.name
}

// unwrapped returns an address that Label Studio writes into a parameter, in base64 or as it is.
func unwrapped(address string) string {
	if raw, err := base64.URLEncoding.DecodeString(address); err == nil {
		return string(raw)
	}
	return address
}

// uploaded returns the name that a file had when it was uploaded: Label Studio puts eight digits of
// a UUID and a hyphen before it.
func uploaded(name string) string {
	mark, rest, ok := strings.Cut(name, "-")
	if _, err := hex.DecodeString(mark); ok && err == nil && len(mark) == 8 && rest != "" {
		return rest
	}
	return name
}

// base is the last part of a path, without a query and without marks that make a name
// look like another one on a screen. Bytes that are no UTF-8, which some old servers have
// in their names, become "_".
func base(p string) string {
	p, _, _ = strings.Cut(p, "?")
	name := strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(path.Base(path.Clean("/"+p)), "_"))
	switch name {
	case "", "/", ".", "..":
		return "recording"
	}
	return name
}

// escape writes a path for a request line.
func escape(p string) string {
	u := url.URL{Path: p}
	return strings.TrimPrefix(u.EscapedPath(), "./")
}

func cutFold(s, prefix string) (before, after string, ok bool) {
	if len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		return "", s[len(prefix):], true
	}
	return s, "", false
}
