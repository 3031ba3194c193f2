package server_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/server"

	"github.com/google/go-cmp/cmp"
)

// serve runs a backend on a real socket and returns its URL and what stops it.
func serve(t *testing.T, o server.Options) (url string, b *server.Server, stop func(context.Context) error) {
	t.Helper()
	if o.Model == nil {
		o.Model = model{}
	}
	b, err := server.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- b.Serve(ln) }()
	var once sync.Once
	var result error
	stop = func(ctx context.Context) error {
		once.Do(func() {
			result = b.Shutdown(ctx)
			if err := <-served; err != nil {
				t.Errorf("Serve: %v", err)
			}
		})
		return result
	}
	t.Cleanup(func() { _ = stop(context.Background()) })
	return "http://" + ln.Addr().String(), b, stop
}

// post sends a request over its own connection, as Label Studio does.
func post(url, body string, headers ...string) (int, string, error) {
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequest("POST", url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		return 0, "", err
	}
	defer w.Body.Close()
	raw, err := io.ReadAll(w.Body)
	return w.StatusCode, string(raw), err
}

func TestShutdownAnswersWhoWaits(t *testing.T) {
	waiting := make(chan struct{})
	url, _, stop := serve(t, server.Options{Model: model{
		predict: func(ctx context.Context, _ *labelstudio.Project, tasks []labelstudio.Task, _ *labelstudio.Context) ([]labelstudio.Predictions, error) {
			close(waiting)
			<-ctx.Done()
			return nil, ctx.Err()
		},
	}})
	type reply struct {
		status int
		body   string
		err    error
	}
	got := make(chan reply, 1)
	go func() {
		status, body, err := post(url+"/predict", predictBody(1))
		got <- reply{status, body, err}
	}()
	<-waiting
	if err := stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if r := <-got; r.err != nil || r.status != 200 || !strings.HasPrefix(r.body, `{"results":[[{"reason":"`) {
		t.Errorf("reply %+v, want a reason for the task", r)
	}
	if _, _, err := post(url+"/predict", predictBody(1)); err == nil {
		t.Error("the server still accepts")
	}
}

func TestEventsAreWorkedOffInOrder(t *testing.T) {
	var mu sync.Mutex
	var got []string
	first := make(chan struct{})
	release := make(chan struct{})
	url, _, stop := serve(t, server.Options{Model: model{
		fit: func(_ context.Context, p *labelstudio.Project, e *labelstudio.Event) error {
			if p.ID == 0 {
				close(first)
				<-release
			}
			mu.Lock()
			defer mu.Unlock()
			got = append(got, fmt.Sprint(p.ID, e.Action))
			if p.ID == 2 {
				panic("in Fit")
			}
			return errors.New("logged")
		},
	}})
	for i := range 5 {
		status, body, err := post(fmt.Sprintf("%s/webhook?project=%d", url, i), `{"action":"PROJECT_UPDATED"}`)
		if err != nil || status != 201 {
			t.Fatalf("%d %s %v: an event waits for its forerunner", status, body, err)
		}
	}
	<-first
	close(release)
	if err := stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	want := []string{"0PROJECT_UPDATED", "1PROJECT_UPDATED", "2PROJECT_UPDATED", "3PROJECT_UPDATED", "4PROJECT_UPDATED"}
	if !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
}

func TestShutdownDoesNotWaitForEver(t *testing.T) {
	working := make(chan struct{})
	url, b, stop := serve(t, server.Options{Model: model{
		fit: func(ctx context.Context, _ *labelstudio.Project, _ *labelstudio.Event) error {
			close(working)
			<-ctx.Done()
			return ctx.Err()
		},
	}})
	for range 3 {
		if status, _, err := post(url+"/webhook", `{"action":"START_TRAINING"}`); err != nil || status != 201 {
			t.Fatal(status, err)
		}
	}
	<-working
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := stop(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that events were left", err)
	}
	if w, _ := ask(t, b, "POST", "/webhook", `{"action":"START_TRAINING"}`); w.StatusCode != 503 {
		t.Errorf("an event after the end: %s", w.Status)
	}
}

