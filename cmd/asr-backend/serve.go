package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/asr-backend/asr-backend/asr"
	"github.com/asr-backend/asr-backend/internal/cli"
	"github.com/asr-backend/asr-backend/jobs"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/models"
	"github.com/asr-backend/asr-backend/service"
	"github.com/asr-backend/asr-backend/service/training"
)

type serveCommand struct {
	placeFlags
	PredictWait time.Duration `help:"How long a prediction request waits at most for transcripts. What will not be ready by then is not waited for: the request returns no prediction, and the result is pushed to Label Studio later. 0s: return at once." default:"20s" group:"Service"`
	Recordings  int           `help:"Recordings transcribed concurrently; more share these places in turns. 0: automatic." default:"0" group:"Service"`
	MaxModels   int           `help:"Maximum number of models in memory, for projects with a model of their own." default:"2" min:"1" group:"Service"`
	GiveUp      time.Duration `help:"How long to retry when a recording or Label Studio cannot be reached." default:"168h" group:"Service"`
	BodyLimit   int           `help:"Maximum size of a request, in megabytes." default:"250" min:"1" max:"4096" group:"Service"`

	studioFlags

	Channels  string        `help:"Channels to transcribe: mix, split, or a channel number, counted from 0. Default: split where the labelling configuration shows channels separately, else mix." default:"" placeholder:"CHANNELS" group:"Recordings"`
	Partial   time.Duration `help:"Store a prediction of what has been transcribed so far for recordings longer than this, until all of it is. 0s: never." default:"0s" group:"Recordings"`
	CacheSize int64         `help:"Maximum size of the cache of downloaded recordings, in megabytes." default:"20480" min:"1" max:"1000000000" group:"Recordings"`
	KeepRows  int64         `help:"Maximum size of what is kept of transcribed recordings so that new hotwords, another language model or other regions need no new run of the model, in megabytes. 0: keep nothing." default:"1024" min:"0" max:"1000000" group:"Recordings"`
	MaxFile   int64         `help:"Maximum size of a recording, in megabytes." default:"8192" min:"1" max:"1000000000" group:"Recordings"`
	FFmpeg    string        `help:"Path to ffmpeg, which decodes the formats that are not built in; \"off\" never runs it." name:"ffmpeg" default:"" group:"Recordings"`

	natsFlags

	WebhookSecret labelstudio.Secret `help:"Secret that webhooks need: in the header X-Webhook-Secret, or in the backend's address, http://HOST:9090/s/SECRET. 16 or more letters, digits, - and _." placeholder:"SECRET" group:"Access"`

	Open []string `help:"Routes that need no authentication. Label Studio sends webhooks without credentials." default:"/webhook,/health" group:"Access" name:"open-route"`

	LogFormat string     `help:"Log format: text or json." enum:"text,json" default:"text" group:"Log"`
	LogLevel  slog.Level `help:"Lowest level to log: debug, info, warn or error." default:"info" group:"Log"`

	Learn      string        `help:"Whether projects learn from what people correct, so that the next predictions know it: on or off. A project can choose otherwise." enum:"on,off" default:"on" group:"Learning"`
	LearnAfter int           `help:"How many new corrections make a project learn." default:"20" min:"1" group:"Learning"`
	LearnQuiet time.Duration `help:"How long no correction has come when a project learns from fewer." default:"10m" group:"Learning"`

	TrainCommand string        `help:"Command line for sh that trains a model on the corrections of a project, such as \"python models/train/finetune.py\"; Start Training in Label Studio runs it. See doc/training.md. Default: none." placeholder:"COMMAND" group:"Learning"`
	TrainTimeout time.Duration `help:"How long the training command may run." default:"12h" group:"Learning"`

	regionFlags
	modelFlags
	decodingFlags
}

// Run serves until ctx ends.
func (c *serveCommand) Run(ctx context.Context, std streams) error {
	o, err := c.options(std)
	if err != nil {
		return err
	}
	s, err := service.New(o)
	if err != nil {
		return &cli.UsageError{Err: err}
	}
	err = s.Start()
	if errors.Is(err, syscall.EADDRINUSE) {
		return &cli.UsageError{Err: fmt.Errorf("%w; stop what listens there, or choose another port with --port", err)}
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(std.err, "asr-backend %s serves on %s\nstatus page: %[2]s/status\n", version, clickable(s.Addr()))
	broken := s.Wait(ctx)
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	if err := s.Stop(stop); err != nil {
		return errors.Join(broken, fmt.Errorf("stop: %w", err))
	}
	return broken
}

// withoutEmptyHint leaves out the hint of an error that has none.
func withoutEmptyHint(_ []string, a slog.Attr) slog.Attr {
	if a.Key == "hint" && a.Value.String() == "" {
		return slog.Attr{}
	}
	return a
}

// clickable returns an address as a browser on this machine can open it.
func clickable(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return "http://localhost:" + port
	}
	return "http://" + a.String()
}

// stopWithin bounds the wait for requests under way; docker stop kills after ten seconds.
const stopWithin = 8 * time.Second

