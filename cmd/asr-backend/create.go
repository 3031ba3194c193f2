package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"asr-backend/internal/cli"
	"asr-backend/internal/scaffold"
)

type createCommand struct {
	Dir    string `arg:"" name:"DIR" help:"Folder to make; one that exists is filled if nothing is in the way." type:"path"`
	Kind   string `help:"backend: a Go program that serves a model of your own through the same packages. deployment: files to run this program with." enum:"backend,deployment" default:"backend"`
	Source string `help:"Folder of asr-backend's sources; looked for above the program and above this folder if empty." type:"path" placeholder:"DIR"`
}

// Run makes the folder and says how to go on.
func (c *createCommand) Run(std streams) error {
	source := c.Source
	if source == "" {
		starts := []string{"."}
		if program, err := os.Executable(); err == nil {
			if program, err = filepath.EvalSymlinks(program); err == nil {
				starts = append([]string{filepath.Dir(program)}, starts...)
			}
		}
		source = scaffold.FindSource(starts...)
	}
	kind := scaffold.Kind(c.Kind)
	names, err := scaffold.Create(scaffold.Options{Kind: kind, Dir: c.Dir, Source: source})
	var way *scaffold.InTheWayError
	switch {
	case errors.As(err, &way):
		return &cli.UsageError{Err: fmt.Errorf("%w; choose another folder, or move them away", err)}
	case err != nil:
		return err
	}
	dir := c.Dir
	if here, err := os.Getwd(); err == nil {
		if below, err := filepath.Rel(here, dir); err == nil && !strings.HasPrefix(below, "..") {
			dir = below
		}
	}
	_, err = fmt.Fprintf(std.out, "Made in %s: %s\n\n%s", dir, strings.Join(names, ", "), nextSteps(kind, dir, source))
	return err
}

// nextSteps says what to type now.
func nextSteps(kind scaffold.Kind, dir, source string) string {
	steps := "Next:\n  cd " + quoted(dir) + "\n"
	if source == "" {
		steps += "  go mod edit -replace asr-backend=/path/to/its/sources   # they were not found from here\n"
	}
	return steps + `  make test    # a request that Label Studio really sent goes through it
  make run     # serves on :9090
Then put your model into hear, in model.go. README.md goes on from there.
`
}

// quoted writes a path for a shell.
func quoted(path string) string {
	if strings.ContainsFunc(path, func(r rune) bool {
		return !strings.ContainsRune("/._-+:@,", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}
