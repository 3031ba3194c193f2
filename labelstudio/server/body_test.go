package server_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/server"
)

// A body that nobody read must never be taken for the next request of the connection.
func TestUnreadBodiesAreNoRequests(t *testing.T) {
	url, _, _ := serve(t, server.Options{User: "u", Password: labelstudio.NewSecret("p")})
	for _, size := range []int{100, 100 << 10, 1 << 20} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		hidden := "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
		body := strings.Repeat(" ", size-len(hidden)) + hidden
		go func() {
			// The server may close the connection before everything is sent.
			_, _ = fmt.Fprintf(conn, "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%sGET /versions HTTP/1.1\r\nHost: x\r\n\r\n", size, body)
		}()
		r := bufio.NewReader(conn)
		var statuses []int
		for {
			w, err := http.ReadResponse(r, nil)
			if err != nil {
				break
			}
			_, _ = io.Copy(io.Discard, w.Body)
			statuses = append(statuses, w.StatusCode)
			if len(statuses) == 2 {
				break
			}
		}
		for _, status := range statuses {
			if status != http.StatusUnauthorized { // /health would be 200
				t.Errorf("%d bytes: answers %v", size, statuses)
			}
		}
		if size < 200<<10 && len(statuses) != 2 {
			t.Errorf("%d bytes: %d answers; the connection was not kept", size, len(statuses))
		}
	}
}

func TestOpenRoutesTakeSmallerBodies(t *testing.T) {
	q := &noticeQueue{}
	url, _, _ := serve(t, server.Options{User: "u", Password: labelstudio.NewSecret("p"), Open: []string{"/webhook", "/metrics"}, Events: q})
	event := func(size int) string {
		head := `{"action":"TASKS_CREATED","project":{"id":3},"x":"`
		return head + strings.Repeat("x", size-len(head)-2) + `"}`
	}
	if status, got, err := post(url+"/webhook", event(server.OpenBodyLimit)); err != nil || status != 201 {
		t.Errorf("an event of the limit: %d %s %v", status, got, err)
	}
	// The connection is closed while the client still sends, so it may not see the answer.
	if status, got, err := post(url+"/webhook", event(server.OpenBodyLimit+1)); err == nil && status != 413 {
		t.Errorf("an event beyond the limit: %d %s", status, got)
	}
	if status, got, err := post(url+"/webhook", event(server.OpenBodyLimit+1), "Authorization", "Basic dTpw"); err != nil || status != 201 {
		t.Errorf("an event beyond the limit with credentials: %d %s %v", status, got, err)
	}
	if len(q.notices) != 2 || q.missed != 1 {
		t.Errorf("%d notices, %d missed", len(q.notices), q.missed)
	}
}

// The length of a chunked body is not known beforehand.
func TestChunkedBodiesAreLimited(t *testing.T) {
	url, _, _ := serve(t, server.Options{BodyLimit: 8 << 10})
	for size, want := range map[int]int{4 << 10: 200, 64 << 10: 413} {
		body := struct{ io.Reader }{strings.NewReader(`{"schema":"` + strings.Repeat("x", size) + `"}`)}
		w, err := http.Post(url+"/setup", "application/json", body)
		if err != nil {
			t.Fatal(err)
		}
		w.Body.Close()
		if w.StatusCode != want {
			t.Errorf("%d bytes: %s", size, w.Status)
		}
	}
}
