package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
)

// childArgument makes this program a child, which transcribes a recording and prints how much memory it has had.
const childArgument = "-child"

// childTask is the argument of a child.
type childTask struct {
	Library, Cache, Model, Variant, Recording string
	Threads                                   int
}

// memoryOf returns the peak memory of a process that loads a model and transcribes two minutes, in bytes.
func (b *bench) memoryOf(ctx context.Context, m model, v variant, threads int) (int64, error) {
	length := 2 * time.Minute
	if b.quick {
		length = 3 * time.Second
	}
	path, err := b.speechFile(ctx, "memory.wav", length)
	if err != nil {
		return 0, err
	}
	task, err := json.Marshal(childTask{b.runtime.Path(), b.cache, m.path, v.name, path, threads})
	if err != nil {
		return 0, err
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	_, out, err := timed(exec.CommandContext(ctx, self, childArgument, string(task)))
	if err != nil {
		return 0, err
	}
	var memory int64
	return memory, json.Unmarshal(out, &memory)
}

// child is what the child does.
func child(ctx context.Context, args []string, out io.Writer) (err error) {
	var task childTask
	if len(args) != 1 {
		return errors.New("a child has one argument")
	}
	if err := json.Unmarshal([]byte(args[0]), &task); err != nil {
		return err
	}
	at := slices.IndexFunc(variants(), func(v variant) bool { return v.name == task.Variant })
	if at < 0 {
		return fmt.Errorf("there is no variant %q", task.Variant)
	}
	runtime, err := ort.Open(task.Library)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, runtime.Close()) }()
	r, err := open(ctx, runtime, task.Model, task.Cache, variants()[at], task.Threads, asr.Decoding{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	t, err := newTranscriber(r)
	if err != nil {
		return err
	}
	if _, err := t.text(ctx, task.Recording); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(peakMemory())
}

// output runs a program and returns what it writes. An error has what it says.
func output(c *exec.Cmd) ([]byte, error) {
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	if err := c.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", filepath.Base(c.Path), err, &said)
	}
	return out.Bytes(), nil
}
