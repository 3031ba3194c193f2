package asr

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/asr-backend/asr-backend/asr/fastconformer"
	"github.com/asr-backend/asr-backend/asr/graph"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/filestamp"
	"github.com/asr-backend/asr-backend/timeline"
)

// OptimizedDir is the folder in that of a model for graphs that were made of it for this machine. It can
// be deleted at any time.
const OptimizedDir = ".optimized"

// optimizedVersion changes when package fastconformer writes another graph of the same model.
const optimizedVersion = 1

// mostOptimizedRows is the longest window of an optimized graph, 80 s. Each layer holds encodings for twice as many
// rows, 70 MB at full size.
const mostOptimizedRows = 1000

// optimizedKey is that of the stamp in the metadata of an optimized graph.
const optimizedKey = "asr_backend_optimized"

// optimized is what an optimized graph was made of, or why there is none.
type optimized struct {
	Version int
	Rows    timeline.Row      // the longest window
	Files   map[string]string // stamps of the files of the export, by name
	// Refused says why the model runs as it was exported.
	Refused string `json:",omitempty"`
}

// errNotWritable says that an optimized graph cannot be kept anywhere.
var errNotWritable = errors.New("the optimized graph cannot be written")

// optimize returns the graph that a CPU runs in place of an export: the same with less work, see package
// fastconformer. It is made once, compared with the export, and kept. An error says why there is none and
// the export has to run; nothing is wrong then but the speed.
func (r *Recognizer) optimize(ctx context.Context, rt *ort.Runtime, source ort.Source, o Options) (ort.Source, error) {
	if p := r.contract.Precision; p != FP32 {
		return ort.Source{}, fmt.Errorf("its graph is %s", p)
	}
	if n := r.window.Rows; n > mostOptimizedRows {
		return ort.Source{}, fmt.Errorf("windows of %d rows are too long: position encodings of %d are kept at most", n, mostOptimizedRows)
	}
	stamp, err := r.stampOptimized()
	if err != nil {
		return ort.Source{}, err
	}
	folders := r.optimizedFolders(o)
	for _, folder := range folders {
		path := filepath.Join(folder, r.bundle.Graph)
		if found, err := stamp.find(path); found {
			return ort.Source{Path: path}, err
		}
	}
	var errs []error
	for _, folder := range folders {
		path, err := r.keepOptimized(ctx, rt, source, stamp, folder, o)
		if !errors.Is(err, errNotWritable) {
			return ort.Source{Path: path}, err
		}
		errs = append(errs, err)
	}
	if r.bundle.Dir != "" {
		return ort.Source{}, errors.Join(errs...)
	}
	data, err := r.writeOptimized(fastconformer.Options{Rows: r.window.Rows}, stamp)
	return ort.Source{Path: source.Path, Data: data}, err
}