func TestFullQueueSaysSo(t *testing.T) {
	release := make(chan struct{})
	b := start(t, server.Options{Model: model{fit: func(context.Context, *labelstudio.Project, *labelstudio.Event) error {
		<-release
		return nil
	}}})
	defer close(release)
	for i := range server.DefaultEvents + 2 {
		w, body := ask(t, b, "POST", "/webhook", `{"action":"START_TRAINING"}`)
		if w.StatusCode == 503 && strings.Contains(body, "events wait already") {
			return
		}
		if w.StatusCode != 201 {
			t.Fatalf("event %d: %s", i, w.Status)
		}
	}
	t.Error("the queue has no end")
}

func TestOwnQueueGetsNotices(t *testing.T) {
	q := &noticeQueue{}
	b := start(t, server.Options{Events: q})
	if w, _ := ask(t, b, "POST", "/webhook", `{"action":"TASKS_DELETED","project":{"id":3},"tasks":[{"id":1,"data":{"audio":"x"}}]}`); w.StatusCode != 201 {
		t.Error(w.Status)
	}
	if w, _ := ask(t, b, "POST", "/webhook?project=4", `{"action":"TASKS_CREATED"}`); w.StatusCode != 201 {
		t.Error(w.Status)
	}
	if w, got := ask(t, b, "POST", "/webhook", `{"action":"START_TRAINING"}`); w.StatusCode != 503 || !strings.Contains(got, "disk full") {
		t.Errorf("%s %s", w.Status, got)
	}
	want := []labelstudio.Notice{{Action: "TASKS_DELETED", Project: 3, Tasks: []int64{1}}, {Action: "TASKS_CREATED", Project: 4}, {Action: "START_TRAINING"}}
	if d := cmp.Diff(want, q.notices); d != "" {
		t.Error(d)
	}
	if w, _ := ask(t, b, "POST", "/webhook", `{"action":`); w.StatusCode != 400 || q.missed != 1 {
		t.Errorf("half an event: %s, missed %d", w.Status, q.missed)
	}
}

type noticeQueue struct {
	notices []labelstudio.Notice
	missed  int
}

func (q *noticeQueue) Put(_ context.Context, n labelstudio.Notice) error {
	q.notices = append(q.notices, n)
	if n.Action == labelstudio.StartTraining {
		return errors.New("disk full")
	}
	return nil
}

func (q *noticeQueue) Missed() { q.missed++ }

func TestLargeBodies(t *testing.T) {
	if testing.Short() {
		t.Skip("sends a large body")
	}
	url, _, _ := serve(t, server.Options{User: "u", Password: labelstudio.NewSecret("p")})
	history := `{"id":1,"result":[{"id":"x","value":{"text":["` + strings.Repeat("speech ", historySize/7) + `"]}}]}`
	body := `{"tasks":[{"id":1,"predictions":[` + history + `]}]}`
	status, got, err := post(url+"/predict", body, "Authorization", "Basic dTpw")
	if err != nil || status != 200 || got != `{"results":[[]]}` {
		t.Errorf("%d %s %v", status, got, err)
	}
	// Of whoever has no credentials nothing is read.
	if status, _, err := post(url+"/predict", body); err == nil && status != 401 {
		t.Errorf("a stranger's body: %d", status)
	}
	if status, _, err := post(url+"/predict", strings.Repeat(" ", 4<<10)); err != nil || status != 401 {
		t.Errorf("a stranger's small body: %d %v", status, err)
	}
}

func TestBodyLimit(t *testing.T) {
	url, _, _ := serve(t, server.Options{BodyLimit: 8 << 10})
	if status, _, err := post(url+"/setup", `{"schema":"`+strings.Repeat("x", 4<<10)+`"}`); err != nil || status != 200 {
		t.Errorf("below the limit: %d %v", status, err)
	}
	// The connection is closed while the client still sends, so it may not see the answer.
	if status, _, err := post(url+"/setup", `{"schema":"`+strings.Repeat("x", 16<<10)+`"}`); err == nil && status != 413 {
		t.Errorf("above the limit: %d", status)
	}
}

