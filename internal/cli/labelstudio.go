package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
	"github.com/asr-backend/asr-backend/labelstudio/results"
	"github.com/asr-backend/asr-backend/transcript"
)

// studioConfig is the labelling configuration that the format "labelstudio" is made for:
// Label Studio's template "ASR using Segments". doc/formats.md shows it.
const studioConfig = `<View>
  <Labels name="labels" toName="audio"><Label value="Speech"/></Labels>
  <Audio name="audio" value="$audio"/>
  <TextArea name="transcription" toName="audio" perRegion="true"/>
</View>`

// studioTask is a task as Label Studio imports it.
type studioTask struct {
	Data struct {
		Audio string `json:"audio"`
	} `json:"data"`
	Predictions labelstudio.Predictions `json:"predictions"`
}

// writeLabelStudio writes one task with one prediction, in a list as Label Studio imports
// it. The prediction is the one that the service would make.
func writeLabelStudio(w io.Writer, t *transcript.Transcript, o transcript.WriteOptions) error {
	config, err := labelconfig.Parse(studioConfig)
	if err != nil {
		return fmt.Errorf("write labelstudio: %w", err)
	}
	plans, why := config.Plans(labelconfig.Options{})
	if len(plans) != 1 {
		return fmt.Errorf("write labelstudio: %d plans: %s", len(plans), why)
	}
	plan := plans[0]
	// Regions of the second channel lie there, on a page that shows channels apart.
	plan.Split = slices.ContainsFunc(t.Segments, func(s transcript.Segment) bool { return s.Channel > 0 })
	made, err := results.Build(t, plan, nil, results.Options{})
	if err != nil {
		return fmt.Errorf("write labelstudio: %w", err)
	}
	var task studioTask
	task.Data.Audio = cmp.Or(o.Audio, t.Source)
	task.Predictions = labelstudio.Predictions{made.Prediction(cmp.Or(t.ModelVersion, t.Model))}
	j := json.NewEncoder(w)
	j.SetEscapeHTML(false)
	if err := j.Encode([]studioTask{task}); err != nil {
		return fmt.Errorf("write labelstudio: %w", err)
	}
	return nil
}
