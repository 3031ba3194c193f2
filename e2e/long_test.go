package e2e

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/wavfile"
	"github.com/asr-backend/asr-backend/timeline"
)

// speaks serves a recording of at least a length until the test ends, and returns the address of the
// server, below which every address is that recording.
func speaks(t *testing.T, length time.Duration) string {
	t.Helper()
	speech := sonnet(t)
	var sound []float32
	for len(sound) < int(length.Seconds())*timeline.SampleRate {
		sound = append(sound, speech...)
	}
	wav, err := wavfile.Encode(sound, timeline.SampleRate, 1)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(wav) })) // it fails if the backend dies
	t.Cleanup(server.Close)
	return server.URL
}
