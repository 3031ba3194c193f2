// Package downloadtest is the other side of a download in tests: content, and a file that an
// HTTP server gives as badly as real ones do.
package downloadtest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Content returns n bytes, no two stretches of which are alike.
func Content(n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		sum := sha256.Sum256(fmt.Append(nil, i))
		b.Write(sum[:])
	}
	return b.Bytes()[:n]
}

// File is a file as a server gives it. The zero value of every field but Body is a server
// without faults.
type File struct {
	Body []byte
	ETag string // empty: none
	// NoRanges ignores Range, and NoIfRange ignores If-Range.
	NoRanges, NoIfRange bool
	// NoLength sends no Content-Length where HTTP allows that, and NoTotal no size in
	// Content-Range.
	NoLength, NoTotal bool
	Promise           int  // a length to state in place of the real one
	MaxRange          int  // of ranges that do not start at zero
	Cut               int  // ends each answer after so many bytes, as a broken connection
	CutClean          bool // and makes it look like the end
	Stall             int  // stops after so many bytes, and waits until the client is gone
}

// ServeHTTP answers a request for the file.
func (f File) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	total := len(f.Body)
	promised := total
	if f.Promise > 0 {
		promised = f.Promise
	}
	start, end, status := 0, promised, http.StatusOK
	match := r.Header.Get("If-Range")
	if from, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok && !f.NoRanges && (match == "" || match == f.ETag || f.NoIfRange) {
		start, _ = strconv.Atoi(strings.TrimSuffix(from, "-"))
		status = http.StatusPartialContent
		if start >= total {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", total))
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			return
		}
		if f.MaxRange > 0 {
			end = min(end, start+f.MaxRange)
		}
		size := strconv.Itoa(promised)
		if f.NoTotal {
			size = "*"
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%s", start, end-1, size))
	}
	if f.ETag != "" {
		w.Header().Set("ETag", f.ETag)
	}
	if !f.NoLength {
		w.Header().Set("Content-Length", strconv.Itoa(end-start))
	}
	w.WriteHeader(status)
	// Writes fail when the client has left, which is no fault of the file.
	part := f.Body[start:min(end, total)]
	switch {
	case f.Stall > 0:
		_, _ = w.Write(part[:min(f.Stall, len(part))])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	case f.Cut > 0 && f.Cut < len(part):
		_, _ = w.Write(part[:f.Cut])
		w.(http.Flusher).Flush()
		if !f.CutClean {
			panic(http.ErrAbortHandler)
		}
	default:
		_, _ = w.Write(part)
	}
}
