package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// nats starts a NATS server in this process.
func (r *run) nats() (*server.Server, error) {
	s, err := server.NewServer(&server.Options{
		ServerName: "faults", Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: filepath.Join(r.dir, "nats"),
	})
	if err != nil {
		return nil, err
	}
	s.Start()
	if !s.ReadyForConnections(20 * time.Second) {
		return nil, errors.New("the NATS server is not ready")
	}
	return s, nil
}

// cluster opens tasks on nodes that share a NATS server, while they are transcribed and while
// nodes are restarted. Label Studio stores each answer after up to 8 s, when the node that gave
// it may be gone.
func cluster(r *run, size int) error {
	tasks, restarts := r.size(r.tasks, 45, 1000), r.size(r.options.kills, 3, 25)
	broker, err := r.nats()
	if err != nil {
		return err
	}
	defer func() {
		r.end()
		broker.Shutdown()
		broker.WaitForShutdown()
	}()
	s, err := r.studio()
	if err != nil {
		return err
	}
	var nodes []*node
	for i := range size {
		n, err := s.start(nodeOptions{name: fmt.Sprintf("node%d", i), args: []string{"--nats-url", broker.ClientURL(), "--threads", "1", "--predict-wait", "10s"}})
		if err != nil {
			return err
		}
		nodes = append(nodes, n)
	}
	project, err := s.connect(nodes...)
	if err != nil {
		return err
	}
	s.delayMedia(3 * time.Second)
	s.storing = func() time.Duration { return r.between(100*time.Millisecond, 8*time.Second) }

	// Twenty people open tasks that have just been imported.
	work := make(chan int64)
	var people sync.WaitGroup
	var answered atomic.Int64
	for range 20 {
		people.Go(func() {
			for id := range work {
				stored, err := s.Open(id)
				answered.Add(int64(stored))
				if err != nil {
					r.logf("task %d: %v", id, err)
				}
			}
		})
	}
	// Others retrieve predictions for whole pages.
	var ids []int64
	err = func() error {
		defer close(work)
		const page = 15
		every := max(1, tasks/page/max(1, restarts))
		for k := 0; len(ids) < tasks; k++ {
			batch, err := s.bring(project, r.mixed(min(page, tasks-len(ids)))...)
			if err != nil {
				return err
			}
			ids = append(ids, batch...)
			if k%4 == 3 {
				s.ask(project, batch...)
			}
			for i, id := range batch {
				work <- id
				if k%every == every-1 && i == len(batch)/2 {
					if err := r.restart(nodes[r.intn(size)], r.intn(2) == 0); err != nil {
						return err
					}
				}
			}
		}
		return nil
	}()
	people.Wait()
	if err != nil {
		return err
	}
	lives := 0
	for _, n := range nodes {
		lives += n.lives
	}
	r.figure("%d tasks opened, %d of them answered at once, %d restarts", tasks, answered.Load(), lives-size)
	s.settle(nodes[0], project, ids, 5*time.Minute)
	return nil
}

// restart ends a node, in an orderly way or not, and starts it again.
func (r *run) restart(n *node, orderly bool) error {
	if !orderly {
		n.kill()
	} else if code, err := n.stop(); err != nil || code != 0 {
		r.fault("%s: SIGTERM: status %d, %v", n.name, code, err)
	}
	return n.start()
}
