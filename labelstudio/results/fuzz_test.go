package results_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
	"github.com/asr-backend/asr-backend/labelstudio/results"
)

// FuzzRead feeds what reads a page's or an export's results with anything.
func FuzzRead(f *testing.F) {
	label, text := fmt.Sprintf(labelItem, "a", 1, 2, "Speech"), fmt.Sprintf(textItem, "a", 1, 2, "hello world", ours)
	f.Add([]byte(`{"result":[`+label+","+text+`]}`), []byte(`{"id":1,"data":{"audio":"x"},"predictions":[{"result":[`+text+`]}]}`))
	f.Add([]byte(`{"result":[{"id":"a","to_name":"audio","from_name":"transcription","type":"textarea","value":{"start":-1,"end":1e9,"text":[1]},"meta":{"words":[["x",1e300,-1,"y"],[]],"span":[1]}}]}`), []byte(`{"predictions":3}`))
	type served struct {
		plan   *labelconfig.Plan
		config *labelconfig.Config
	}
	var all []served
	for _, name := range []string{"speech-transcription", "own-regions-and-whole", "long-audio", "own-choice-condition"} {
		p, c := plan(f, name)
		all = append(all, served{p, c})
	}
	f.Fuzz(func(t *testing.T, page, task []byte) {
		var c labelstudio.Context
		var k labelstudio.Task
		if json.Unmarshal(page, &c) != nil || json.Unmarshal(task, &k) != nil {
			return
		}
		for _, s := range all {
			p := s.plan
			read := results.Read(c.Result, p)
			for i := 1; i < len(read.Regions); i++ {
				if read.Regions[i].Span.Start < read.Regions[i-1].Span.Start {
					t.Fatalf("regions are out of order: %+v", read.Regions)
				}
			}
			for _, w := range results.Wants(&c, &k, p) {
				if w.Span.End <= w.Span.Start {
					t.Fatalf("a region of no length is wanted: %+v", w)
				}
			}
			_ = results.Validate(c.Result, s.config)
			if _, err := results.Build(spoken(), p, k.Data, results.Options{}); err != nil {
				t.Fatal(err)
			}
		}
	})
}
