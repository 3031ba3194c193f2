package hint_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/audio"
	"github.com/asr-backend/asr-backend/internal/hint"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/media"
)

func TestHintsOfAllKindsOfErrorsAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"recording": {fmt.Errorf("transcribe: %w", &audio.Error{Op: "open", Err: audio.ErrUnsupported, Hint: "convert it"}), "convert it"},
		"library":   {fmt.Errorf("load: %w", ort.ErrLibrary), "run `asr-backend doctor` on the same machine"},
		"method":    {fmt.Errorf("store: %w", hint.With(fmt.Errorf("open: %w", ort.ErrCUDA))), "run `asr-backend doctor` on the same machine"},
		"API":       {fmt.Errorf("list: %w", &api.Error{Op: "list", Hint: "Check the address."}), ""},
		"media":     {fmt.Errorf("fetch: %w", &media.Error{Value: "a.wav", Hint: "Check the address.", Err: errors.New("gone")}), ""},
		"none":      {errors.New("something else"), ""},
	} {
		if got := hint.Of(c.err); got != c.want {
			t.Errorf("%s: hint %q, want %q", name, got, c.want)
		}
	}
	if err := hint.With(ort.ErrLibrary); !errors.Is(err, ort.ErrLibrary) || err.Error() != ort.ErrLibrary.Error() {
		t.Errorf("the error with its hint is %v", err)
	}
}

func TestTextAndHintAreSeparable(t *testing.T) {
	for err, want := range map[error][2]string{
		&api.Error{Op: "list projects", Method: "GET", URL: "http://a", Hint: "Check the address.", Err: errors.New("no answer")}: {"list projects: GET http://a: no answer", "Check the address."},
		&api.Error{Op: "list projects", Method: "GET", URL: "http://a", Err: errors.New("no answer")}:                             {"list projects: GET http://a: no answer", ""},
		&audio.Error{Op: "open", Name: "a.wav", Err: audio.ErrNotAudio, Hint: "convert it"}:                                       {"open a.wav: not an audio file", "convert it"},
		errors.New("other"): {"other", ""},
	} {
		if text, advice := hint.Split(err); text != want[0] || advice != want[1] {
			t.Errorf("%v: got %q, %q", err, text, advice)
		}
	}
}
