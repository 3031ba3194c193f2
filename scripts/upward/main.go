// Command upward counts how the files of packages refer to each other, and how many of these
// references no order of the files can make point downwards.
//
//	go run ./scripts/upward ./service/...
//
// A reference is a pair of files of one package of which the first uses a name (a type, a
// function, a method, a field, a constant) that the second declares. The files are then put
// in the order in which the fewest references point upwards, to a file further up. Between
// packages nothing can point upwards, since imports cannot form a circle. With -v the order
// and the references that are left are listed.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// pkg is a package as go list describes it.
type pkg struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
	DepOnly                 bool
}

func main() {
	verbose := flag.Bool("v", false, "list the order of files and the references that point upwards")
	flag.Parse()
	if err := run(flag.Args(), *verbose); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(patterns []string, verbose bool) error {
	list, err := exec.Command("go", append([]string{"list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,DepOnly"}, patterns...)...).Output()
	if err != nil {
		return err
	}
	exports := map[string]string{}
	var pkgs []pkg
	for d := json.NewDecoder(bytes.NewReader(list)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		exports[p.ImportPath] = p.Export
		if !p.DepOnly {
			pkgs = append(pkgs, p)
		}
	}
	fset := token.NewFileSet()
	imp := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	total, up := 0, 0
	for _, p := range pkgs {
		edges, err := references(fset, imp, p)
		if err != nil {
			return err
		}
		u, order := least(edges, p.GoFiles)
		lines := 0
		for _, f := range p.GoFiles {
			b, err := os.ReadFile(filepath.Join(p.Dir, f))
			if err != nil {
				return err
			}
			lines += strings.Count(string(b), "\n")
		}
		fmt.Printf("%-40s %3d files %5d lines %4d references %3d upward\n", p.ImportPath, len(p.GoFiles), lines, len(edges), len(u))
		if verbose {
			fmt.Println("  ", strings.Join(order, " "))
			for _, e := range u {
				fmt.Println("    ", e)
			}
		}
		total += len(edges)
		up += len(u)
	}
	fmt.Printf("%-40s %24s %4d references %3d upward\n", "sum", "", total, up)
	return nil
}

type edge struct{ from, to string }

// references returns which file of a package uses names of which other one.
func references(fset *token.FileSet, imp types.Importer, p pkg) (map[edge]bool, error) {
	var files []*ast.File
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	self, err := (&types.Config{Importer: imp}).Check(p.ImportPath, fset, files, info)
	if err != nil {
		return nil, err
	}
	edges := map[edge]bool{}
	for id, obj := range info.Uses {
		if obj.Pkg() != self {
			continue
		}
		if v, ok := obj.(*types.Var); ok && !v.IsField() && v.Parent() != self.Scope() {
			continue // a local variable or a parameter
		}
		from, to := filepath.Base(fset.Position(id.Pos()).Filename), filepath.Base(fset.Position(obj.Pos()).Filename)
		if from != to {
			edges[edge{from, to}] = true
		}
	}
	return edges, nil
}

// least orders files so that few edges point upwards, by moving one file at a time for as long
// as that helps, and returns those that still do.
func least(edges map[edge]bool, files []string) (up []edge, order []string) {
	order = slices.Clone(files)
	cost := func(o []string) int {
		pos := map[string]int{}
		for i, f := range o {
			pos[f] = i
		}
		n := 0
		for e := range edges {
			if pos[e.to] > pos[e.from] {
				n++
			}
		}
		return n
	}
	best := cost(order)
	for improved := true; improved; {
		improved = false
		for i := range order {
			for j := range order {
				o := slices.Delete(slices.Clone(order), i, i+1)
				o = slices.Insert(o, j, order[i])
				if c := cost(o); c < best {
					best, order, improved = c, o, true
				}
			}
		}
	}
	pos := map[string]int{}
	for i, f := range order {
		pos[f] = i
	}
	for e := range edges {
		if pos[e.to] > pos[e.from] {
			up = append(up, e)
		}
	}
	return up, order
}
