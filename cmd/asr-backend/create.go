package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/asr-backend/asr-backend/internal/cli"
	"github.com/asr-backend/asr-backend/internal/scaffold"

	"github.com/alecthomas/kong"
)

type createCommand struct {
	Dir    string `arg:"" optional:"" name:"DIR" help:"Folder to create. An existing folder is used if none of the new files exists in it." type:"path"`
	Kind   string `help:"backend: a Go program that serves your own model with the packages of asr-backend. deployment: configuration files for running asr-backend. project: a project in Label Studio, connected to asr-backend; needs no folder." enum:"backend,deployment,project" default:"backend"`
	Source string `help:"Folder with the sources of asr-backend. Default: searched for above the program and above the current folder." type:"path" placeholder:"DIR"`
	projectFlags
}

// Run makes what is asked for and says how to go on.
func (c *createCommand) Run(ctx context.Context, parsed *kong.Context, std streams) error {
	switch {
	case c.Kind == kindProject && c.Dir != "":
		return &cli.UsageError{Err: errors.New("--kind project makes no folder")}
	case c.Kind == kindProject:
		return c.create(ctx, std)
	case c.Dir == "":
		return &cli.UsageError{Err: errors.New("give the folder to create")}
	}
	return c.folder(parsed, std)
}

// folder makes a folder.
func (c *createCommand) folder(parsed *kong.Context, std streams) error {
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
	names, err := scaffold.Create(scaffold.Options{Kind: kind, Dir: c.Dir, Source: source, Variables: variables(parsed.Model.Node, "serve")})
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
	if kind == scaffold.Deployment {
		steps += "  edit .env      # the address of Label Studio, and a token"
		if source == "" {
			steps += "; and BUILD_CONTEXT, the folder with asr-backend's sources, which were not found"
		}
		return steps + `
  docker compose up -d
  docker compose exec asr-backend asr-backend doctor --backend-url http://asr-backend.internal:9090
README.md explains the next steps, also without a GPU or without Docker.
`
	}
	if source == "" {
		steps += "  go mod edit -replace github.com/asr-backend/asr-backend=/path/to/its/sources   # the sources were not found\n"
	}
	return steps + `  make test    # sends it a recorded request of Label Studio
  make run     # serves on :9090
Then put your model into the function transcribe in model.go; README.md explains how.
`
}

// variables are those of a command's flags.
func variables(app *kong.Node, command string) []scaffold.Variable {
	var found []scaffold.Variable
	for _, node := range app.Children {
		if node.Name != command {
			continue
		}
		for _, f := range node.Flags {
			v := scaffold.Variable{Names: f.Envs, Help: f.Help, Default: f.Default}
			if f.Group != nil {
				v.Group = f.Group.Title
			}
			if f.Default == defaultDataDir() {
				v.Default = "" // of whoever creates, not of whoever will serve
			}
			found = append(found, v)
		}
	}
	return found
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
