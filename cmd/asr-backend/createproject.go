package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	asrbackend "github.com/asr-backend/asr-backend"
	"github.com/asr-backend/asr-backend/internal/cli"
	"github.com/asr-backend/asr-backend/internal/visible"
	"github.com/asr-backend/asr-backend/labelstudio"
	"github.com/asr-backend/asr-backend/labelstudio/api"
	"github.com/asr-backend/asr-backend/labelstudio/labelconfig"
)

// kindProject is the kind that makes a project in Label Studio.
const kindProject = "project"

// projectFlags say which project to make, where, and which service to connect it to.
type projectFlags struct {
	Configuration string `help:"Labelling configuration: calls, interviews, lectures, meetings, long-audio, or a file. Default: lectures." placeholder:"NAME|FILE" default:"lectures" group:"Project"`
	Title         string `help:"Title of the project. Default: the name of the labelling configuration." group:"Project"`
	BackendURL    string `help:"Address of the service as seen from Label Studio." name:"backend-url" default:"http://localhost:9090" placeholder:"URL" group:"Project"`

	LabelStudioURL   string             `help:"Address of Label Studio as seen from here, such as http://label-studio:8080." env:"LABEL_STUDIO_URL,LABEL_STUDIO_HOST" name:"label-studio-url" placeholder:"URL" group:"Project"`
	LabelStudioToken labelstudio.Secret `help:"Token of a Label Studio user who can create projects." env:"LABEL_STUDIO_API_KEY,LABEL_STUDIO_ACCESS_TOKEN" name:"label-studio-token" placeholder:"TOKEN" group:"Project"`
	BasicUser        string             `help:"User name of the service." env:"BASIC_AUTH_USER" placeholder:"USER" group:"Project"`
	BasicPassword    labelstudio.Secret `help:"Password of the service." env:"BASIC_AUTH_PASS" placeholder:"PASSWORD" group:"Project"`
}

// configurations is the folder of the labelling configurations in the program.
const configurations = "doc/configurations"

// configuration returns a name and the text of the labelling configuration.
func (f *projectFlags) configuration() (name, text string, err error) {
	raw, err := fs.ReadFile(asrbackend.Files, path.Join(configurations, f.Configuration+".xml"))
	if err == nil {
		return f.Configuration, string(raw), nil
	}
	raw, err = os.ReadFile(f.Configuration)
	if errors.Is(err, fs.ErrNotExist) {
		return "", "", fmt.Errorf("%s is neither a file nor one of the labelling configurations %s", visible.Text(f.Configuration), configurationNames())
	}
	if err != nil {
		return "", "", fmt.Errorf("read the labelling configuration: %w", visible.Error(err))
	}
	base := path.Base(f.Configuration)
	return strings.TrimSuffix(base, path.Ext(base)), string(raw), nil
}

// create makes a project in Label Studio, connects the service, and says where it is.
func (f *projectFlags) create(ctx context.Context, std streams) error {
	name, text, err := f.configuration()
	if err != nil {
		return &cli.UsageError{Err: err}
	}
	config, err := labelconfig.Parse(text)
	if err != nil {
		return &cli.UsageError{Err: fmt.Errorf("%s: %w", name, err)}
	}
	plans, why := config.Plans(labelconfig.Options{})
	if len(plans) == 0 {
		return &cli.UsageError{Err: fmt.Errorf("%s: %s", name, why)}
	}
	if f.LabelStudioURL == "" || f.LabelStudioToken.IsZero() {
		return &cli.UsageError{Err: errors.New("set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY")}
	}
	client, err := api.New(api.Options{URL: f.LabelStudioURL, Token: f.LabelStudioToken, UserAgent: "asr-backend/" + version})
	if err != nil {
		return err
	}
	// What can be known before is asked before: a project that is not connected is of no use.
	if err := client.CheckBackend(ctx, f.BackendURL); err != nil {
		return err
	}
	if f.Title == "" {
		f.Title = strings.ToUpper(name[:1]) + strings.ReplaceAll(name[1:], "-", " ")
	}
	p, err := client.CreateProject(ctx, f.Title, text)
	if err != nil {
		return err
	}
	link := fmt.Sprintf("%s/projects/%d/data", strings.TrimSuffix(client.Base().Redacted(), "/"), p.ID)
	interactive := true
	b, err := client.AddBackend(ctx, api.BackendSettings{URL: f.BackendURL, Title: "asr-backend", Project: p.ID, Interactive: &interactive, User: f.BasicUser, Password: f.BasicPassword})
	if err != nil {
		return fmt.Errorf("project %d was made at %s and not connected: %w", p.ID, link, err)
	}
	served := make([]string, len(plans))
	for i, plan := range plans {
		served[i] = plan.String()
	}
	said := fmt.Sprintf("Project %d %q is connected to %s.\nIts recordings get, in %s.\n", p.ID, f.Title, f.BackendURL, strings.Join(served, "; "))
	for _, o := range config.DecodesWhole() {
		said += fmt.Sprintf("Label Studio's page may not open recordings over 30 minutes: use %s\n", o.WithDecoder("none"))
	}
	if b.State == "DI" {
		said += "Label Studio does not reach the service at that address yet: see `asr-backend doctor`.\n"
	}
	_, err = fmt.Fprint(std.out, said+importing(config)+link+"\n")
	return err
}

// importing says how recordings come into the project, if Upload Files alone does not do it:
// Label Studio makes tasks of uploaded files only where a page shows one key of a task.
func importing(config *labelconfig.Config) string {
	task := map[string]any{}
	for _, o := range config.Objects {
		if o.Key() == "" {
			continue
		}
		task[o.Key()] = ""
		if o.Is("Paragraphs") {
			task[o.Key()] = []any{}
		} else if o.Is("Audio", "AudioPlus") {
			task[o.Key()] = "https://..."
		}
	}
	for _, c := range config.Controls {
		if c.Is("TextArea") && c.Key() != "" {
			task[c.Key()] = ""
		}
	}
	if len(task) < 2 {
		return ""
	}
	raw, err := json.Marshal([]any{task})
	if err != nil {
		return ""
	}
	return "Import its tasks as a JSON file, such as " + string(raw) + "\n"
}

// configurationNames lists the labelling configurations in the program.
func configurationNames() string {
	files, err := fs.Glob(asrbackend.Files, configurations+"/*.xml")
	if err != nil {
		return ""
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(path.Base(f), ".xml")
	}
	return strings.Join(files, ", ")
}
