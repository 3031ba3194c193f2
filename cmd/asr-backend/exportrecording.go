package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/asr-backend/asr-backend/internal/atomicfile"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/manifest"
	"github.com/asr-backend/asr-backend/labelstudio/media"
)

// fetched is how much of recordings that nobody asked to keep may lie on the disk.
const fetched = 2 << 30

// fetcher returns what fetches recordings, or nil if only their names are wanted, and a
// function that ends it.
func (c *exportManifestCommand) fetcher(client *api.Client) (*media.Fetcher, func(), error) {
	o := media.Options{DocumentRoot: c.DocumentRoot, AllowPrivate: c.AllowPrivate}
	if client != nil {
		o.Server = client
	}
	remove := func() {}
	switch {
	case c.Audio != "":
		o.CacheDir = filepath.Join(c.Audio, ".fetched")
	case c.Clips != "":
		// Beside the clips: a folder for temporary files may be too small for recordings.
		dir, err := os.MkdirTemp(c.Clips, ".fetched-*")
		if err != nil {
			return nil, nil, err
		}
		remove = func() { _ = os.RemoveAll(dir) }
		o.CacheDir, o.CacheBytes = dir, fetched
	default:
		return nil, remove, nil
	}
	f, err := media.New(o)
	if err != nil {
		remove()
		return nil, nil, err
	}
	return f, func() { f.Close(); remove() }, nil
}

// recording returns what the manifest calls a recording, which is a file here if there is
// a fetcher. It stays there until release is called.
func (e *exporter) recording(ctx context.Context, s *manifest.Spoken) (path string, release func(), err error) {
	release = func() {}
	if e.fetcher == nil {
		return s.Value, release, nil
	}
	if e.command.Audio != "" {
		path, err = e.fetch(ctx, s)
		return path, release, err
	}
	if info, err := os.Stat(s.Value); err == nil && info.Mode().IsRegular() {
		return s.Value, release, nil
	}
	f, err := e.fetcher.Fetch(ctx, media.Request{Value: s.Value, Task: s.Task, Project: e.command.Project})
	if err != nil {
		return "", nil, err
	}
	return f.Path, f.Close, nil
}

// fetch returns the absolute path of the recording: where it lies, if that is a mounted
// folder, else a copy in the folder for recordings, named after the task.
func (e *exporter) fetch(ctx context.Context, s *manifest.Spoken) (string, error) {
	f, err := e.fetcher.Fetch(ctx, media.Request{Value: s.Value, Task: s.Task, Project: e.command.Project})
	if err != nil {
		return "", err
	}
	defer f.Close()
	if root := e.command.DocumentRoot; root != "" {
		if below, err := filepath.Rel(root, f.Path); err == nil && filepath.IsLocal(below) {
			return f.Path, nil
		}
	}
	path, err := filepath.Abs(filepath.Join(e.command.Audio, e.name(s, filepath.Base(f.Name))))
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(path); err == nil && info.Size() == f.Size {
		return path, nil
	}
	in, err := os.Open(f.Path)
	if err != nil {
		return "", err
	}
	defer in.Close()
	out, err := atomicfile.Create(path)
	if err != nil {
		return "", err
	}
	if _, err := io.Copy(out, in); err != nil {
		return "", errors.Join(err, out.Close())
	}
	return path, out.Commit()
}

// name returns a file name for a recording of a task, another one for each recording.
func (e *exporter) name(s *manifest.Spoken, base string) string {
	const most = 200 // bytes; file systems take 255
	if len(base) > most {
		base = strings.ToValidUTF8(base[len(base)-most:], "")
	}
	name := fmt.Sprintf("%d-%s", s.Task, base)
	for n := 2; e.named[name] != "" && e.named[name] != s.Value; n++ {
		name = fmt.Sprintf("%d-%d-%s", s.Task, n, base)
	}
	e.named[name] = s.Value
	return name
}
