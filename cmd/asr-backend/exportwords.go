package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/internal/cli"
	"github.com/asr-backend/asr-backend/internal/visible"
	"github.com/asr-backend/asr-backend/internal/without"
	"github.com/asr-backend/asr-backend/labelstudio/manifest"
	"github.com/asr-backend/asr-backend/transcript"
)

// correctionsRoute is where the service gives the corrections of a project.
const correctionsRoute = "/corrections"

// words reads the words of corrected texts, or returns nil if they are not wanted.
func (c *exportManifestCommand) words(ctx context.Context) (*manifest.Words, error) {
	if c.Words == "" {
		return nil, nil
	}
	name := visible.Text(c.Words)
	in, err := io.ReadCloser(nil), error(nil)
	if strings.HasPrefix(c.Words, "http://") || strings.HasPrefix(c.Words, "https://") {
		var target *url.URL
		if target, err = c.corrections(); err != nil {
			return nil, &cli.UsageError{Err: err}
		}
		name = target.Redacted()
		in, err = c.get(ctx, target)
	} else {
		in, err = cli.OpenInput(ctx, c.Words)
	}
	if err != nil {
		return nil, fmt.Errorf("read word times: %w", err)
	}
	defer in.Close()
	words, err := manifest.ReadWords(in)
	if err != nil {
		return nil, fmt.Errorf("read word times: %s: %w", name, err)
	}
	return words, nil
}

// corrections returns the address of the corrections of the project: that of --words, with
// the route and the project unless it has them.
func (c *exportManifestCommand) corrections() (*url.URL, error) {
	u, err := url.Parse(c.Words)
	if err != nil || u.Host == "" {
		return nil, errors.New("--words: not an address")
	}
	if !strings.HasSuffix(u.Path, correctionsRoute) {
		u = u.JoinPath(correctionsRoute)
	}
	query := u.Query()
	if !query.Has("project") {
		if c.Project == 0 {
			return nil, fmt.Errorf("--words: name the project, as in %s?project=7", u.Redacted())
		}
		query.Set("project", strconv.FormatInt(c.Project, 10))
		u.RawQuery = query.Encode()
	}
	return u, nil
}

// get asks the service.
func (c *exportManifestCommand) get(ctx context.Context, target *url.URL) (io.ReadCloser, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, err
	}
	if c.BasicUser != "" && target.User == nil {
		r.SetBasicAuth(c.BasicUser, c.BasicPassword.Reveal())
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", target.Redacted(), without.URL(err))
	}
	if w.StatusCode == http.StatusOK {
		return w.Body, nil
	}
	defer w.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(w.Body, 4<<10)) // the status says enough
	err = fmt.Errorf("%s: %s %s", target.Redacted(), w.Status, visible.Text(strings.TrimSpace(string(body))))
	if w.StatusCode == http.StatusUnauthorized {
		err = fmt.Errorf("%w; set BASIC_AUTH_USER and BASIC_AUTH_PASS to those of the service", err)
	}
	return nil, err
}

// within returns the words of a segment with times in its clip, which may be shorter.
func within(s *transcript.Segment, length time.Duration) []transcript.Word {
	out := make([]transcript.Word, len(s.Words))
	for i, w := range s.Words {
		w.Start, w.End = min(w.Start-s.Start, length), min(w.End-s.Start, length)
		out[i] = w
	}
	return out
}

// clipWord is a word of a clip, with the names of a NeMo manifest.
type clipWord struct {
	Word       string  `json:"word"`
	Start      float64 `json:"start"` // seconds from the start of the clip
	End        float64 `json:"end"`
	Confidence float64 `json:"confidence"`
}

func clipWords(words []transcript.Word) []clipWord {
	var out []clipWord
	for _, w := range words {
		out = append(out, clipWord{w.Text, cli.Rounded(w.Start.Seconds(), 3), cli.Rounded(w.End.Seconds(), 3), cli.Rounded(w.Confidence, 4)})
	}
	return out
}
