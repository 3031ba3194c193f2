package asr

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/asr-backend/asr-backend/asr/fastconformer"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/filestamp"
	"github.com/asr-backend/asr-backend/internal/sealed"
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

// optimizedKey is in the metadata of an optimized graph.
const optimizedKey = "asr_backend_optimized"

// optimized is what an optimized graph was made of, or why there is none. It is a file beside the graph.
type optimized struct {
	Version int
	Rows    timeline.Row      // the longest window
	Weights Precision         `json:",omitempty"` // INT8 or INT8Careful
	Bits    int               `json:",omitempty"` // of such weights
	Files   map[string]string // stamps of the files of the export, by name
	// Refused says why the model runs as it was exported.
	Refused string `json:",omitempty"`
	// Difference is how far log-probabilities that count were from those of the export, on the speech and
	// noise that were compared; of an encoder, its values.
	Difference float64 `json:",omitempty"`
}

// errNotWritable says that an optimized graph cannot be kept anywhere.
var errNotWritable = errors.New("the optimized graph cannot be written")

// optimize returns the graph that a CPU runs in place of an export: the same with less work, see package
// fastconformer. It is made once, compared with the export, and kept. An error says why there is none and
// the export has to run; nothing is wrong then but the speed.
func (r *Recognizer) optimize(ctx context.Context, rt *ort.Runtime, source ort.Source, o Options) (made ort.Source, difference float64, err error) {
	if p := r.bundle.precision(); p != FP32 {
		return made, 0, fmt.Errorf("its graph is %s", p)
	}
	if n := r.window.Rows; n > mostOptimizedRows {
		return made, 0, fmt.Errorf("windows of %d rows are too long: position encodings of %d are kept at most", n, mostOptimizedRows)
	}
	stamp, err := r.stampOptimized(o)
	if err != nil {
		return made, 0, err
	}
	folders := r.optimizedFolders(o)
	for _, folder := range folders {
		path := filepath.Join(folder, r.optimizedName(stamp))
		if found := stamp.find(path); found != nil {
			return ort.Source{Path: path}, found.Difference, found.refusal()
		}
	}
	var errs []error
	for _, folder := range folders {
		path := filepath.Join(folder, r.optimizedName(stamp))
		err := r.keepOptimized(ctx, rt, source, &stamp, path, o)
		if err == nil {
			return ort.Source{Path: path}, stamp.Difference, stamp.refusal()
		}
		if !errors.Is(err, errNotWritable) {
			return made, 0, err
		}
		errs = append(errs, err)
	}
	if r.bundle.Dir != "" {
		return made, 0, errors.Join(errs...)
	}
	data, err := r.writeOptimized(fastconformer.Options{}, stamp)
	return ort.Source{Path: source.Path, Data: data}, 0, err
}

// refusal returns why there is no graph, or nil.
func (o *optimized) refusal() error {
	if o.Refused != "" {
		return errors.New(o.Refused)
	}
	return nil
}

// stampOptimized returns the stamp of a graph that is made now.
func (r *Recognizer) stampOptimized(o Options) (optimized, error) {
	stamp := optimized{Version: optimizedVersion, Rows: r.window.Rows, Files: map[string]string{}}
	if o.Weights.quantized() != fastconformer.Full {
		stamp.Weights, stamp.Bits = o.Weights, quantizedBits()
	}
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

// find returns what was noted beside a graph if it was made of the same files, else nil.
func (o *optimized) find(path string) *optimized {
	got := &optimized{}
	if _, err := sealed.Read(path+".json", got); err != nil || got.Version != o.Version || got.Rows < o.Rows || got.Weights != o.Weights || got.Bits != o.Bits || !maps.Equal(got.Files, o.Files) {
		return nil
	}
	return got
}

// keepOptimized makes the graph at a path, and keeps it there if it computes the same as the export, and
// otherwise the reason. Whoever else makes it at the same time makes the same.
func (r *Recognizer) keepOptimized(ctx context.Context, rt *ort.Runtime, source ort.Source, stamp *optimized, path string, o Options) (err error) {
	folder, name := filepath.Split(path)
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return fmt.Errorf("%w: %w", errNotWritable, err)
	}
	removeLeftovers(folder)
	work, err := os.MkdirTemp(folder, making+"*")
	if err != nil {
		return fmt.Errorf("%w: %w", errNotWritable, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	trial := filepath.Join(work, name)
	refused := r.makeOptimized(*stamp, trial)
	if refused == nil && r.bundle.Dir != "" { // those inside the program are compared by its tests
		debug.FreeOSMemory() // the weights passed through memory of ours
		stamp.Difference, refused = r.compareOptimized(ctx, rt, source, ort.Source{Path: trial}, o)
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(refused, fastconformer.ErrUnknown), errors.Is(refused, errDiffers):
		stamp.Refused = refused.Error()
		for _, old := range []string{trial, trial + ".data", path, path + ".data"} {
			if err := os.Remove(old); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("%w: %w", errNotWritable, err)
			}
		}
	case refused != nil: // it may go well the next time
		return refused
	}
	if err := sealed.Write(trial+".json", stamp); err != nil {
		return fmt.Errorf("%w: %w", errNotWritable, err)
	}
	for _, end := range []string{".data", "", ".json"} { // the note last: it says that the others are whole
		err := os.Rename(trial+end, path+end)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: %w", errNotWritable, err)
		}
	}
	return nil
}

// making begins the names of folders in which graphs are made.
const making = "making-"

// removeLeftovers deletes what a process that was killed has left of a graph. No graph takes an hour.
func removeLeftovers(folder string) {
	left, _ := filepath.Glob(filepath.Join(folder, making+"*")) // the pattern is sound
	for _, dir := range left {
		if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > time.Hour {
			_ = os.RemoveAll(dir) // whoever can see it can try again
		}
	}
}

// optimizedName is the file of an optimized graph. Its weights are beside it, in a file of this name and .data.
func (r *Recognizer) optimizedName(stamp optimized) string {
	if stamp.Weights == "" {
		return r.bundle.Graph
	}
	return fmt.Sprintf("%s.%s.onnx", strings.TrimSuffix(r.bundle.Graph, ".onnx"), stamp.Weights)
}

// makeOptimized writes the graph and its weights.
func (r *Recognizer) makeOptimized(stamp optimized, path string) (err error) {
	weights, err := os.Create(path + ".data")
	if err != nil {
		return fmt.Errorf("%w: %w", errNotWritable, err)
	}
	defer func() { err = errors.Join(err, weights.Close()) }()
	full := &noteError{file: weights}
	data, err := r.writeOptimized(fastconformer.Options{Beside: full, BesideName: filepath.Base(path) + ".data"}, stamp)
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
	if err := os.Remove(made.Path + ".json"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("asr: delete a damaged file: %w", err)
	}
	return nil
}

// writeOptimized writes the graph of a model, with the metadata of the export and a stamp.
func (r *Recognizer) writeOptimized(o fastconformer.Options, stamp optimized) (_ []byte, err error) {
	m, closer, err := r.bundle.graph()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	if o.Metadata, err = m.Metadata(); err != nil {
		return nil, err
	}
	o.Metadata[optimizedKey] = strconv.Itoa(stamp.Version)
	o.Rows, o.Precision, o.Bits = stamp.Rows, stamp.Weights.quantized(), stamp.Bits
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
