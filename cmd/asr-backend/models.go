package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/asr/ort"
	"github.com/asr-backend/asr-backend/internal/finding"
	"github.com/asr-backend/asr-backend/models"
	"github.com/asr-backend/asr-backend/models/verify"

	"golang.org/x/term"
)

type modelsCommand struct {
	ModelsDir string `help:"Folder of downloaded models. Default: ~/.local/share/asr-backend/models." type:"path" placeholder:"DIR"`

	List     listCommand     `cmd:"" help:"List installed and available models."`
	Pull     pullCommand     `cmd:"" help:"Download models, resuming interrupted downloads."`
	Path     pathCommand     `cmd:"" help:"Print the path of a model."`
	Optimize optimizeCommand `cmd:"" help:"Write a graph of a model for the CPU of this machine, or for GPUs, into its folder."`
	Verify   verifyCommand   `cmd:"" help:"Verify the files of a model, load it and describe it."`
	Dump     dumpCommand     `cmd:"" help:"Write features, log-probabilities and greedy text of recordings, for comparison with other programs."`
}

// with calls do with the models and the library that runs them.
func (c *modelsCommand) with(library string, do func(*models.Store, *ort.Runtime) error) error {
	store, err := models.NewStore(c.ModelsDir)
	if err != nil {
		return err
	}
	runtime, err := ort.Open(library)
	if err != nil {
		return err
	}
	return errors.Join(do(store, runtime), runtime.Close())
}

type listCommand struct {
	JSON bool `help:"Print JSON, including sources, error rates and download addresses."`
}

// Run prints the list.
func (c *listCommand) Run(parent *modelsCommand, std streams) error {
	store, err := models.NewStore(parent.ModelsDir)
	if err != nil {
		return err
	}
	list, err := store.List()
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(std.out, map[string]any{"folder": store.Dir, "models": list})
	}
	return printList(std.out, store, list)
}

func printList(w io.Writer, store *models.Store, list []models.Entry) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tLANGUAGE\tSIZE\tTEXT\tLICENCE\tSTATE")
	for _, e := range list {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", e.Name, strings.Join(e.Languages, " "), entrySize(&e), entryText(&e), cmp.Or(e.Licence, "not stated"), entryState(&e))
	}
	fmt.Fprintf(t, "\n%s is inside the program, and %s means the same model.\n", models.EmbeddedName, models.DefaultName)
	fmt.Fprintf(t, "Downloaded models are in %s. int8 models are %s.\n", store.Dir, models.INT8.Warning())
	fmt.Fprintln(t, "fp16 variants, for GPUs, are not published; asr-backend models optimize --precision fp16 NAME makes one from a full model.")
	fmt.Fprintln(t, "Models that need export are not published as ONNX; doc/bring-your-model.md explains how to convert NeMo's file.")
	return t.Flush()
}

// entrySize is the size of the files, or about what they must be.
func entrySize(e *models.Entry) string {
	switch {
	case e.Bytes > 0:
		return megabytes(e.Bytes)
	case e.Precision == models.INT8:
		return "~" + megabytes(int64(e.Parameters)*1.15e6)
	case e.Parameters > 0:
		return "~" + megabytes(int64(e.Parameters)*4e6)
	}
	return ""
}

func entryText(e *models.Entry) string {
	text := map[models.Casing]string{models.Cased: "cased", models.Lower: "lower case", models.Caseless: "no case"}[e.Casing]
	if e.Punctuation {
		text += ", punctuated"
	}
	return cmp.Or(text, "not stated")
}

func entryState(e *models.Entry) string {
	state := string(e.State)
	if e.Half {
		state += ", fp16"
	}
	for _, p := range e.Quantized {
		state += ", " + string(p)
	}
	return state
}

// megabytes writes a size as download pages do, in units of 1000.
func megabytes(n int64) string {
	if n >= 1e9 {
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	}
	return fmt.Sprintf("%.0f MB", float64(n)/1e6)
}

