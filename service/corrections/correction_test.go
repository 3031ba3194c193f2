package corrections

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/timeline"
	"github.com/asr-backend/asr-backend/transcript"

	"pgregory.net/rapid"
)

func TestKeptWordsAreExactToTheSample(t *testing.T) {
	hundredHours := int64(timeline.SampleAt(100 * time.Hour))
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.Custom(func(t *rapid.T) time.Duration {
			return timeline.Sample(rapid.Int64Range(0, hundredHours).Draw(t, "sample")).Duration()
		})
		want := transcript.Word{Start: at.Draw(t, "start"), End: at.Draw(t, "end")}
		raw, err := json.Marshal(timed([]transcript.Word{want}))
		if err != nil {
			t.Fatal(err)
		}
		var got []Word
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Fatal(err)
		}
		if timeline.FromSeconds(got[0].Start) != want.Start || timeline.FromSeconds(got[0].End) != want.End {
			t.Errorf("%v to %v became %s", want.Start, want.End, raw)
		}
	})
}
