package corrections

import (
	"testing"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/service/internal/servicetest"
)

// A person may submit what they made of a prediction whose version is not made any more.
func TestACorrectionOfAnEarlierVersionCounts(t *testing.T) {
	f := newFixture(t, servicetest.Segments)
	p, err := f.Registry.Resolve(t.Context(), f.project)
	if err != nil {
		t.Fatal(err)
	}
	before := p.TranscriptVersion
	if err := f.Registry.Set(t.Context(), 1, labelstudio.KeyExtraParams, `{"hotwords":["one"]}`); err != nil {
		t.Fatal(err)
	}
	if f.project, err = f.Registry.Load(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if p, err = f.Registry.Resolve(t.Context(), f.project); err != nil || p.TranscriptVersion == before {
		t.Fatalf("the version is still %s, %v", before, err)
	}
	f.annotate(9, "0.6 2.2 one four")
	c, err := f.Load(t.Context(), 1, 9)
	if err != nil || c == nil {
		t.Fatalf("%v, %v", c, err)
	}
	if len(c.Predicted) == 0 || c.Predicted[0].Text == "" || c.Outcome != Changed || c.Errors.Words != 2 {
		t.Errorf("%+v", c)
	}
}
