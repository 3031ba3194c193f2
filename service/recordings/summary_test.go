package recordings_test

import (
	"testing"

	"github.com/asr-backend/asr-backend/service/recordings"
)

func TestSummariesAreReadAsTheyAreWritten(t *testing.T) {
	want := recordings.Summary{LengthS: 36000.125, Confidence: 0.8751, Speed: 1234.5, Rows: "16d5e09cf4b8b3c1-1234e5"}
	if got, ok := recordings.ParseSummary(want.Text()); got != want || !ok {
		t.Errorf("%s is read as %+v, %v", want.Text(), got, ok)
	}
	if s := (recordings.Summary{LengthS: 5}); string(s.Text()) != "length_s=5.000 confidence=0.0000 speed=0.00" { // as earlier programs wrote it
		t.Errorf("without rows: %s", s.Text())
	}
	for text, want := range map[string]bool{"": false, "pushed": false, "length_s=x": false, "length_s=-1": false, "length_s=NaN": false, "length_s=5 more=7 odd": true} {
		if got, ok := recordings.ParseSummary([]byte(text)); ok != want || ok && got.LengthS != 5 {
			t.Errorf("%q is read as %+v, %v", text, got, ok)
		}
	}
}
