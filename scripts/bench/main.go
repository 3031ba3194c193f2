// Command bench measures how fast the program is on the CPU, and prints the tables of doc/performance.md.
//
//	go run ./scripts/bench [-part bare,whole,start,folder,reading,peers] [-rounds N] [-quick] [-write doc/performance.md]
//
// Machines are noisy, so all that is compared runs in turns, A B C and then C B A, and what counts are
// ratios to the first: of the shortest times, of the lowest deciles, and the median of the pairs of a round.
// Believe what all three say. Processor time (user and system) is less noisy than wall time.
//
// It makes a model of full size with random weights in .cache/bench, and keeps there what the program keeps:
// 1.2 GB. What needs ffmpeg, or the peers of requirements.txt, is left out where they are not installed.
//
// -quick shows that everything runs, with a tiny model in place of that of full size. Its figures mean
// nothing. -write replaces the tables in files, each between <!-- NAME --> and <!-- end -->.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/marked"
)

type options struct {
	root    string // of the repository
	program string // asr-backend
	library string // ONNX Runtime
	cache   string // what is made once
	venv    string // the Python environment of the peers
	ffmpeg  string
	parts   string
	rounds  int // 0: as many as the part needs
	quick   bool
	write   string
}

func main() {
	log.SetFlags(0)
	if len(os.Args) > 1 && os.Args[1] == childArgument {
		if err := child(context.Background(), os.Args[2:], os.Stdout); err != nil {
			log.Fatal(err)
		}
		return
	}
	var o options
	flag.StringVar(&o.root, "root", ".", "`folder` of the repository")
	flag.StringVar(&o.program, "program", "bin/asr-backend", "the program")
	flag.StringVar(&o.library, "onnxruntime", "bin", "ONNX Runtime library, file or folder")
	flag.StringVar(&o.cache, "cache", ".cache/bench", "`folder` for what is made once")
	flag.StringVar(&o.venv, "venv", ".cache/.venv-bench", "Python environment of the peers")
	flag.StringVar(&o.ffmpeg, "ffmpeg", "", "ffmpeg; empty: the one on PATH, or in the environment of the peers")
	flag.StringVar(&o.parts, "part", "", "measure only these, separated by commas")
	flag.IntVar(&o.rounds, "rounds", 0, "rounds of each comparison; 0: as many as it needs")
	flag.BoolVar(&o.quick, "quick", false, "only show that everything runs")
	flag.StringVar(&o.write, "write", "", "replace the tables in these files, separated by commas")
	flag.Parse()
	if err := run(context.Background(), o, os.Stdout, os.Stderr); err != nil {
		log.Fatal(err)
	}
}

// bench is what all parts use.
type bench struct {
	options
	runtime *ort.Runtime
	work    string    // temporary folder
	all     []model   // that are measured, once they are there
	log     io.Writer // what is under way, and what is left out
}

// part is a table.
type part struct {
	name, title string
	measure     func(context.Context, *bench, io.Writer) error
}

func parts() []part {
	return []part{
		{"machine", "Machine", machine},
		{"bare", "The model alone", bare},
		{"whole", "The whole program", whole},
		{"start", "Start", start},
		{"folder", "A folder of short files", folder},
		{"reading", "Reading", reading},
		{"peers", "Peers", peers},
	}
}

// errMissing says that something is not installed, so that a table is left out.
var errMissing = errors.New("left out")

func run(ctx context.Context, o options, out, logTo io.Writer) (err error) {
	if o.quick && o.write != "" {
		return errors.New("the figures of -quick mean nothing: -write is not for them")
	}
	all := parts()
	var wanted []string
	if o.parts != "" {
		wanted = strings.Split(o.parts, ",")
	}
	for _, name := range wanted {
		if !slices.ContainsFunc(all, func(p part) bool { return p.name == name }) {
			return fmt.Errorf("there is no part %q", name)
		}
	}
	b := &bench{options: o, log: logTo}
	if err := os.MkdirAll(o.cache, 0o755); err != nil {
		return err
	}
	// In the cache, since the folder of the system for temporary files may be in memory.
	if b.work, err = os.MkdirTemp(o.cache, "work-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.work)) }()
	if b.runtime, err = ort.Open(o.library); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.runtime.Close()) }()
	tables := map[string][]byte{}
	var errs []error
	began, busy := time.Now(), busyTime()
	for _, p := range all {
		if wanted != nil && p.name != "machine" && !slices.Contains(wanted, p.name) {
			continue
		}
		var table bytes.Buffer
		start, cpu := time.Now(), processorTime()+childrenTime()
		err := p.measure(ctx, b, &table)
		if errors.Is(err, errMissing) {
			fmt.Fprintf(out, "## %s\n\n%v\n\n", p.title, err)
			continue
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p.name, err))
			if ctx.Err() != nil {
				break
			}
			continue // what the others have measured took long
		}
		tables[p.name] = table.Bytes()
		fmt.Fprintf(out, "## %s\n\n%s\n", p.title, &table)
		fmt.Fprintf(b.log, "%s took %s, and %s of CPU\n", p.name, time.Since(start).Round(time.Second), (processorTime() + childrenTime() - cpu).Round(time.Second))
	}
	others := "\n" + beside(busyTime()-busy-processorTime()-childrenTime(), time.Since(began)) + "\n"
	tables["machine"] = append(tables["machine"], others...)
	fmt.Fprintf(out, "%s", others)
	fmt.Fprintf(b.log, "all took %s, and %s of CPU\n", time.Since(began).Round(time.Second), (processorTime() + childrenTime()).Round(time.Second))
	if o.write != "" {
		for _, path := range strings.Split(o.write, ",") {
			if !filepath.IsAbs(path) {
				path = filepath.Join(o.root, path)
			}
			errs = append(errs, marked.Write(path, tables))
		}
	}
	return errors.Join(errs...)
}
