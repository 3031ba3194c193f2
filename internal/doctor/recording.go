package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/finding"
	"github.com/asr-backend/asr-backend/internal/hint"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
	"github.com/asr-backend/asr-backend/labelstudio/media"
)

const checkRecording = "recording"

// headBytes is enough of a recording to identify it.
const headBytes = 64 << 10

// mostFailed bounds how many projects are asked for their tasks that do not give them.
const mostFailed = 3

// recording fetches the head of one task's recording, as the service would: of a project
// that is connected, if there is one.
func (v *visit) recording(ctx context.Context, projects []api.Project, mine []connection) {
	if len(mine) > 0 {
		projects = nil
		for _, c := range mine {
			projects = append(projects, c.project)
		}
	}
	failed := 0
	for _, p := range projects {
		task, err := v.firstTask(ctx, p)
		switch {
		case err != nil:
			v.fail(checkRecording, finding.Failure, err)
			if failed++; failed == mostFailed {
				return
			}
		case task != nil:
			v.fetch(ctx, p, task)
			return
		}
	}
	if len(projects) > 0 && failed == 0 {
		v.add(checkRecording, finding.OK, "there are no tasks yet to try", "")
	}
}

func (v *visit) firstTask(ctx context.Context, p api.Project) (*labelstudio.Task, error) {
	for task, err := range v.client.Tasks(ctx, p.ID, false) {
		return &task, err
	}
	return nil, nil
}

func (v *visit) fetch(ctx context.Context, p api.Project, task *labelstudio.Task) {
	at := fmt.Sprintf("task %d of %s: ", task.ID, name(p))
	config, err := labelconfig.Parse(p.LabelConfig)
	if err != nil {
		v.add(checkRecording, finding.Warning, at+err.Error(), "correct the project's labelling configuration")
		return
	}
	plans, why := config.Plans(labelconfig.Options{})
	if len(plans) == 0 {
		v.add(checkRecording, finding.Warning, name(p)+" cannot be served: "+why, "change the project's labelling configuration, if its recordings are to be transcribed")
		return
	}
	value, ok := plans[0].Recording(task.Data)
	if !ok {
		v.add(checkRecording, finding.Warning, at+fmt.Sprintf("its data has nothing under %q", plans[0].Audio.Key()), "tasks have to hold their recording under the key that the labelling configuration names")
		return
	}
	seen, err := v.peek(ctx, media.Request{Value: value, Task: task.ID, Project: p.ID})
	if err != nil {
		detail, advice := hint.Split(err)
		v.add(checkRecording, finding.Failure, at+detail, advice)
		return
	}
	what, bad := sound(ctx, seen)
	detail := fmt.Sprintf("%s%s %q", at, seen.Kind, seen.Name)
	if seen.Mounted {
		detail += ", mounted here"
	}
	if seen.Size >= 0 {
		detail += ", " + size(seen.Size)
	}
	if bad != nil {
		v.add(checkRecording, finding.Failure, detail+": "+bad.Error(), "the task names something that is no recording")
		return
	}
	v.add(checkRecording, finding.OK, detail+what, "")
}

// peek reads the first bytes with a cache of its own: that of the service belongs to it.
func (v *visit) peek(ctx context.Context, r media.Request) (*media.Glimpse, error) {
	dir, err := os.MkdirTemp("", "asr-backend-doctor-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	o := v.Media
	o.Server, o.CacheDir, o.StallTime = v.client, dir, apiTimeout
	f, err := media.New(o)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Peek(ctx, r, headBytes)
}

// sound identifies the format by the head of a recording, as far as a head allows, and
// returns an error only if it is certainly none.
func sound(ctx context.Context, seen *media.Glimpse) (string, error) {
	s, err := audio.OpenReader(ctx, bytes.NewReader(seen.Head), seen.Name, audio.Options{FFmpeg: "off"})
	switch {
	case errors.Is(err, audio.ErrNotAudio):
		return "", err
	case err != nil:
		return "", nil
	}
	defer s.Close()
	return ", " + s.Info().Container, nil
}