func (c *serveCommand) options(std streams) (service.Options, error) {
	store, err := models.NewStore(c.ModelsDir)
	if err != nil {
		return service.Options{}, err
	}
	form := &slog.HandlerOptions{Level: c.LogLevel, ReplaceAttr: withoutEmptyHint}
	log := slog.New(slog.NewTextHandler(std.err, form))
	if c.LogFormat == "json" {
		log = slog.New(slog.NewJSONHandler(std.err, form))
	}
	if err := cmp.Or(c.placeFlags.check(), c.studioFlags.check(), c.modelFlags.check(), c.decodingFlags.check()); err != nil {
		return service.Options{}, err
	}
	if c.BasicUser == "" && !slices.Equal(c.Open, []string{"/webhook", "/health"}) {
		return service.Options{}, &cli.UsageError{Err: errors.New("--open-route names routes that need no authentication, but none does: set --basic-user (BASIC_AUTH_USER) and --basic-password (BASIC_AUTH_PASS), or leave it out")}
	}
	jobStore, err := c.natsFlags.options(filepath.Join(c.DataDir, "jobs"))
	if err != nil {
		return service.Options{}, &cli.UsageError{Err: err}
	}
	c.keepRows(&jobStore)
	variant, recognizer := c.modelFlags.options()
	recognizer.Decoding, recognizer.Cache = c.decoding(), c.DataDir
	wait := c.PredictWait
	if wait <= 0 {
		wait = -1
	}
	sentences := !c.NoSentences
	fetch := c.mediaOptions()
	fetch.CacheDir, fetch.CacheBytes, fetch.MaxBytes = filepath.Join(c.DataDir, "recordings"), c.CacheSize<<20, c.MaxFile<<20
	o := service.Options{
		Address: net.JoinHostPort(c.Host, strconv.Itoa(c.Port)), Library: c.Library, Recognizer: recognizer, Variant: variant,
		OpenModel: store.Open, CanonicalModel: models.Canonical, MaxModels: c.MaxModels,
		Defaults: service.Settings{Model: c.Model, Decoder: asr.Decoder(c.Decoder), Channels: c.Channels, MaxRegion: c.MaxRegion.Seconds(), MinPause: c.MinPause.Seconds(), Sentences: &sentences, Partial: c.Partial.Minutes(), Learn: c.Learn},
		TextsDir: filepath.Join(c.DataDir, "projects"), LearnAfter: c.LearnAfter, LearnQuiet: c.LearnQuiet,
		Training:          training.Settings{Command: c.TrainCommand, Timeout: c.TrainTimeout, Folder: filepath.Join(c.DataDir, "training"), ModelsDir: store.Dir},
		FFmpeg:            c.FFmpeg,
		LabelStudio:       api.Options{URL: c.LabelStudioURL, Token: c.LabelStudioToken, UserAgent: "asr-backend/" + version},
		StudioForBrowsers: c.BrowserURL, StudioAliases: c.Alias,
		Media:       fetch,
		Jobs:        jobStore,
		PredictWait: wait, Recordings: c.Recordings, GiveUp: c.GiveUp,
		User: c.BasicUser, Password: c.BasicPassword, WebhookSecret: c.WebhookSecret, Open: c.Open, BodyLimit: c.BodyLimit << 20,
		Version: version, Logger: log,
	}
	if c.BrowserURL != "" {
		if _, err := api.ParseURL(c.BrowserURL); err != nil {
			return service.Options{}, &cli.UsageError{Err: fmt.Errorf("--label-studio-browser-url: %w", err)}
		}
	}
	o.Jobs.Source = jobSource(c.LabelStudioURL)
	for _, alias := range c.Alias {
		if s := jobSource(alias); s != "" {
			o.Jobs.Aliases = append(o.Jobs.Aliases, s)
		}
	}
	if err := o.Jobs.Validate(); err != nil {
		return service.Options{}, &cli.UsageError{Err: err}
	}
	return o, nil
}

// keepRows limits the rows that are kept. Jobs under way have as much room beside them as by default.
func (c *serveCommand) keepRows(o *jobs.Options) {
	o.KeptWindowBytes = c.KeepRows << 20
	if c.KeepRows == 0 {
		o.KeptWindowBytes = -1
	}
	if more := o.KeptWindowBytes - jobs.DefaultKeptWindows; more > 0 {
		o.WindowBytes = jobs.DefaultWindowBytes + more
	}
}

// jobSource returns the address of a Label Studio as the job store keeps it: host, port and
// path. The scheme does not count, since TLS may be added in front of a server. An address
// that cannot be used is empty; the service reports it.
func jobSource(address string) string {
	u, err := api.ParseURL(address)
	if err != nil {
		return ""
	}
	host := strings.ToLower(u.Host)
	if u.Scheme == "http" {
		host = strings.TrimSuffix(host, ":80")
	} else {
		host = strings.TrimSuffix(host, ":443")
	}
	return host + u.Path
}

// defaultDataDir is where the service keeps its data if nothing else is said.
func defaultDataDir() string {
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "asr-backend")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "asr-backend-data"
	}
	return filepath.Join(home, ".local", "share", "asr-backend")
}