// TestManyAtOnce has health checks, setups and predictions run together; with -race it
// looks for what they share.
func TestManyAtOnce(t *testing.T) {
	url, _, _ := serve(t, server.Options{Model: model{predict: transcribes}})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for k := range 10 {
				var err error
				var status int
				var body string
				switch (i + k) % 3 {
				case 0:
					status, body, err = post(url+"/setup", fmt.Sprintf(`{"project":"%d.1","schema":"<View/>","extra_params":%d}`, k, i))
				case 1:
					status, body, err = post(url+"/predict", predictBody(i, k))
				case 2:
					status, body, err = post(url+"/webhook", `{"action":"ANNOTATION_CREATED","project":{"id":1}}`)
				}
				if err != nil || status > 299 {
					t.Errorf("%d %s %v", status, body, err)
				}
			}
		})
	}
	wg.Wait()
}

// TestStatusLineOnTheWire reads the bytes that Label Studio's client reads.
func TestStatusLineOnTheWire(t *testing.T) {
	url, _, _ := serve(t, server.Options{Model: model{setup: func(context.Context, *labelstudio.Project) (labelstudio.Setup, error) {
		return labelstudio.Setup{}, labelstudio.Errorf(400, "labeling config has no Audio tag")
	}}})
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, "POST /setup HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
	raw, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(raw, []byte("HTTP/1.1 400 labeling config has no Audio tag\r\n")) {
		t.Errorf("reply %s", raw)
	}
}

// counting counts what is written into a store.
type counting struct {
	*labelstudio.Memory
	sets int
}

func (c *counting) Set(ctx context.Context, project int64, key, value string) error {
	c.sets++
	return c.Memory.Set(ctx, project, key, value)
}

// TestConnecting goes through what "Validate and Save" does, and through the many setups
// after it: state is written once, because a write costs a sync to disk.
func TestConnecting(t *testing.T) {
	store := &counting{Memory: labelstudio.NewMemory()}
	b := start(t, server.Options{Store: store, Ready: func() error { return errors.New("loading") }})
	setup := `{"project":"45.1795332046","schema":"<View/>","hostname":"http://localhost:8080","access_token":"x","extra_params":{"a":1}}`
	for _, path := range []string{"/health", "/setup", "/health", "/setup", "/health", "/setup"} {
		method, body, want := "GET", "", `{"model_class":"asr-backend","status":"UP"}`
		if path == "/setup" {
			method, body, want = "POST", setup, `{"model_version":"fc-0123456789ab"}`
		}
		if w, got := ask(t, b, method, path, body); w.StatusCode != 200 || got != want {
			t.Errorf("%s: %s %s", path, w.Status, got)
		}
	}
	if store.sets != 3 {
		t.Errorf("%d writes, want 3: configuration, parameters, version", store.sets)
	}
}

// TestWorkOutlivesTheClient closes the connection in the middle of a prediction, as Label
// Studio does when its time is up.
func TestWorkOutlivesTheClient(t *testing.T) {
	began, gone := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	url, _, _ := serve(t, server.Options{Model: model{
		predict: func(ctx context.Context, _ *labelstudio.Project, tasks []labelstudio.Task, _ *labelstudio.Context) ([]labelstudio.Predictions, error) {
			close(began)
			<-gone
			ended <- ctx.Err()
			return make([]labelstudio.Predictions, len(tasks)), nil
		},
	}})
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	body := predictBody(1)
	fmt.Fprintf(conn, "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	<-began
	conn.Close()
	close(gone)
	if err := <-ended; err != nil {
		t.Errorf("the model's context ended with the client: %v", err)
	}
}

func TestEventOfFiveThousandTasks(t *testing.T) {
	got := make(chan int, 1)
	b := start(t, server.Options{Model: model{fit: func(_ context.Context, _ *labelstudio.Project, e *labelstudio.Event) error {
		got <- len(e.Tasks)
		return nil
	}}})
	task := `{"id":1,"data":{"audio":"/data/upload/1/x.wav"},"meta":{},"is_labeled":false},`
	body := `{"action":"TASKS_CREATED","project":{"id":1},"tasks":[` + strings.TrimSuffix(strings.Repeat(task, 5000), ",") + `]}`
	if w, answer := ask(t, b, "POST", "/webhook", body); w.StatusCode != 201 {
		t.Fatalf("%s %s", w.Status, answer)
	}
	if n := <-got; n != 5000 {
		t.Errorf("%d tasks", n)
	}
}