// stampOptimized returns the stamp of a graph that is made now.
func (r *Recognizer) stampOptimized() (optimized, error) {
	stamp := optimized{Version: optimizedVersion, Rows: r.window.Rows, Files: map[string]string{}}
	if r.bundle.Dir == "" {
		stamp.Files[r.bundle.Graph] = r.identity.Digest
		return stamp, nil
	}
	for _, name := range []string{r.bundle.Graph, r.bundle.Graph + ".data", strings.TrimSuffix(r.bundle.Graph, ".onnx") + ".weights"} {
		s, err := filestamp.Of(filepath.Join(r.bundle.Dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return stamp, err
		}
		stamp.Files[name] = s
	}
	return stamp, nil
}

// optimizedFolders returns where an optimized graph may lie: beside the model, and where that cannot be
// written, in the folder of the options.
func (r *Recognizer) optimizedFolders(o Options) (folders []string) {
	id := r.identity.Digest
	if r.bundle.Dir != "" {
		folders = append(folders, filepath.Join(r.bundle.Dir, OptimizedDir))
		path := sha256.Sum256([]byte(r.bundle.Dir))
		id = hex.EncodeToString(path[:])
	}
	if o.Cache != "" {
		folders = append(folders, filepath.Join(o.Cache, "optimized", id[:16]))
	}
	return folders
}

// find reports whether a graph was made of the same files. An error says that it was refused.
func (want *optimized) find(path string) (found bool, err error) {
	got, err := readOptimized(path)
	if err != nil || got.Version != want.Version || got.Rows < want.Rows || len(got.Files) != len(want.Files) {
		return false, nil
	}
	for name, s := range want.Files {
		if got.Files[name] != s {
			return false, nil
		}
	}
	if got.Refused != "" {
		return true, errors.New(got.Refused)
	}
	return true, nil
}

// readOptimized reads the stamp in a graph.
func readOptimized(path string) (o optimized, err error) {
	m, closer, err := graph.Open(path)
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	meta, err := m.Metadata()
	if err != nil {
		return o, err
	}
	return o, json.Unmarshal([]byte(meta[optimizedKey]), &o)
}

// keepOptimized makes the graph in a folder, and keeps it there if it computes the same as the export, and
// otherwise the reason. Whoever else makes it at the same time makes the same.
func (r *Recognizer) keepOptimized(ctx context.Context, rt *ort.Runtime, source ort.Source, stamp optimized, folder string, o Options) (_ string, err error) {
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return "", fmt.Errorf("%w: %w", errNotWritable, err)
	}
	work, err := os.MkdirTemp(folder, "making-")
	if err != nil {
		return "", fmt.Errorf("%w: %w", errNotWritable, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	path := filepath.Join(work, r.bundle.Graph)
	refused := r.makeOptimized(stamp, path)
	if errors.Is(refused, errNotWritable) {
		return "", refused
	}
	if refused == nil && r.bundle.Dir != "" { // those inside the program are compared by its tests
		debug.FreeOSMemory() // the weights passed through memory of ours
		refused = r.compareOptimized(ctx, rt, source, ort.Source{Path: path}, o)
	}
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if refused != nil {
		stamp.Refused = refused.Error()
		if err := r.writeRefusal(stamp, path); err != nil {
			return "", errors.Join(refused, err)
		}
	}
	for _, name := range []string{r.optimizedWeights(), r.bundle.Graph} {
		err := os.Rename(filepath.Join(work, name), filepath.Join(folder, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("%w: %w", errNotWritable, err)
		}
	}
	return filepath.Join(folder, r.bundle.Graph), refused
}

// optimizedWeights is the file of the weights of an optimized graph.
func (r *Recognizer) optimizedWeights() string { return r.bundle.Graph + ".data" }

// makeOptimized writes the graph and its weights.
func (r *Recognizer) makeOptimized(stamp optimized, path string) (err error) {
	weights, err := os.Create(filepath.Join(filepath.Dir(path), r.optimizedWeights()))
	if err != nil {
		return fmt.Errorf("%w: %w", errNotWritable, err)
	}
	defer func() { err = errors.Join(err, weights.Close()) }()
	full := &noteError{file: weights}
	data, err := r.writeOptimized(fastconformer.Options{Rows: stamp.Rows, Beside: full, BesideName: r.optimizedWeights()}, stamp)
	if full.err != nil {
		return fmt.Errorf("%w: %w", errNotWritable, full.err)
	}
	if err != nil {
		return err
	}
	// Without Sync, a power cut could leave a file of zeros.
	if err := errors.Join(weights.Sync(), os.WriteFile(path, data, 0o666)); err != nil {
		return fmt.Errorf("%w: %w", errNotWritable, err)
	}
	return nil
}

// noteError is a file that remembers that it could not be written.
type noteError struct {
	file *os.File
	err  error
}

func (n *noteError) Write(p []byte) (int, error) {
	written, err := n.file.Write(p)
	n.err = cmp.Or(n.err, err)
	return written, err
}

// dropOptimized deletes a graph that cannot be loaded, such as one that was damaged on the disk, so that the
// next load makes it anew.
func (r *Recognizer) dropOptimized(made ort.Source) error {
	if made.Data != nil {
		return nil
	}
	if err := os.Remove(made.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("asr: delete a damaged file: %w", err)
	}
	return nil
}

// writeOptimized writes the graph of a model, with the metadata of the export and a stamp.
func (r *Recognizer) writeOptimized(o fastconformer.Options, stamp optimized) (_ []byte, err error) {
	text, err := json.Marshal(stamp)
	if err != nil {
		return nil, err
	}
	m, closer, err := r.bundle.graph()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	if o.Metadata, err = m.Metadata(); err != nil {
		return nil, err
	}
	o.Metadata[optimizedKey] = string(text)
	_, outputs, err := m.Values()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, out := range outputs {
		if out.Type == "float32" && len(out.Dims) == 3 {
			names = append(names, out.Name)
		}
	}
	e, err := fastconformer.Read(m, r.contract.Names.Features, r.contract.Names.Lengths, names, r.bundle.files)
	if err != nil {
		return nil, err
	}
	return e.Write(o)
}

// writeRefusal keeps a graph of nothing but the reason why there is none.
func (r *Recognizer) writeRefusal(stamp optimized, path string) error {
	text, err := json.Marshal(stamp)
	if err != nil {
		return err
	}
	var none graph.Builder
	data, err := none.Bytes(map[string]string{optimizedKey: string(text)})
	if err != nil {
		return err
	}
	err = os.Remove(filepath.Join(filepath.Dir(path), r.optimizedWeights()))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.WriteFile(path, data, 0o666)
}

// optimizedWithin is how far log-probabilities of an optimized graph may be from those of the export. At
// full size they are up to 2.5e-4 apart, which is what other orders of sums give.
const optimizedWithin = 1e-3

// compareOptimized runs noise of several lengths and a sample of speech through the export and the
// optimized graph. They are not in memory at the same time.
func (r *Recognizer) compareOptimized(ctx context.Context, rt *ort.Runtime, export, made ort.Source, o Options) error {
	want, err := r.trialRows(ctx, rt, export, o)
	if err != nil {
		return err
	}
	exported := r.contract
	got, err := r.trialRows(ctx, rt, made, o)
	if err != nil {
		return err
	}
	if r.contract.Unnormalised != exported.Unnormalised {
		return errors.New("the optimized graph writes other values than the export")
	}
	all := agreement{logits: r.contract.Unnormalised}
	for i := range want {
		if len(got[i].values) != len(want[i].values) || len(got[i].head) != len(want[i].head) {
			return errors.New("the optimized graph writes rows of another number or width")
		}
		switch {
		case !r.contract.Encoder:
			all.compare(want[i].values, got[i].values, r.contract.Width, optimizedWithin)
		case want[i].head != nil:
			all.compare(want[i].head, got[i].head, r.contract.Names.HeadWidth, optimizedWithin)
			fallthrough
		default:
			all.note(distance(want[i].values, got[i].values))
		}
	}
	if all.best != all.rows {
		return fmt.Errorf("the optimized graph computes something else: %d of %d rows have another best piece", all.rows-all.best, all.rows)
	}
	if err := all.check(optimizedWithin); err != nil {
		return fmt.Errorf("the optimized graph computes something else: %w", err)
	}
	return nil
}

// trialRows returns what a graph writes for noise and for speech.
func (r *Recognizer) trialRows(ctx context.Context, rt *ort.Runtime, source ort.Source, o Options) (_ []*probed, err error) {
	s, err := r.open(ctx, rt, source, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var all []*probed
	for _, frames := range []int{1, 9, 64, 203, 257} {
		rows, err := r.contract.run(ctx, rt, s, frames, frames)
		if err != nil {
			return nil, err
		}
		all = append(all, rows)
	}
	windows, err := r.speech(ctx)
	if err != nil {
		return nil, err
	}
	for _, win := range windows[:2] { // the full ones
		rows, err := r.contract.rows(ctx, rt, s, win.features, int(win.frames))
		if err != nil {
			return nil, err
		}
		all = append(all, rows)
	}
	return all, nil
}
