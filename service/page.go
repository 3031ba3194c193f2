package service

import (
	"fmt"
	"strings"
	"time"

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
