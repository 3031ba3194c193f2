package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/asr-backend/asr-backend/internal/cli"
	"github.com/asr-backend/asr-backend/internal/oracle"

	"github.com/alecthomas/kong"
)

// An error or a hint that sends somebody to a command or a flag that does not exist is worse
// than none.
func TestMessagesNameCommandsAndFlagsThatExist(t *testing.T) {
	var c commands
	line, err := kong.New(&c, kong.Vars{"formats": cli.FormatNames(), "data_dir": t.TempDir(), "version": "test"},
		kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(decodeTime)),
		kong.KindMapper(reflect.Int, kong.MapperFunc(decodeWhole)), kong.KindMapper(reflect.Int64, kong.MapperFunc(decodeWhole)),
		kong.Writers(io.Discard, io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	flags := map[string]bool{"--help": true, "--gpus": true} // the latter is docker's
	names := map[string]bool{}
	var collect func(n *kong.Node, path string)
	collect = func(n *kong.Node, path string) {
		for _, f := range n.Flags {
			flags["--"+f.Name] = true
		}
		for _, child := range n.Children {
			name := strings.TrimSpace(path + " " + child.Name)
			names[name] = true
			collect(child, name)
		}
	}
	collect(line.Model.Node, "")

	flag := regexp.MustCompile(`--[a-z][a-z-]+`)
	command := regexp.MustCompile("(?:`|run |see |with )asr-backend ((?:models |jobs )?[a-z][a-z-]*)")
	seen := 0
	for _, folder := range []string{"audio", "asr", "align", "lm", "jobs", "labelstudio", "models", "service", "transcribe", "transcript", "internal", "cmd/asr-backend"} {
		for _, text := range literals(t, filepath.Join(oracle.Root(t), folder)) {
			for _, name := range flag.FindAllString(text, -1) {
				seen++
				if !flags[name] {
					t.Errorf("no command has the flag %s, named in %q", name, text)
				}
			}
			for _, m := range command.FindAllStringSubmatch(text, -1) {
				seen++
				if !names[m[1]] {
					t.Errorf("there is no command %q, named in %q", m[1], text)
				}
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d names were found: the patterns no longer fit", seen)
	}
}

// literals returns the strings of the program's source below a folder.
func literals(t *testing.T, root string) []string {
	t.Helper()
	var texts []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == "train" || d.Name() == "export" || d.Name() == "oracle"):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, source, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				if text, err := strconv.Unquote(l.Value); err == nil {
					texts = append(texts, text)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}
