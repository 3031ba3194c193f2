package service

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/service/projects"
	"github.com/asr-backend/asr-backend/service/statuspage"
	"github.com/asr-backend/asr-backend/timeline"
)

// longRecording is the length from which on a browser should not decode a recording whole:
// half an hour of stereo takes most of a gigabyte.
const longRecording = 30 * time.Minute

// pageProblem looks for recordings that are too long for the project's Audio tags.
func pageProblem(p *projects.Project, longest time.Duration) *statuspage.PageProblem {
	if longest <= longRecording || p.Config == nil {
		return nil
	}
	var tags []string
	for _, o := range p.Config.DecodesWhole() {
		tags = append(tags, o.WithDecoder("none"))
	}
	if len(tags) == 0 {
		return nil
	}
	return &statuspage.PageProblem{
		What: fmt.Sprintf("recordings over %d minutes (the longest has %s), Audio tag without decoder=...: Label Studio's page may fail with \"Unable to decode audio data\" and show no region",
			int(longRecording.Minutes()), timeline.Clock(longest)),
		Hint: "in the project's Settings, Labeling Interface, Code, change the tag to " + strings.Join(tags, " and "),
	}
}

// links makes addresses of Label Studio for browsers.
func (s *Service) links() statuspage.Links { return statuspage.Links{Studio: s.studio} }

// studioForBrowsers returns where browsers find Label Studio, nil if there is none. The address
// that this process uses may be one that only its network knows, as that of a container: then the
// first of the other addresses stands in for it.
func studioForBrowsers(o *Options) *url.URL {
	if u, err := api.ParseURL(o.StudioForBrowsers); err == nil {
		return u
	}
	base, err := api.ParseURL(o.LabelStudio.URL)
	if err != nil {
		return nil
	}
	if inside(base.Hostname()) {
		for _, alias := range o.StudioAliases {
			if u, err := api.ParseURL(alias); err == nil {
				return u
			}
		}
	}
	return base
}

// inside reports whether a name is one that only a network of containers or this machine knows.
func inside(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".internal") || !strings.ContainsAny(host, ".:") ||
		strings.HasPrefix(host, "127.") || host == "::1"
}
