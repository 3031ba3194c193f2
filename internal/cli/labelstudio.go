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
// Label Studio's template "ASR using Segments", with a label for each speaker that is named.
// doc/formats.md shows it.
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
	// Regions of the second channel lie there, on a page that shows channels apart.
	if slices.ContainsFunc(t.Segments, func(s transcript.Segment) bool { return s.Channel > 0 }) {
		config.Objects[0].Attrs["splitchannels"] = "true"
	}
	for _, name := range o.Speakers {
		config.Controls[0].Labels = append(config.Controls[0].Labels, labelconfig.Label{Value: name, Name: name})
	}
	plans, why := config.Plans(labelconfig.Options{Speakers: o.Speakers})
	if len(plans) != 1 {
		return fmt.Errorf("write labelstudio: %d plans: %s", len(plans), why)
	}
	plan := plans[0]
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
