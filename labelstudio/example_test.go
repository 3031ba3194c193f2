package labelstudio_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
	"github.com/asr-backend/asr-backend/labelstudio/results"
	"github.com/asr-backend/asr-backend/labelstudio/server"
	"github.com/asr-backend/asr-backend/transcript"
)

// parrot is a whole backend: it says the same thing about every recording, until somebody
// starts the training; then it prints what it received.
type parrot struct{}

func (parrot) phrase(ctx context.Context, p *labelstudio.Project) string {
	if phrase, ok, err := p.Get(ctx, "phrase"); err == nil && ok {
		return phrase
	}
	return "Hello."
}

// Setup makes the version of all that the answers depend on.
func (m parrot) Setup(ctx context.Context, p *labelstudio.Project) (labelstudio.Setup, error) {
	if _, why := p.Config.Plans(labelconfig.Options{}); why != "" {
		return labelstudio.Setup{}, labelstudio.Errorf(400, "%s", why)
	}
	return labelstudio.Setup{ModelVersion: "parrot-" + m.phrase(ctx, p)}, nil
}

func (m parrot) Predict(ctx context.Context, p *labelstudio.Project, tasks []labelstudio.Task, _ *labelstudio.Context) ([]labelstudio.Predictions, error) {
	plans, _ := p.Config.Plans(labelconfig.Options{})
	out := make([]labelstudio.Predictions, len(tasks))
	for i, task := range tasks {
		said := transcript.Transcript{Duration: time.Second, Confidence: 1, Segments: []transcript.Segment{
			{End: time.Second, Text: m.phrase(ctx, p), Confidence: 1},
		}}
		answer, err := results.Build(&said, plans[0], task.Data, results.Options{})
		if err != nil {
			return nil, err
		}
		out[i] = labelstudio.Predictions{answer.Prediction("")}
	}
	return out, nil
}

func (m parrot) Fit(ctx context.Context, p *labelstudio.Project, e *labelstudio.Event) error {
	if e.Action != labelstudio.StartTraining {
		return nil
	}
	return p.Set(ctx, "phrase", "Good bye.")
}

// Another model is a page of Go.
func Example() {
	b, err := server.New(server.Options{Model: parrot{}})
	if err != nil {
		fmt.Println(err)
		return
	}
	ask := func(path, body string) {
		r := httptest.NewRequest("POST", path, strings.NewReader(body))
		r.Header.Set("X-Request-Id", "example")
		w, err := b.Test(r)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer w.Body.Close()
		var reply strings.Builder
		_ = w.Write(&reply)
		_, answer, _ := strings.Cut(reply.String(), "\r\n\r\n")
		fmt.Println(w.Status, answer)
	}
	const config = `<View><Audio name='a' value='$url'/><TextArea name='t' toName='a'/></View>`
	ask("/setup", `{"project":"7.1","schema":"<View/>"}`)
	ask("/setup", `{"project":"7.1","schema":"`+config+`"}`)
	ask("/predict", `{"project":"7.1","label_config":"`+config+`","tasks":[{"id":1,"data":{"url":"x.wav"}}]}`)
	ask("/webhook", `{"action":"START_TRAINING","project":{"id":7}}`)
	// Shutdown works off the event. A server would call Serve before.
	if err := b.Shutdown(context.Background()); err != nil {
		fmt.Println(err)
	}

	// Output:
	// 400 The project has no labelling configuration yet. {"status":400,"detail":"The project has no labelling configuration yet.","request_id":"example"}
	// 200 OK {"model_version":"parrot-Hello."}
	// 200 OK {"results":[{"model_version":"parrot-Hello.","score":1,"result":[{"id":"whole","from_name":"t","to_name":"a","type":"textarea","original_length":1,"score":1,"value":{"text":["Hello."]}}]}]}
	// 201 Created {"result":null,"status":"ok"}
}
