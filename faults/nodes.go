package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// nodeOptions say how a node is started.
type nodeOptions struct {
	name string   // empty: "node"
	dir  string   // empty: a folder of its own
	args []string // more flags
	env  []string // more variables
	wrap []string // see node
}

// start starts a node that works for the Label Studio and waits until it has a model.
func (s *studio) start(o nodeOptions) (*node, error) {
	n, err := s.newNode(o)
	if err != nil {
		return nil, err
	}
	if err := n.start(); err != nil {
		return nil, err
	}
	return n, n.ready()
}

// newNode returns a node that does not run yet.
func (s *studio) newNode(o nodeOptions) (*node, error) {
	r := s.run
	if o.name == "" {
		o.name = "node"
	}
	if o.dir == "" {
		o.dir = filepath.Join(r.dir, o.name)
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	n := &node{name: o.name, url: fmt.Sprintf("http://127.0.0.1:%d", port), dir: o.dir, run: r, wrap: o.wrap}
	n.args = append([]string{"serve", "--host", "127.0.0.1", "--port", fmt.Sprint(port), "--data-dir", o.dir,
		"--provider", "cpu", "--model", r.model, "--log-format", "json", "--predict-wait", "2s"}, o.args...)
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "ASR_BACKEND_") && !strings.HasPrefix(kv, "LABEL_STUDIO_") && !strings.HasPrefix(kv, "BASIC_AUTH_") && !strings.HasPrefix(kv, "PORT=") {
			n.env = append(n.env, kv)
		}
	}
	if r.library != "" {
		n.env = append(n.env, "ASR_BACKEND_ONNXRUNTIME="+r.library)
	}
	n.env = append(n.env, "LABEL_STUDIO_URL="+s.URL, "LABEL_STUDIO_API_KEY="+s.Token)
	n.env = append(n.env, o.env...)
	r.atEnd(n.end)
	return n, nil
}

// setup starts a Label Studio, and a node that one project of it is connected with.
func (r *run) setup(o nodeOptions) (s *studio, n *node, project int64, err error) {
	if s, err = r.studio(); err != nil {
		return nil, nil, 0, err
	}
	if n, err = s.start(o); err != nil {
		return nil, nil, 0, err
	}
	project, err = s.connect(n)
	return s, n, project, err
}