type pullCommand struct {
	Names       []string `arg:"" name:"NAME" help:"Names of models; see asr-backend models list."`
	Mirror      string   `help:"Mirror that serves each file under the HOST/PATH of its original address, such as https://mirror.example/huggingface.co/..." env:"ASR_BACKEND_MODELS_MIRROR" placeholder:"URL"`
	HuggingFace string   `help:"Replacement for https://huggingface.co, if no mirror is set." name:"hf-endpoint" env:"HF_ENDPOINT" placeholder:"URL"`
	Quiet       bool     `help:"Print only errors." short:"q"`
}

// Run pulls one model after another; one that fails does not keep the others back.
func (c *pullCommand) Run(ctx context.Context, parent *modelsCommand, std streams) error {
	store, err := models.NewStore(parent.ModelsDir)
	if err != nil {
		return err
	}
	m := &meter{w: std.err, terminal: !c.Quiet && term.IsTerminal(int(std.err.Fd()))}
	var errs []error
	for _, name := range c.Names {
		o := models.PullOptions{Mirror: c.Mirror, HuggingFace: c.HuggingFace, UserAgent: "asr-backend/" + version, Progress: m.progress}
		if !c.Quiet {
			o.Notice = m.line
		}
		pulled, err := store.Pull(ctx, name, o)
		m.end()
		switch {
		case ctx.Err() != nil:
			m.line("stopped; the partial download is kept, and the same command resumes it")
			return context.Cause(ctx)
		case err != nil:
			errs = append(errs, err)
		case c.Quiet:
		case pulled.Already:
			m.line(pulled.Name + " is already installed, in " + pulled.Path)
		default:
			m.line(pulled.Name + " is in " + pulled.Path + "; use it with --model " + pulled.Name)
		}
		if err == nil && !pulled.Already {
			optimizePulled(ctx, store, pulled.Name)
		}
	}
	return errors.Join(errs...)
}

// optimizePulled makes the graph for this machine's CPU, where there is the library for it. Else, and if it
// fails, that is left to the first use of the model, which says why.
func optimizePulled(ctx context.Context, store *models.Store, name string) {
	runtime, err := ort.Open("")
	if err != nil {
		return
	}
	_, _ = store.OptimizeCPU(ctx, runtime, name, asr.FP32, userCache())
	_ = runtime.Close()
}

type pathCommand struct {
	Name string `arg:"" name:"NAME" help:"Name of a model; see asr-backend models list."`
}

// Run prints the folder.
func (c *pathCommand) Run(parent *modelsCommand, std streams) error {
	store, err := models.NewStore(parent.ModelsDir)
	if err != nil {
		return err
	}
	path, err := store.Path(c.Name)
	if err == nil {
		_, err = fmt.Fprintln(std.out, path)
	}
	return err
}

type verifyCommand struct {
	Model   string `arg:"" name:"NAME|PATH" help:"Model name, or path to a model folder or ONNX file." default:"small-en" optional:""`
	JSON    bool   `help:"Print JSON."`
	Library string `help:"ONNX Runtime library, as file or folder. Default: searched for beside the program, then in the system's library folders." name:"onnxruntime" type:"path"`
}

// Run examines the model.
func (c *verifyCommand) Run(ctx context.Context, parent *modelsCommand, std streams) error {
	var findings []finding.Finding
	err := parent.with(c.Library, func(store *models.Store, runtime *ort.Runtime) (err error) {
		findings, err = verify.Model(ctx, &verify.Subject{Name: c.Model, Store: store, Runtime: runtime}, verify.Checks())
		return err
	})
	if err != nil {
		return err
	}
	if c.JSON {
		err = finding.PrintJSON(std.out, findings)
	} else {
		err = printVerdict(std.out, models.Canonical(c.Model), findings)
	}
	return errors.Join(err, finding.Verdict(findings))
}

func printVerdict(w *os.File, model string, findings []finding.Finding) error {
	if err := finding.Print(w, findings); err != nil {
		return err
	}
	verdict := "can be used"
	for _, f := range findings {
		switch {
		case f.Status != finding.Failure:
		case f.Check == "model", f.Check == "contract":
			verdict = "cannot be used"
		case verdict == "can be used":
			verdict = "cannot be relied on"
		}
	}
	_, err := fmt.Fprintf(w, "\n%s %s\n", model, verdict)
	return err
}
