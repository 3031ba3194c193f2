package labelstudiotest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/labelstudiotest"
)

// A program that stores predictions through the REST API. In a test, pass t in place of
// nil, and leave Close out.
func ExampleNew() {
	ls := labelstudiotest.New(nil, labelstudiotest.Options{})
	defer ls.Close()
	project := ls.AddProject(labelstudiotest.Project{Title: "Calls"})
	task := ls.AddTasks(project, map[string]any{"audio": "/data/upload/1/call.wav"})[0]

	client, err := api.New(api.Options{URL: ls.URL, Token: labelstudio.NewSecret(ls.Token)})
	if err != nil {
		fmt.Println(err)
		return
	}
	// A proxy gives up while Label Studio stores the first one.
	ls.Intercept(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		labelstudiotest.Lose(504, w, r, next)
		ls.Intercept(nil)
	})
	for range 2 {
		_, err = client.CreatePrediction(context.Background(), task, labelstudio.Prediction{ModelVersion: "v1"})
		fmt.Println(api.Status(err), len(ls.Predictions(task)))
	}
	// Output:
	// 504 1
	// 0 2
}

// A backend, asked as Label Studio asks it.
func ExampleServer_Connect() {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Method, r.URL)
		switch r.URL.Path {
		case "/setup":
			fmt.Fprint(w, `{"model_version":"v1"}`)
		case "/predict":
			var body struct{ Tasks []json.RawMessage }
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
				fmt.Println(err)
			}
			fmt.Fprintf(w, `{"results":[[{"model_version":"v1","score":0.5,"result":[]}]]}`)
		default:
			fmt.Fprint(w, `{"status":"UP"}`)
		}
	}))
	defer backend.Close()
	ls := labelstudiotest.New(nil, labelstudiotest.Options{})
	defer ls.Close()
	project := ls.AddProject(labelstudiotest.Project{})
	if _, err := ls.Connect(labelstudiotest.Backend{Project: project, URL: backend.URL}); err != nil {
		fmt.Println(err)
	}
	task := ls.Import(project, map[string]any{"audio": "/data/upload/1/call.wav"})[0]
	stored, err := ls.Retrieve(project, task)
	fmt.Println(stored, err)
	// Output:
	// GET /health
	// POST /setup
	// GET /health
	// POST /setup
	// POST /webhook
	// GET /health
	// POST /setup
	// POST /predict
	// 1 <nil>
}
