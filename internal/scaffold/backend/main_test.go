package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"log/slog"
	"math"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
	"github.com/asr-backend/asr-backend/labelstudio/media"
	"github.com/asr-backend/asr-backend/labelstudio/server"
)

// TestOpenedTask replays what Label Studio 1.23.2 sends when somebody opens a task, with a
// server in its place that has the recording.
func TestOpenedTask(t *testing.T) {
	studio := labelstudiotest.New(t, labelstudiotest.Options{})
	studio.Upload(45, "650c175e-call_one.wav", beep(t))
	client, err := api.New(api.Options{URL: studio.URL, Token: labelstudio.NewSecret(studio.Token)})
	if err != nil {
		t.Fatal(err)
	}
	recordings, err := media.New(media.Options{Server: client, CacheDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer recordings.Close()
	b, err := server.New(server.Options{Model: &model{recordings, slog.Default()}})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Shutdown(t.Context())

	raw, err := os.ReadFile("testdata/predict.json")
	if err != nil {
		t.Fatal(err)
	}
	var captured struct {
		Method, Path string
		Body         json.RawMessage
	}
	if err := json.Unmarshal(raw, &captured); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(captured.Method, captured.Path, bytes.NewReader(captured.Body))
	r.Header.Set("Content-Type", "application/json")
	reply, err := b.Test(r)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	// The second second of three is loud. Both items of the region share their id.
	const want = `{"results":[{"model_version":"loud-1","score":1,"result":[` +
		`{"id":"s0001","from_name":"labels","to_name":"audio","type":"labels","original_length":3,"score":1,"value":{"start":1,"end":2,"channel":0,"labels":["Speech"]}},` +
		`{"id":"s0001","from_name":"transcription","to_name":"audio","type":"textarea","original_length":3,"score":1,"value":{"start":1,"end":2,"channel":0,"text":["loud, -9 dB at first"]},"meta":{"span":[1,2]}}]}]}`
	if reply.StatusCode != 200 || string(body) != want {
		t.Errorf("got  %s %s\nwant %s", reply.Status, body, want)
	}
}

// beep is a recording of a second of silence, one of a tone, and another of silence.
func beep(t *testing.T) []byte {
	t.Helper()
	const rate = 16000
	samples := make([]int16, 3*rate)
	for i := range rate {
		samples[rate+i] = int16(16384 * math.Sin(2*math.Pi*440*float64(i)/rate))
	}
	var file bytes.Buffer
	for _, field := range []any{
		[]byte("RIFF"), uint32(36 + 2*len(samples)), []byte("WAVEfmt "), uint32(16), uint16(1), uint16(1),
		uint32(rate), uint32(2 * rate), uint16(2), uint16(16), []byte("data"), uint32(2 * len(samples)), samples,
	} {
		if err := binary.Write(&file, binary.LittleEndian, field); err != nil {
			t.Fatal(err)
		}
	}
	return file.Bytes()
}
