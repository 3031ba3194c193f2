package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/graph"
	"github.com/asr-backend/asr-backend/models"
	"github.com/asr-backend/asr-backend/timeline"
)

const self = "asr-backend"

// peers compares the program with onnx-asr and sherpa-onnx on the same export and recording. They run it in
// pieces of a window without overlap; the program has the overlap, and no language model, as they.
func peers(ctx context.Context, b *bench, w io.Writer) error {
	python := filepath.Join(b.venv, "bin/python")
	if !b.havePeers() {
		return fmt.Errorf("%w: onnx-asr and sherpa-onnx are not installed in %s", errMissing, b.venv)
	}
	all, err := b.models(ctx)
	if err != nil {
		return err
	}
	length := 2 * time.Minute
	if b.quick {
		length = 5 * time.Second
	}
	path, err := b.speechFile(ctx, "peers.wav", length)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "| model | threads | program | ms of CPU a second of sound | %s |\n|---|---|---|---|---|---|---|---|\n", ratioColumns)
	for _, m := range all {
		for _, threads := range b.threads(m) {
			if err := b.peersOf(ctx, w, python, m, threads, path, length); err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
		}
	}
	fmt.Fprint(w, b.roundsNote(all))
	return nil
}

// havePeers reports whether test-env.sh has finished their environment.
func (b *bench) havePeers() bool {
	_, err := os.Stat(filepath.Join(b.venv, "requirements.sum"))
	return err == nil
}

func (b *bench) peersOf(ctx context.Context, w io.Writer, python string, m model, threads int, path string, length time.Duration) (err error) {
	onnxASR, sherpa, err := b.layouts(m)
	if err != nil {
		return err
	}
	p, err := startPeers(ctx, python, filepath.Join(b.root, "scripts/bench/peers.py"), onnxASR, sherpa, path, fmt.Sprint(threads),
		fmt.Sprint(asr.DefaultWindow.Rows.Duration().Seconds()))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	var runs []contender
	for _, v := range m.variants {
		if v.name != optimized && v.name != int8s {
			continue
		}
		r, err := b.open(ctx, m, v, threads, asr.Decoding{LM: asr.LMNone})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, r.Close()) }()
		t, err := newTranscriber(r)
		if err != nil {
			return err
		}
		runs = append(runs, contender{self + ", " + v.name, here(func(ctx context.Context) error {
			_, err := t.text(ctx, path)
			return err
		})})
	}
	for _, name := range []string{"onnx-asr", "sherpa-onnx"} {
		runs = append(runs, contender{name, func(context.Context) (took, error) { return p.run(name) }})
	}
	times, err := b.inTurns(ctx, 1, rounds(m), runs)
	if err != nil {
		return err
	}
	for i, c := range runs {
		fmt.Fprintf(w, "| %s | %d | %s | %.2f | %s |\n", m.name, threads, c.name, 1e3*least(times[i], took.processor)/length.Seconds(), compare(times[i], times[0]))
	}
	return nil
}

// peerProcess is peers.py.
type peerProcess struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	said    bytes.Buffer
}

func startPeers(ctx context.Context, python string, args ...string) (*peerProcess, error) {
	p := &peerProcess{command: exec.CommandContext(ctx, python, args...)}
	p.command.Stderr = &p.said
	var err error
	if p.in, err = p.command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	return p, p.command.Start()
}

// run lets a peer transcribe.
func (p *peerProcess) run(name string) (took, error) {
	if _, err := fmt.Fprintln(p.in, name); err != nil {
		return took{}, fmt.Errorf("%w\n%s", err, &p.said)
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return took{}, errors.Join(err, p.close())
	}
	var answer struct {
		CPU, Wall float64
		Text      string
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		return took{}, err
	}
	if strings.TrimSpace(answer.Text) == "" {
		return took{}, errors.New("it has found no text")
	}
	return took{timeline.FromSeconds(answer.CPU), timeline.FromSeconds(answer.Wall)}, nil
}

// close ends the process, which does at the end of its input.
func (p *peerProcess) close() error {
	_ = p.in.Close() // closed twice after an error
	if err := p.command.Wait(); err != nil {
		return fmt.Errorf("peers.py: %w\n%s", err, &p.said)
	}
	return nil
}

// layouts writes the folders that onnx-asr and sherpa-onnx read a model from.
func (b *bench) layouts(m model) (onnxASR, sherpa string, err error) {
	onnxASR, sherpa = filepath.Join(b.work, "onnx-asr "+m.name), filepath.Join(b.work, "sherpa-onnx "+m.name)
	if _, err := os.Stat(onnxASR); err == nil {
		return onnxASR, sherpa, nil
	}
	files := models.Default()
	if m.path != models.DefaultName {
		files = os.DirFS(m.path)
	}
	data, err := fs.ReadFile(files, "model.onnx")
	if err != nil {
		return "", "", err
	}
	tokens, err := fs.ReadFile(files, "tokens.txt")
	if err != nil {
		return "", "", err
	}
	pieces := bytes.Count(bytes.TrimSpace(tokens), []byte("\n")) + 1
	forSherpa, err := withMetadata(data, map[string]string{"vocab_size": fmt.Sprint(pieces - 1), "normalize_type": "per_feature",
		"subsampling_factor": "8", "model_type": "EncDecHybridRNNTCTCBPEModel", "version": "1"})
	if err != nil {
		return "", "", err
	}
	for path, content := range map[string][]byte{
		filepath.Join(onnxASR, "model.onnx"):  data,
		filepath.Join(onnxASR, "vocab.txt"):   tokens,
		filepath.Join(onnxASR, "config.json"): []byte(`{"model_type": "nemo-conformer-ctc", "features_size": 80, "subsampling_factor": 8}`),
		filepath.Join(sherpa, "model.onnx"):   forSherpa,
		filepath.Join(sherpa, "tokens.txt"):   tokens,
	} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, content, 0o644)); err != nil {
			return "", "", err
		}
	}
	return onnxASR, sherpa, nil
}

// withMetadata adds what an ONNX file does not have of this. Fields of a protobuf message may stand in any
// order, so they are appended.
func withMetadata(model []byte, metadata map[string]string) ([]byte, error) {
	g, err := graph.Parse(model)
	if err != nil {
		return nil, err
	}
	have, err := g.Metadata()
	if err != nil {
		return nil, err
	}
	out := bytes.Clone(model)
	for key, value := range metadata {
		if _, ok := have[key]; ok {
			continue
		}
		const metadataProps = 14 // of ModelProto
		entry := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), key)
		entry = protowire.AppendString(protowire.AppendTag(entry, 2, protowire.BytesType), value)
		out = protowire.AppendBytes(protowire.AppendTag(out, metadataProps, protowire.BytesType), entry)
	}
	return out, nil
}
