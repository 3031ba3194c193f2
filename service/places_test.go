package service

import (
	"testing"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
)

// As many recordings are transcribed at once as keep what computes busy, unless a number is asked for.
func TestAsManyRecordingsAreTranscribedAsKeepTheDeviceBusy(t *testing.T) {
	cpu := func(workers, batch int) asr.Device {
		return asr.Device{Provider: ort.CPU, Workers: workers, Batch: batch}
	}
	for name, c := range map[string]struct {
		asked, threads int
		device         asr.Device
		want           int
	}{
		"one core":                 {threads: 1, device: cpu(1, 1), want: 2},
		"two cores":                {threads: 2, device: cpu(2, 1), want: 4},
		"eight cores":              {threads: 8, device: cpu(8, 1), want: 16},
		"sixteen cores, two a run": {threads: 16, device: cpu(8, 1), want: 16},
		"runs of four windows":     {threads: 4, device: cpu(4, 4), want: 8},
		"a GPU beside four cores":  {threads: 4, device: asr.Device{Provider: ort.CUDA, Threads: 4, Workers: 2, Batch: 16}, want: 4},
		"a GPU beside one core":    {threads: 1, device: asr.Device{Provider: ort.CUDA, Threads: 1, Workers: 2, Batch: 16}, want: 2},
		"one is asked for":         {asked: 1, threads: 8, device: cpu(8, 1), want: 1},
		"more are asked for":       {asked: 50, threads: 8, device: cpu(8, 1), want: 50},
	} {
		t.Run(name, func(t *testing.T) {
			o := Options{Recordings: c.asked, Recognizer: asr.Options{Threads: c.threads}}
			if got := o.placesOn(c.device); got != c.want {
				t.Errorf("%d recordings are transcribed at once, want %d", got, c.want)
			}
		})
	}
}
