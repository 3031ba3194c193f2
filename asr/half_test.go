package asr_test

import (
	"errors"
	"testing"

	"github.com/asr-backend/asr-backend/asr"
)

// A graph in FP16 that computes something else is refused, with how far off it is.
func TestAnotherModelIsNoHalfOfThisOne(t *testing.T) {
	r := recognizer(t, bundle(t, "toys", "tones"), asr.Options{AsExported: true})
	same, err := r.CompareHalf(t.Context(), library, recognizer(t, bundle(t, "toys", "tones"), asr.Options{AsExported: true}))
	if err != nil || same.Best != same.Rows || same.Rows == 0 {
		t.Errorf("the same model: %+v, %v", same, err)
	}
	other, err := r.CompareHalf(t.Context(), library, recognizer(t, bundle(t, "toys", "logits"), asr.Options{AsExported: true}))
	var refused *asr.ModelError
	if !errors.As(err, &refused) || other.LogProb < 1 && other.Best == other.Rows {
		t.Errorf("another model: %+v, %v", other, err)
	}
}
