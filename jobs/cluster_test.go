package jobs

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/testlog"
	"github.com/asr-backend/asr-backend/priority"

	"github.com/nats-io/nats-server/v2/server"
)

// cluster starts three servers that replicate, on sockets of the loopback.
func cluster(t *testing.T) []*server.Server {
	t.Helper()
	var ports []int
	for range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var routes []*url.URL
	for _, p := range ports {
		routes = append(routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", p)})
	}
	servers := make([]*server.Server, len(ports))
	for i, p := range ports {
		servers[i] = startNode(t, i, p, routes)
	}
	for _, s := range servers {
		if !s.ReadyForConnections(20 * time.Second) {
			t.Fatal("a server is not ready")
		}
	}
	until(t, "the servers have a leader", func() bool {
		for _, s := range servers {
			if s.JetStreamIsLeader() {
				return len(s.JetStreamClusterPeers()) == len(servers)
			}
		}
		return false
	})
	return servers
}

func startNode(t *testing.T, i, port int, routes []*url.URL) *server.Server {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		ServerName: fmt.Sprint("node", i), Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: t.TempDir(), Routes: routes,
		Cluster: server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: port},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	return s
}

// What doc/nats.md says an account must be allowed is enough.
func TestTheDocumentedPermissionsSuffice(t *testing.T) {
	publish := []string{"$JS.API.>", "$JS.FC.>", "$KV.asr-jobs.>", "$KV.asr-windows.>", "$KV.asr-results.>", "$KV.asr-projects.>", "$O.asr-blobs.>"}
	s := serve(t, func(o *server.Options) {
		o.Users = []*server.User{{Username: "asr", Password: "pw", Permissions: &server.Permissions{
			Publish: &server.SubjectPermission{Allow: publish}, Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX.>"}},
		}}}
	})
	log := new(testlog.Buffer)
	q, ctx := open(t, Options{URL: "nats://asr:pw@" + s.Addr().String(), Logger: bufferLog(log)}), t.Context()
	for _, size := range []int{1, inlineResult + 1} {
		key := fmt.Sprint(size)
		enqueue(t, q, spec(key))
		l := take(t, q, "asr")
		if err := l.PutWindow(ctx, 0, []byte("window")); err != nil {
			t.Fatal(err)
		}
		if w, err := l.Windows(ctx); err != nil || len(w) != 1 {
			t.Fatalf("windows: %v, %v", w, err)
		}
		if err := l.Finish(ctx, make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		if got, err := q.Result(ctx, key); err != nil || len(got) != size {
			t.Fatalf("result of %d bytes: %d, %v", size, len(got), err)
		}
		if err := q.Remove(ctx, key); err != nil {
			t.Fatal(err)
		}
	}
	if err := q.Values("p").Set(ctx, "k", "v"); err != nil {
		t.Fatal(err)
	}
	if _, err := q.Values("p").Keys(ctx); err != nil {
		t.Fatal(err)
	}
	if text := log.String(); strings.Contains(text, "ermission") {
		t.Errorf("the server refused something:\n%s", text)
	}
}

// The server that leads the jobs goes in the middle of the work. With three replicas the
// other two carry on, and no job is lost or ends twice.
func TestAClusterSurvivesTheLossOfAServer(t *testing.T) {
	if testing.Short() {
		t.Skip("electing leaders takes seconds")
	}
	servers, ctx := cluster(t), t.Context()
	var urls []string
	for _, s := range servers {
		urls = append(urls, s.ClientURL())
	}
	// Longer than an election takes.
	q := open(t, Options{URL: strings.Join(urls, ","), Replicas: 3, Lease: 20 * time.Second})
	const jobs = 40
	var wg sync.WaitGroup
	var mu sync.Mutex
	finished := make(map[string]int)
	for range 3 {
		wg.Go(func() {
			for {
				l, err := q.Take(ctx, "asr", priority.Background)
				if err != nil {
					return
				}
				key := l.Job().Key
				if err := l.Finish(ctx, []byte("text of "+key)); err != nil {
					t.Errorf("%s: %v", key, err)
				}
				mu.Lock()
				finished[key]++
				mu.Unlock()
			}
		})
	}
	for i := range jobs {
		if i == jobs/2 {
			info, err := q.streams[bucketJobs].Info(ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range servers {
				if s.Name() == info.Cluster.Leader {
					s.Shutdown()
				}
			}
		}
		// Whoever learns that the store does not answer asks again.
		until(t, "the job is accepted", func() bool {
			_, _, err := q.Enqueue(ctx, spec(fmt.Sprint(i)))
			return err == nil
		})
	}
	for i := range jobs {
		key := fmt.Sprint(i)
		wctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
		if j, err := q.Wait(wctx, key); err != nil || j.State != Done || j.Crashes != 0 {
			t.Fatalf("job %s: %+v, %v", key, j, err)
		}
		cancel()
		until(t, "the result is read", func() bool {
			got, err := q.Result(ctx, key)
			if transient(err) {
				return false
			}
			if err != nil || string(got) != "text of "+key {
				t.Fatalf("result of %s: %q, %v", key, got, err)
			}
			return true
		})
	}
	// A job is done once it is stored, before the worker has the confirmation.
	until(t, "the workers know that all is done", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(finished) == jobs
	})
	if err := q.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	for key, n := range finished {
		if n != 1 {
			t.Errorf("job %s was finished %d times", key, n)
		}
	}
}
